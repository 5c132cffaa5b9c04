"""Requests that a model server answers before it takes others.

TensorFlow Serving reads them from a file in the SavedModel: records of serialized
`PredictionLog` messages, which are so few fields that they are written here
without the package of their definitions.
"""

import pathlib

import cv2
import numpy as np
import tensorflow as tf

from selfsup.data import files, load_image

FILE = pathlib.PurePath("assets.extra", "tf_serving_warmup_requests")

_PHOTO = files.PHOTOS / "astronaut.jpg"

# Numbers of the fields in tensorflow_serving/apis: prediction_log.proto,
# predict.proto and model.proto. Entries of a map have key and value.
_LOG_PREDICT, _PREDICT_REQUEST = 6, 1
_REQUEST_MODEL, _REQUEST_INPUTS = 1, 2
_MODEL_NAME, _MODEL_SIGNATURE = 1, 3
_KEY, _VALUE = 1, 2


def inputs(side):
    """Returns a small photograph as the signatures take it.

    Args:
        side: Its height and width in pixels.

    Returns:
        A pair: `[1]`, JPEGs, and `[1, side, side, 3]`, float32 RGB in `[0, 1]`.
    """
    image = load_image(_PHOTO)
    middle = min(image.shape[:2])
    small = cv2.resize(
        image[:middle, :middle], (side, side), interpolation=cv2.INTER_AREA
    )
    encoded = tf.io.encode_jpeg(small).numpy()
    return np.array([encoded], object), small[None] / np.float32(255.0)


def write(folder, requests, model_name):
    """Writes the requests.

    Args:
        folder: The folder of the SavedModel.
        requests: Dict from signature to a dict of arrays.
        model_name: Name of the model in the server.
    """
    path = pathlib.Path(folder, FILE)
    path.parent.mkdir(exist_ok=True)
    with tf.io.TFRecordWriter(str(path)) as writer:
        for signature, arrays in requests.items():
            writer.write(prediction_log(model_name, signature, arrays))


def prediction_log(model_name, signature, arrays):
    """Returns a serialized `PredictionLog` of one request, bytes.

    Args:
        model_name: Name of the model in the server.
        signature: Name of the signature.
        arrays: Dict from input to array.
    """
    model = _field(_MODEL_NAME, model_name.encode())
    model += _field(_MODEL_SIGNATURE, signature.encode())
    request = _field(_REQUEST_MODEL, model)
    for name, array in arrays.items():
        tensor = tf.make_tensor_proto(array).SerializeToString()
        entry = _field(_KEY, name.encode()) + _field(_VALUE, tensor)
        request += _field(_REQUEST_INPUTS, entry)
    return _field(_LOG_PREDICT, _field(_PREDICT_REQUEST, request))


def _field(number, content):
    """Returns a field of bytes: its key, the length, the content."""
    return _varint(number << 3 | 2) + _varint(len(content)) + content


def _varint(value):
    """Returns an integer in groups of seven bits, the lowest first."""
    groups = []
    while value > 127:
        groups.append(value & 127 | 128)
        value >>= 7
    return bytes([*groups, value])
