"""Exports of every kind of model, answered by TensorFlow's C library.

That is how TensorFlow Serving runs them: see `c_library`.
"""

import base64
import functools
import json
import os
import socket
import subprocess

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

FLOAT, STRING = 1, 7
SIDE, CROP, LIMIT = 24, 30, 40_000
CLASSES = ("cat", "dog", "owl")

OPTIONS = {"hidden": 8, "hidden_stddev": 1.0}

# Layers of the signature `features`; without them the default.
# The head of this one reads two taps only.
DEFAULT_LAYERS = {"histogram": ("relu2", "drop7")}
LAYERS = {"lab": ("res3a_relu", "res4a_relu"), "segmenter": ("relu4_3",)}


def _taps(backbone, *names):
    """A few taps: many take long to build."""
    grids = networks.grids(backbone)
    return [
        networks.Tap(name, grids[name].stride, grids[name].offset, 0) for name in names
    ]


def _histogram():
    """Grouped convolutions, response normalisation, bias padding."""
    alexnet = fakes.randomize(fakes.network("alexnet", padding="bias"), bias=0.1)
    taps = _taps(alexnet, "relu2", "drop7")
    return export.Subject(
        "colorizer", heads.colorizer(alexnet, taps, 8, **OPTIONS), SIDE
    )


def _lab():
    """Residual blocks, affine batch normalisation."""
    resnet = fakes.randomize(fakes.network("resnet", normalization="affine"), bias=0.1)
    taps = _taps(resnet, "conv1_relu", "res4a_relu")
    model = heads.colorizer(resnet, taps, loss="lab", **OPTIONS)
    return export.Subject("colorizer", model, SIDE)


def _segmenter():
    """Affine batch normalisation, an input of another convention."""
    vgg16 = fakes.network("vgg16", normalization="affine", rescaling=(2.0, 0.1))
    model = heads.segmenter(vgg16, _taps(vgg16, "relu1_1", "relu5_3"), 3, **OPTIONS)
    return export.Subject("segmenter", model, classes=CLASSES)


def _classifier():
    alexnet = fakes.randomize(fakes.network("alexnet", normalization="none"), bias=0.1)
    model = heads.classifier(alexnet, 3)
    return export.Subject("classifier", model, None, CROP, CLASSES)


def _backbone():
    """Colour, a field-of-view block."""
    color = fakes.network("alexnet", input_channels=3, fov_blocks=1)
    return export.Subject("backbone", fakes.randomize(color, bias=0.1))


BUILDERS = {
    "histogram": _histogram,
    "lab": _lab,
    "segmenter": _segmenter,
    "classifier": _classifier,
    "backbone": _backbone,
}
EVERY = pytest.mark.parametrize(
    "name",
    [
        "histogram",
        # Its colours are held by the tests of the tasks too.
        pytest.param("lab", marks=pytest.mark.slow),
        "segmenter",
        "classifier",
        "backbone",
    ],
)


@pytest.fixture(scope="module")
def subjects():
    """Returns the model of a name, one for all tests."""

    @functools.cache
    def build(name):
        # Of so few channels some seeds predict one colour, or class.
        keras.utils.set_random_seed(0)
        return BUILDERS[name]()

    return build


@pytest.fixture(scope="module")
def folder(subjects, tmp_path_factory):
    """Returns the version folder of a model, written when it is asked for."""
    output = tmp_path_factory.mktemp("served")

    @functools.cache
    def written(name):
        settings = export.ExportSettings(
            max_pixels=LIMIT, features=LAYERS.get(name, ())
        )
        return export.write(subjects(name), output / name, settings)

    return written


@pytest.fixture(scope="module")
def client():
    with c_library.Client() as client:
        yield client


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
def by_keras(subjects, images):
    """Returns what the package itself computes for an image, by its number.

    The third image is the first one upside down.
    """
    first, second = images[0]
    arrays = (first, second, first[::-1])

    @functools.cache
    def compute(name, number):
        return computed(subjects(name), arrays[number])

    return compute


def computed(subject, image):
    """Returns maps, and small answers."""
    model, gray = subject.model, data.as_network_input(image)
    if subject.kind == "colorizer":
        rgb = inference.colorize(heads.dense(model), image / np.float32(255), SIDE)
        return {"rgb": rgb}, {"colorized_bytes": np.rint(255 * rgb)}
    if subject.kind == "segmenter":
        logits = heads.dense(model)(gray[None])["classes"]
        values = tf.nn.softmax(logits)[0].numpy()
        return {"probabilities": values}, {"class_map_bytes": values.argmax(-1)}
    if subject.kind == "classifier":
        crops = data.voc.fixed_crops(image, CROP)
        scores = model({"gray": crops})["classes"].numpy().mean(0)
        small = {"scores": scores, "labels": [name.encode() for name in CLASSES]}
        return {"scores": scores, "probabilities": 1 / (1 + np.exp(-scores))}, small
    values = model(data.as_network_input(image, color_input=True)[None])[0].numpy()
    return {"features": values}, {"features": values.mean((0, 1))}


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
def test_layers_are_answered(client, folder, subjects, images, name):
    (image, _), _ = images
    batch = np.stack([image, image[::-1]])
    found = answer(
        client, folder(name), "features", pixels=floats(batch / np.float32(255))
    )
    model = subjects(name).model
    layers = (
        LAYERS.get(name)
        or DEFAULT_LAYERS.get(name)
        or [tap.layer for tap in networks.taps(model)[-3:]]
    )
    assert sorted(found) == sorted(layers)
    inputs = data.as_network_input(batch, subjects(name).color)
    outputs = {layer: model.get_layer(layer).output for layer in layers}
    expected = keras.Model(subjects(name).image, outputs)(inputs)
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


def test_bad_requests_are_told_and_the_next_one_is_answered(client, folder, images):
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


def test_pixels_outside_of_the_range_come_out_as_maps(client, folder):
    for value in (-1.0, 0.0, 1.0, 7.0):
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
    # It encodes strings again where a name ends so; other strings must be text.
    assert [name for name in outputs if name.endswith("_bytes")] == list(outputs)
    batch = c_library.strings(files[0])
    outputs = client.run(folder("classifier"), "serving_default", image_bytes=batch)
    assert [label.decode() for label in outputs["labels"].data] == list(CLASSES)


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


def test_facts_are_written_beside_the_graph(folder):
    facts = json.loads((folder("classifier") / export.FACTS).read_text())
    assert facts["kind"] == "classifier" and facts["classes"] == list(CLASSES)
    assert (facts["max_pixels"], facts["crop_size"]) == (LIMIT, CROP)
    assert facts["side"] is None and facts["tensorflow"] == tf.__version__


def test_nothing_but_versions_is_left(folder):
    version = folder("classifier")
    assert version.name == "1" and version.parent.name == "classifier"
    assert list(version.parent.iterdir()) == [version]


@pytest.fixture
def quick(monkeypatch):
    """Replaces the model by a tiny graph; returns how to change it."""

    def use(function):
        archive = keras.export.ExportArchive()
        spec = tf.TensorSpec([None, 2], tf.float32, "x")
        archive.add_endpoint("serving_default", function, [spec])
        requests = {"serving_default": {"x": np.zeros([1, 2], np.float32)}}
        monkeypatch.setattr(saved_model, "_archive", lambda *_: (archive, requests))

    use(lambda x: {"y": x + 1.0})
    return use


@pytest.fixture
def subject(subjects):
    return subjects("backbone")


def content(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def test_versions_count_up_from_the_greatest(quick, subject, tmp_path):
    for name in ("2", "10", "x11", ".unfinished-12", "0x13"):
        (tmp_path / name).mkdir()
    assert export.write(subject, tmp_path) == tmp_path / "11"
    assert export.write(subject, tmp_path) == tmp_path / "12"
    settings = export.ExportSettings(version=5)
    assert export.write(subject, tmp_path, settings) == tmp_path / "5"
    # Readable by another user, as the server may be.
    assert (tmp_path / "5").stat().st_mode == (tmp_path / "x11").stat().st_mode


def test_an_existing_version_is_not_touched(quick, subject, tmp_path):
    version = export.write(subject, tmp_path / "m")
    before = content(version)
    assert "saved_model.pb" in before
    settings = export.ExportSettings(version=1)
    with pytest.raises(ValueError, match="number, such as 2. Received: version=1 of"):
        export.write(subject, tmp_path / "m", settings)
    assert content(version) == before
    # It is told before the model is read.
    with pytest.raises(ValueError, match="version exists"):
        export.export_model("no model", tmp_path / "m", settings)


def test_another_export_at_the_same_time_is_not_overwritten(
    quick, subject, tmp_path, monkeypatch
):
    write = warmup.write

    def slowly(folder, requests, name):
        write(folder, requests, name)
        (tmp_path / "m" / "1").mkdir()
        (tmp_path / "m" / "1" / "theirs").touch()

    monkeypatch.setattr(warmup, "write", slowly)
    with pytest.raises(OSError, match="could not be written.*m/1"):
        export.write(subject, tmp_path / "m")
    assert [path.name for path in (tmp_path / "m").rglob("*")] == ["1", "theirs"]


def test_a_graph_that_cannot_serve_leaves_nothing(quick, subject, tmp_path):
    quick(lambda x: {"y": tf.py_function(abs, [x], tf.float32)})
    with pytest.raises(ValueError, match="does not run in a model server.*EagerPyFunc"):
        export.write(subject, tmp_path / "m")
    assert list((tmp_path / "m").iterdir()) == []


def test_a_request_that_fails_ends_the_export(subject, tmp_path):
    # The photograph of the warm-up has 64 x 64 pixels.
    settings = export.ExportSettings(max_pixels=64 * 64 - 1)
    told = "signature serving_default fails.*max_pixels=4095.*over 4095 pixels"
    with pytest.raises(ValueError, match=told):
        export.write(subject, tmp_path / "m", settings)
    assert not (tmp_path / "m").exists()


def test_versions_end_where_the_server_stops_reading(tmp_path):
    (tmp_path / str(2**63 - 1)).mkdir()
    with pytest.raises(ValueError, match=f"no next version.*Received: {tmp_path}"):
        export.next_version(tmp_path)
    assert export.next_version(tmp_path, 7) == 7


def test_what_a_kill_left_is_removed(quick, subject, tmp_path):
    gone = subprocess.Popen(["true"])
    gone.wait()
    host = socket.gethostname()
    left = {
        f".unfinished-{host}-{gone.pid}": False,
        f".unfinished-{host}-{os.getppid()}": True,
        f".unfinished-other{host}-{gone.pid}": True,
    }
    for name in left:
        (tmp_path / name / "variables").mkdir(parents=True)
    export.write(subject, tmp_path)
    assert {name: (tmp_path / name).exists() for name in left} == left


def test_a_file_in_the_way_is_told(quick, subject, tmp_path):
    (tmp_path / "m").touch()
    with pytest.raises(ValueError, match="is a file.*Received: .*/m"):
        export.write(subject, tmp_path / "m")
    with pytest.raises(OSError, match="could not be written.*m/x/1"):
        export.write(subject, tmp_path / "m" / "x")


def test_the_name_of_the_model_may_be_chosen(quick, subject, tmp_path):
    settings = export.ExportSettings(model_name="colors")
    version = export.write(subject, tmp_path, settings)
    assert b"\x0a\x06colors" in (version / warmup.FILE).read_bytes()


def test_networks_with_unpadded_fc6_are_warmed_up_with_larger_images():
    for name, padding, side in (
        ("vgg16", "valid", 224),
        ("alexnet", "same", 64),
        ("alexnet", "valid", 224),
    ):
        for border in ("zeros", "bias"):
            network = fakes.network(name, fc6_padding=padding, padding=border)
            subject = export.Subject("backbone", network)
            assert saved_model._warmup_side(subject) == side
