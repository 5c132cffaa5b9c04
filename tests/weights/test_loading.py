"""Loading and importing: every kind of source, strict checks, clear errors."""

import io
import zipfile

import h5py
import keras
import numpy as np
import pytest

from selfsup import heads, networks, weights
from selfsup.weights import applications, assignment

import caffe_files
import contracts
import fakes


@pytest.fixture(scope="module")
def backbone():
    return fakes.randomize(fakes.network("vgg16", padding="bias"))


@pytest.fixture(scope="module")
def workdir(backbone, tmp_path_factory):
    """A folder as a run leaves it; the colorizer's backbone is another one."""
    folder = tmp_path_factory.mktemp("run")
    backbone.save(folder / "backbone.keras")
    other = fakes.randomize(fakes.network("vgg16", padding="bias"), seed=1)
    model = heads.colorizer(other, networks.taps(other), bins=3, hidden=5)
    model.save(folder / "colorizer.keras")
    (folder / "config.json").write_text("{}")
    return folder


def _assert_holds(model, values):
    contracts.assert_close(assignment.arrays(model), values, rtol=0, atol=0)


@pytest.mark.parametrize("kind", [str, lambda path: path])
def test_workdir_gives_its_backbone(kind, backbone, workdir):
    target = fakes.network("vgg16")
    report = weights.load(target, kind(workdir))
    _assert_holds(target, assignment.arrays(backbone))
    assert report.origin == str(workdir / "backbone.keras")
    assert [row.parameter for row in report.rows] == list(assignment.parameters(target))
    assert str(report).endswith(f"from {report.origin}: {len(report.rows)} copied")


def _extended(kind, backbone):
    taps = networks.taps(backbone)
    if kind == "classifier":
        return heads.classifier(backbone, classes=4)
    if kind == "segmenter":
        return heads.segmenter(backbone, taps, classes=4, hidden=5)
    loss = "lab" if kind == "lab" else "histogram"
    return heads.colorizer(backbone, taps, bins=3, hidden=5, loss=loss)


@pytest.mark.parametrize("kind", ["histogram", "lab", "segmenter", "classifier"])
def test_heads_are_left_out(kind, backbone):
    target = fakes.network("vgg16")
    report = weights.load(target, _extended(kind, backbone))
    _assert_holds(target, assignment.arrays(backbone))
    assert len(report.rows) == len(target.weights)


def test_file_of_a_colorizer_is_read(workdir):
    target = fakes.network("vgg16")
    weights.load(target, workdir / "colorizer.keras")
    other = fakes.randomize(fakes.network("vgg16"), seed=1)
    # Both were filled in one order, from one seed.
    _assert_holds(target, assignment.arrays(other))


def test_mistakes_are_listed_and_nothing_is_assigned(workdir):
    target = fakes.network(
        "vgg16", fov_blocks=1, input_channels=3, normalization="none"
    )
    before = assignment.arrays(target)
    with pytest.raises(ValueError) as caught:
        weights.load(target, workdir)
    message = str(caught.value)
    assert f"from {workdir / 'backbone.keras'}" in message
    assert "missing: conv8_1/kernel, bias8_1/bias, bias8_1/shift; " in message
    assert "unexpected: batch_conv1_1/moving_mean, " in message
    assert "and 20 more" in message
    assert message.endswith("conv1_1/kernel (3, 3, 1, 2) instead of (3, 3, 3, 2)")
    _assert_holds(target, before)


def test_constants_of_response_normalization_come_along():
    source = fakes.randomize(fakes.network("alexnet", lrn=True, dropout=0.25))
    source.get_layer("norm1").alpha = 0.5
    target = fakes.network("alexnet", lrn=True)
    report = weights.load(target, source)
    assert report.rows[-1] == ("norm1/alpha", (), "norm1/alpha", "copied")
    image = fakes.image(1, 40, 40, 1)
    np.testing.assert_array_equal(target(image), source(image))
    assert target.get_layer("drop6").rate == 0.5
    assert len(weights.load(target, source).rows) == len(target.weights)


def test_missing_files_are_named(tmp_path):
    target = fakes.network("vgg16")
    for path in (tmp_path, tmp_path / "none.keras"):
        with pytest.raises(FileNotFoundError, match=f"Received: {path}$"):
            weights.load(target, path)


@pytest.mark.parametrize("part", [0.0, 0.01, 0.5, 0.99])
def test_truncated_files_are_named(part, workdir, tmp_path):
    content = (workdir / "backbone.keras").read_bytes()
    path = tmp_path / "cut.keras"
    path.write_bytes(content[: int(part * len(content))])
    target = fakes.network("vgg16")
    before = assignment.arrays(target)
    with pytest.raises(ValueError, match=f"whole .keras file.*Received: {path}"):
        weights.load(target, path)
    _assert_holds(target, before)


def test_damaged_files_never_load_silently(workdir, tmp_path):
    content = (workdir / "backbone.keras").read_bytes()
    path = tmp_path / "damaged.keras"
    target = fakes.network("vgg16")
    for start in np.linspace(40, len(content) - 300, 12).astype(int):
        damaged = bytearray(content)
        damaged[start : start + 200] = bytes(200)
        path.write_bytes(damaged)
        if damaged == content:
            continue  # Padding between the parts of the file is zero already.
        with pytest.raises(ValueError, match=f"Received: {path}"):
            weights.load(target, path)


@pytest.mark.parametrize("name", ["weights.npz", "model.h5", "photo.jpg"])
def test_other_files_are_named(name, tmp_path):
    path = tmp_path / name
    path.write_bytes(b"something else")
    with pytest.raises(ValueError, match=f"Received: {path}"):
        weights.load(fakes.network("vgg16"), path)


def test_foreign_models_list_what_is_missing(tmp_path):
    inputs = keras.Input((4,))
    model = keras.Model(inputs, keras.layers.Dense(2, name="fc")(inputs))
    model.save(tmp_path / "other.keras")
    with pytest.raises(ValueError, match="missing: conv1_1/kernel.*unexpected: fc/k"):
        weights.load(fakes.network("vgg16"), tmp_path / "other.keras")


@pytest.fixture
def keras_file(tmp_path, monkeypatch):
    """A file as Keras 2 wrote them; applications has the tests of reading it."""
    path = tmp_path / "vgg16_weights.h5"
    with h5py.File(path, "w") as file:
        file.attrs["layer_names"] = ["block1_conv1"]
    monkeypatch.setattr(applications, "load", lambda *arguments: arguments)
    return path


def test_caffe_files(tmp_path):
    layers = {**caffe_files.vgg16(32), "fc8": [[1.0]]}
    path = caffe_files.write(tmp_path / "x.h5", layers)
    with pytest.raises(ValueError, match="unexpected: fc8$"):
        weights.import_model(path, skip=None)
    model, report = weights.import_model(path, "vgg16", skip=["fc8"], lrn=None)
    assert model.name == "vgg16" and report.origin == str(path)


def test_files_of_keras(keras_file):
    assert weights.import_model(keras_file) == (None, keras_file)
    assert weights.import_model(keras_file, "resnet50") == ("resnet50", keras_file)
    assert weights.import_model("imagenet", "vgg16", skip=None) == ("vgg16", None)


@pytest.mark.parametrize("option", [{"skip": ["fc8"]}, {"lrn": False}])
def test_options_are_for_caffe_files_only(option, keras_file):
    with pytest.raises(ValueError, match=f"Received: .* with {next(iter(option))}$"):
        weights.import_model(keras_file, **option)


def test_other_files(tmp_path):
    with pytest.raises(FileNotFoundError, match="no/where.h5"):
        weights.import_model("no/where.h5")
    path = tmp_path / "x.h5"
    path.write_text("text")
    with pytest.raises(ValueError, match=f"not HDF5.*Received: {path}"):
        weights.import_model(path)


def _repacked(path, to, change, compression=zipfile.ZIP_STORED):
    with zipfile.ZipFile(path) as old, zipfile.ZipFile(to, "w", compression) as new:
        for name, content in change({x: old.read(x) for x in old.namelist()}).items():
            new.writestr(name, content)
    return to


def _with_external_storage(parts):
    file = io.BytesIO(parts["model.weights.h5"])
    with h5py.File(file, "r+") as weights_file:
        weights_file.create_dataset("x", (4,), "u1", external=[("/etc/passwd", 0, 4)])
    return {**parts, "model.weights.h5": file.getvalue()}


@pytest.mark.parametrize(
    "change, message",
    [
        (_with_external_storage, "/x, an array in another file"),
        (lambda parts: {**parts, "assets/x": "y"}, "the parts assets/x, config"),
        (lambda parts: {**parts, "metadata.json": bytes(10**9 // 4)}, "parts of 250"),
    ],
    ids=["external storage", "other part", "large part"],
)
def test_archives_that_are_more_than_a_model(change, message, workdir, tmp_path):
    path = workdir / "backbone.keras"
    spoiled = _repacked(path, tmp_path / "x.keras", change, zipfile.ZIP_DEFLATED)
    with pytest.raises(ValueError, match=message) as error:
        weights.read_model(spoiled)
    assert str(spoiled) in str(error.value)


@pytest.mark.parametrize(
    "units, claim",
    [(10**9, "two of 1000000001000000000"), (10**6, "two of 1000001000000")],
)
def test_layers_larger_than_the_file_are_not_allocated(units, claim, tmp_path):
    x = inputs = keras.Input((2,))
    for name in ("one", "two"):
        x = keras.layers.Dense(3, name=name)(x)
    keras.Model(inputs, x).save(tmp_path / "x.keras")

    def enlarge(parts):
        config = parts["config.json"].decode()
        for old in ('"units": 3', "[null, 3]"):
            config = config.replace(old, old.replace("3", str(units)))
        return {**parts, "config.json": config}

    spoiled = _repacked(tmp_path / "x.keras", tmp_path / "y.keras", enlarge)
    with pytest.raises(ValueError) as error:
        weights.read_model(spoiled)
    line = str(error.value).replace(",", "")
    assert line.endswith(f"y.keras (layer {claim} values in a file of 21)")
    # Nor when Keras next makes the variables that it put off.
    with keras.StatelessScope():
        keras.Variable("zeros", shape=(1,))


def test_compressed_archives_are_read(backbone, workdir, tmp_path):
    path = workdir / "backbone.keras"
    packed = _repacked(path, tmp_path / "x.keras", dict, zipfile.ZIP_DEFLATED)
    _assert_holds(weights.read_model(packed), assignment.arrays(backbone))


def test_weights_that_are_not_finite_are_named(tmp_path):
    model = fakes.network("vgg16")
    kernel = model.get_layer("conv1_1").kernel
    kernel.assign(kernel * np.nan)
    model.save(tmp_path / "x.keras")
    with pytest.raises(ValueError, match="NaN or infinity in conv1_1/kernel"):
        weights.read_model(tmp_path / "x.keras")
