"""The warm-up requests, read by the tests' parser and by the real protocol buffers."""

import numpy as np
import pytest
import tensorflow as tf
from tensorflow.core.framework import tensor_pb2

from selfsup.export import warmup

import c_library

ARRAYS = {
    "image_bytes": np.array([b"\xff\xd8" + b"x" * 300], object),
    "pixels": np.arange(24, dtype=np.float32).reshape(1, 2, 4, 3),
}


def test_the_message_by_hand():
    tensor = tf.make_tensor_proto(np.float32([1])).SerializeToString()
    # Keys are number << 3 | 2, then the length. Innermost first.
    model = b"\x0a\x02ab" + b"\x1a\x01s"
    entry = b"\x0a\x01x" + b"\x12" + bytes([len(tensor)]) + tensor
    request = b"\x0a" + bytes([len(model)]) + model
    request += b"\x12" + bytes([len(entry)]) + entry
    predict = b"\x0a" + bytes([len(request)]) + request
    expected = b"\x32" + bytes([len(predict)]) + predict
    assert warmup.prediction_log("ab", "s", {"x": np.float32([1])}) == expected


@pytest.mark.parametrize("name", ARRAYS)
def test_long_contents_are_read_back(name):
    log = warmup.prediction_log("model", "signature", {name: ARRAYS[name]})
    request = c_library.fields(c_library.fields(log)[6][0])[1][0]
    request = c_library.fields(request)
    assert c_library.fields(request[1][0]) == {1: [b"model"], 3: [b"signature"]}
    key, tensor = (v for (v,) in c_library.fields(request[2][0]).values())
    assert key == name.encode()
    np.testing.assert_array_equal(
        tf.make_ndarray(tensor_pb2.TensorProto.FromString(tensor)), ARRAYS[name]
    )


def test_the_photograph_is_small_and_square():
    encoded, pixels = warmup.inputs(48)
    image = tf.io.decode_jpeg(encoded[0]).numpy()
    assert image.shape == (48, 48, 3) and len(encoded[0]) < 5000
    assert pixels.shape == (1, 48, 48, 3) and pixels.dtype == np.float32
    # The same photograph, but for what JPEG loses.
    assert np.abs(image / 255 - pixels[0]).mean() < 0.02
    assert np.ptp(pixels) > 0.9


def test_the_real_protocol_buffers_read_it(tmp_path):
    pytest.importorskip("tensorflow_serving")
    from tensorflow_serving.apis import prediction_log_pb2

    requests = {"serving_default": {"image_bytes": ARRAYS["image_bytes"]}}
    requests["pixels"] = {"pixels": ARRAYS["pixels"]}
    warmup.write(tmp_path, requests, "colors")
    records = tf.data.TFRecordDataset(str(tmp_path / warmup.FILE))
    found = {}
    for record in records.as_numpy_iterator():
        log = prediction_log_pb2.PredictionLog.FromString(record)
        assert log.WhichOneof("log_type") == "predict_log"
        request = log.predict_log.request
        assert request.model_spec.name == "colors"
        found[request.model_spec.signature_name] = {
            name: tf.make_ndarray(tensor) for name, tensor in request.inputs.items()
        }
    assert found.keys() == requests.keys()
    for name, arrays in requests.items():
        assert found[name].keys() == arrays.keys()
        for key, array in arrays.items():
            np.testing.assert_array_equal(found[name][key], array)
