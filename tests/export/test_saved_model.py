"""Exports of every kind of model, answered by TensorFlow's C library.

That is how TensorFlow Serving runs them: see `c_library`.
"""

import base64
import functools
import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from PIL import Image

from selfsup import data, export, heads, inference, networks
from selfsup.export import saved_model, warmup

import c_library
import fakes
import image_files

pytestmark = pytest.mark.slow

FLOAT, STRING = 1, 7

# Layers of the signature `features` of the head that reads two taps only.
DEFAULT_LAYERS = {"histogram": ("relu2", "drop7")}

EVERY = pytest.mark.parametrize(
    "name",
    [
        "histogram",
        "segmenter",
        "classifier",
        "backbone",
        "lab",
        "single_label_classifier",
    ],
)


@pytest.fixture(scope="module")
def images(photos):
    """Photographs of two sizes, `[H, W, 3]`, uint8, and their files."""
    found = [
        image_files.photograph(photos / name, size)
        for name, size in (("coffee.jpg", (51, 40)), ("chelsea.jpg", (33, 57)))
    ]
    files = [image_files.encoded(image, "PNG") for image in found]
    return [np.asarray(image) for image in found], files


def floats(array):
    array = np.asarray(array, np.float32)
    return c_library.Array("float32", array.shape, array.tobytes())


def to_numpy(array):
    if array.dtype == "string":
        return np.array(array.data, object).reshape(array.shape)
    return np.frombuffer(array.data, array.dtype).reshape(array.shape)


def answer(client, folder, signature, **inputs):
    outputs = client.run(folder, signature, **inputs)
    return {name: to_numpy(array) for name, array in outputs.items()}


@pytest.fixture(scope="module")
def by_keras(exported_models, images):
    """Returns what the package itself computes for an image, by its number.

    The third image is the first one upside down.
    """
    first, second = images[0]
    arrays = (first, second, first[::-1])

    @functools.cache
    def compute(name, number):
        return computed(exported_models(name), arrays[number])

    return compute


def computed(exported, image):
    """Returns maps, and small answers."""
    model, gray = exported.model, data.as_network_input(image)
    if exported.kind == "colorizer":
        dense, pixels = heads.dense(model), image / np.float32(255)
        rgb = inference.color_image(dense, pixels, exported.side)
        return {"rgb": rgb}, {"colorized_bytes": np.rint(255 * rgb)}
    if exported.kind == "segmenter":
        logits = heads.dense(model)(gray[None])["classes"]
        values = tf.nn.softmax(logits)[0].numpy()
        return {"probabilities": values}, {"class_map_bytes": values.argmax(-1)}
    if exported.kind == "backbone":
        color = data.as_network_input(image, color_input=True)
        values = model(color[None])[0].numpy()
        return {"features": values}, {"features": values.mean((0, 1))}
    crops = data.voc.fixed_crops(image, exported.crop_size)
    if exported.kind == "single_label_classifier":
        crops = crops[:5]  # Without mirror images, which may have another label.
    (scores,) = model({"gray": crops}).values()
    scores = scores.numpy().mean(0)
    probabilities = 1 / (1 + np.exp(-scores))
    if exported.kind == "single_label_classifier":
        probabilities = np.exp(scores) / np.exp(scores).sum()
    labels = [name.encode() for name in exported.classes]
    maps = {"scores": scores, "probabilities": probabilities}
    return maps, {"scores": scores, "labels": labels}


def assert_like(found, expected, tolerance=1e-3):
    if found.dtype == object:
        assert list(found) == list(expected)
        return
    scale = max(1.0, np.abs(expected).max())
    np.testing.assert_allclose(found, expected, atol=tolerance * scale)


@EVERY
def test_encoded_images_are_answered(client, folder, by_keras, images, name):
    _, files = images
    batch = c_library.strings(*files)
    found = answer(client, folder(name), "serving_default", image_bytes=batch)
    for i in range(2):
        _, expected = by_keras(name, i)
        assert found.keys() == expected.keys()
        for key, values in expected.items():
            if key == "colorized_bytes":
                png = tf.io.decode_png(found[key][i]).numpy()
                # A number close to one half may be rounded the other way.
                assert np.abs(png - values).max() <= 1
            elif key == "class_map_bytes":
                png = tf.io.decode_png(found[key][i]).numpy()[..., 0]
                assert png.shape == values.shape
                assert np.mean(png == values) > 0.99
            else:
                assert_like(found[key][i], values)


@EVERY
def test_float_images_are_answered_with_maps(client, folder, by_keras, images, name):
    (image, _), _ = images
    batch = np.stack([image, image[::-1]])
    pixels = floats(batch / np.float32(255))
    found = answer(client, folder(name), "pixels", pixels=pixels)
    for i, number in enumerate((0, 2)):
        expected, _ = by_keras(name, number)
        assert found.keys() == expected.keys()
        for key, values in expected.items():
            assert_like(found[key][i], values)


@EVERY
def test_layers_are_answered(client, folder, exported_models, layers, images, name):
    (image, _), _ = images
    batch = np.stack([image, image[::-1]])
    found = answer(
        client, folder(name), "features", pixels=floats(batch / np.float32(255))
    )
    exported = exported_models(name)
    wanted = (
        layers.get(name)
        or DEFAULT_LAYERS.get(name)
        or [tap.layer for tap in networks.taps(exported.model)[-3:]]
    )
    assert sorted(found) == sorted(wanted)
    inputs = data.as_network_input(batch, exported.color)
    outputs = {layer: exported.model.get_layer(layer).output for layer in wanted}
    expected = keras.Model(exported.image, outputs)(inputs)
    for layer, values in expected.items():
        assert_like(found[layer], values.numpy())


@EVERY
def test_signatures_have_the_batch_first(client, folder, name):
    signatures = client.signatures(folder(name))
    assert sorted(signatures) == ["features", "pixels", "serving_default"]
    assert signatures["serving_default"][0] == {"image_bytes": (STRING, (-1,))}
    for signature in ("pixels", "features"):
        inputs, outputs = signatures[signature]
        assert inputs == {"pixels": (FLOAT, (-1, -1, -1, 3))}
        for dtype, shape in outputs.values():
            assert dtype == FLOAT and len(shape) > 1 and shape[0] == -1


@EVERY
def test_warmup_requests_are_answered(client, folder, name):
    records = tf.data.TFRecordDataset(str(folder(name) / warmup.FILE))
    signatures = []
    for record in records.as_numpy_iterator():
        (predict,) = c_library.fields(record)[6]
        request = c_library.fields(c_library.fields(predict)[1][0])
        model = c_library.fields(request[1][0])
        assert model[1] == [name.encode()]
        signature = model[3][0].decode()
        (key,), (value,) = c_library.fields(request[2][0]).values()
        array = tf.make_ndarray(tf.make_tensor_proto(0).FromString(value))
        inputs = c_library.strings(*array) if array.dtype == object else floats(array)
        client.run(folder(name), signature, **{key.decode(): inputs})
        signatures.append(signature)
    assert sorted(signatures) == ["features", "pixels", "serving_default"]


def test_the_process_has_neither_tensorflow_nor_keras_nor_us(client):
    roots = {name.split(".")[0] for name in client.modules()}
    assert "ctypes" in roots
    assert not roots & {"tensorflow", "keras", "numpy", "selfsup", "h5py", "absl"}


def test_the_process_refuses_what_servers_refuse(client, tmp_path):
    def saved(name, function):
        archive = keras.export.ExportArchive()
        spec = tf.TensorSpec([None, 2], tf.float32, "x")
        archive.add_endpoint("serving_default", function, [spec])
        archive.write_out(str(tmp_path / name), verbose=False)
        return tmp_path / name

    compiled = tf.function(lambda x: {"y": x + 1.0}, jit_compile=True)
    by_python = saved("python", lambda x: {"y": tf.py_function(abs, [x], tf.float32)})
    for version, message in (
        (saved("xla", lambda x: compiled(x)), "XLA compilation disabled"),
        (by_python, "EagerPyFunc"),
    ):
        with pytest.raises(c_library.Failure, match=message):
            client.run(version, "serving_default", x=floats([[1, 2]]))


def test_bad_requests_are_refused_and_the_next_one_is_answered(client, folder, images):
    arrays, files = images
    image = Image.fromarray(arrays[0])
    version = folder("classifier")
    good = c_library.strings(files[0])
    expected = client.run(version, "serving_default", image_bytes=good)
    _, before = client.memory()
    for name, (encoded, message) in image_files.bad(image).items():
        for batch in ((encoded,), (files[0], encoded)):
            with pytest.raises(c_library.Failure, match=message) as caught:
                client.run(
                    version, "serving_default", image_bytes=c_library.strings(*batch)
                )
            # An invalid argument, the client's fault.
            assert caught.value.code == 3, name
        assert client.run(version, "serving_default", image_bytes=good) == expected
    # Some claim 30,000 x 30,000 pixels, 2.7 GB.
    assert client.memory()[1] < before + 300


def test_pixels_beyond_the_range_are_refused(client, folder):
    for value in (-1.0, 7.0, np.nan):
        batch = floats(np.full([1, 20, 30, 3], value))
        with pytest.raises(c_library.Failure, match="Pixels are (beyond|not finite)"):
            answer(client, folder("histogram"), "pixels", pixels=batch)
    # Filters overshoot a little.
    for value in (-0.05, 0.0, 1.0, 1.05):
        batch = floats(np.full([1, 20, 30, 3], value))
        rgb = answer(client, folder("histogram"), "pixels", pixels=batch)["rgb"]
        assert rgb.min() >= 0 and rgb.max() <= 1


def rest_body(*files):
    """The body of a request to `/v1/models/NAME:predict`, as the README has it."""
    instances = [
        {"image_bytes": {"b64": base64.b64encode(file).decode()}} for file in files
    ]
    return json.dumps({"instances": instances})


def test_the_rest_request_holds_what_the_signature_takes(client, folder, images):
    _, files = images
    instances = json.loads(rest_body(*files))["instances"]
    # The server decodes objects with the one key b64 and stacks the instances.
    assert all(list(instance) == ["image_bytes"] for instance in instances)
    decoded = [base64.b64decode(row["image_bytes"]["b64"]) for row in instances]
    assert decoded == files
    outputs = client.run(
        folder("histogram"), "serving_default", image_bytes=c_library.strings(*decoded)
    )
    # It encodes strings again whose name ends so; other strings must be text.
    assert [name for name in outputs if name.endswith("_bytes")] == list(outputs)
    batch = c_library.strings(files[0])
    outputs = client.run(folder("classifier"), "serving_default", image_bytes=batch)
    assert outputs["labels"].data == [b"cat", b"dog", b"owl"]


def test_the_grpc_request_holds_what_the_signature_takes(client, folder, images):
    pytest.importorskip("tensorflow_serving")
    from tensorflow_serving.apis import predict_pb2

    _, files = images
    request = predict_pb2.PredictRequest()
    request.model_spec.name = "colors"
    request.model_spec.signature_name = "serving_default"
    request.inputs["image_bytes"].CopyFrom(tf.make_tensor_proto(files))
    sent = predict_pb2.PredictRequest.FromString(request.SerializeToString())
    (array,) = (tf.make_ndarray(tensor) for tensor in sent.inputs.values())
    promised = client.signatures(folder("histogram"))["serving_default"][0]
    assert sent.inputs.keys() == promised.keys()
    assert sent.inputs["image_bytes"].dtype == STRING and array.shape == (2,)
    batch = c_library.strings(*array)
    outputs = client.run(folder("histogram"), "serving_default", image_bytes=batch)
    assert outputs["colorized_bytes"].shape == (2,)


def test_metadata_are_written_beside_the_graph(folder):
    metadata = json.loads((folder("classifier") / export.METADATA).read_text())
    assert metadata["kind"] == "classifier"
    assert metadata["classes"] == ["cat", "dog", "owl"]
    assert (metadata["max_pixels"], metadata["crop_size"]) == (40_000, 30)
    assert metadata["side"] is None and metadata["tensorflow"] == tf.__version__
    assert metadata["reads"] == "JPEG or PNG"


def test_nothing_but_versions_is_left(folder):
    version = folder("classifier")
    assert version.name == "1" and version.parent.name == "classifier"
    assert list(version.parent.iterdir()) == [version]


def test_networks_with_unpadded_fc6_are_warmed_up_with_larger_images():
    for name, padding, border, side in (
        ("vgg16", "valid", "zeros", 224),
        ("alexnet", "same", "bias", 64),
        ("alexnet", "valid", "bias", 224),
    ):
        network = fakes.network(name, fc6_padding=padding, padding=border)
        exported = export.ExportedModel("backbone", network)
        assert saved_model._warmup_side(exported) == side
