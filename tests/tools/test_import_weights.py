"""The import tool: both ways, its table, and one line for each kind of bad file."""

import re

import keras
import numpy as np
import pytest

from selfsup import networks, weights
from selfsup.weights import caffe

import caffe_files
import contracts
import fakes
import tool_calls

_TOOL = "import_weights.py"


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Files of Caffe: whole ones, and one for each way to be bad."""
    folder = tmp_path_factory.mktemp("files")
    layers = caffe_files.vgg16(32, channels=3)
    path = caffe_files.write(folder / "color.h5", layers, empty=["relu"], diff=True)
    content = path.read_bytes()
    (folder / "truncated.h5").write_bytes(content[: len(content) // 2])
    (folder / "text.h5").write_text("no HDF5")
    caffe_files.write(folder / "alexnet.h5", caffe_files.alexnet(32))
    caffe_files.write(folder / "four.h5", caffe_files.vgg16(32, channels=4))
    extra = {**layers, "fc8": [np.ones((3, 2)), np.ones(3)]}
    caffe_files.write(folder / "extra.h5", extra)
    caffe_files.write(
        folder / "missing.h5", {k: v for k, v in layers.items() if k != "conv4_2"}
    )
    layers["conv1_2"][0][0] = np.nan
    caffe_files.write(folder / "nan.h5", layers)
    return folder


_BAD = {
    "absent": ("absent.h5", [], "There are no weights.*absent.h5"),
    "no HDF5": ("text.h5", [], "not HDF5.*text.h5"),
    "truncated": (
        "truncated.h5",
        [],
        "damaged.*truncated.h5 .*truncated file",
    ),
    "layer missing": ("missing.h5", [], "missing: conv4_2/0"),
    "unexpected layer": ("extra.h5", [], "`skip`.*unexpected: fc8$"),
    "four channels": ("four.h5", [], "gray.*or 3 .*conv1_1/0 .* with 4$"),
    "swapped": ("alexnet.h5", ["--network=vgg16"], "vgg16.*those of alexnet$"),
    "not finite": ("nan.h5", [], "NaN or infinity in conv1_2/0$"),
    "options": ("color.h5", ["--lrn"], "Only AlexNet"),
    "no such network": ("color.h5", ["--network=vgg19"], "`network`.*vgg19"),
}


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """An empty folder for what the tool writes."""
    return tmp_path_factory.mktemp("place")


@pytest.fixture(scope="module")
def answers(files, place):
    """The first call as a user makes it, the others in one process."""
    (place / "run").mkdir()
    source = f"--source={files / 'extra.h5'}"
    run, back = f"--source={place / 'run'}", f"--output={place / 'back.caffemodel.h5'}"
    model = f"--output={place / 'run' / 'backbone.keras'}"
    gray = f"--output={place / 'gray.keras'}"
    calls = {
        name: [f"--source={files / file}", f"--output={place / 'no' / 'x.keras'}"]
        + flags
        for name, (file, flags, _) in _BAD.items()
    }
    calls |= {
        "exists": [source, model, "--skip=fc8"],
        "gray": [source, gray, "--skip=fc8", "--gray", "--input_mean=0.25"],
        "export": [run, back],
        "flags of an import": [run, back, "--lrn", "--overwrite"],
        "ending": [source, f"--output={place / 'x.npz'}"],
        "no download": [
            *("--source=imagenet", "--network=vgg16"),
            f"--output={place / 'i.keras'}",
        ],
    }
    prelude = f"import os; os.environ['KERAS_HOME'] = {str(place / 'keras')!r}"
    imported = tool_calls.call(_TOOL, source, model, "--network=vgg16", "--skip=fc8")
    done = tool_calls.call_each(_TOOL, calls.values(), place, prelude)
    return {"import": imported, **dict(zip(calls, done, strict=True))}


@pytest.mark.parametrize("name", _BAD)
def test_bad_files_are_reported_in_one_line(name, answers, place):
    line = answers[name].error_line()
    assert re.search(_BAD[name][-1], line), answers[name].text
    assert not (place / "no").exists()


@pytest.mark.parametrize(
    "name, message",
    [
        ("exists", "The output exists.*Received: .*backbone.keras"),
        ("flags of an import", "An export writes all.*Received: flags"),
        ("ending", "Expected a .keras file.*Received: .*x.npz"),
        ("no download", "get them with `curl"),
    ],
)
def test_other_errors_are_one_line_too(name, message, answers):
    assert re.search(message, answers[name].error_line()), answers[name].text


def test_import_prints_a_table_and_writes_the_model(answers, files, place):
    path = place / "run" / "backbone.keras"
    done = answers["import"]
    assert done.code == 0, done.text
    assert re.search(r"conv1_1/kernel +\(3, 3, 3, 2\) +conv1_1/0 +OIHW", done.text)
    assert "minus the bias" in done.text and f"Written: {path}" in done.text
    expected, _ = caffe.load(files / "extra.h5", skip=("fc8",))
    loaded = keras.saving.load_model(path)
    contracts.assert_close(loaded.get_weights(), expected.get_weights(), 0, 0)


def test_export_computes_the_same(answers, files, place):
    assert answers["export"].code == 0, answers["export"].text
    expected, _ = caffe.load(files / "extra.h5", skip=("fc8",))
    again, _ = caffe.load(place / "back.caffemodel.h5")
    image = fakes.image(1, 40, 40, 3)
    contracts.assert_close(again(image), expected(image), 1e-4, 1e-4)


def test_gray_version_and_its_convention(answers, files, place):
    assert answers["gray"].code == 0, answers["gray"].text
    turned = keras.saving.load_model(place / "gray.keras")
    assert networks.describe(turned)["rescaling"][1] == pytest.approx(0.1988)
    expected, _ = caffe.load(files / "extra.h5", skip=("fc8",))
    image = fakes.image(1, 40, 40, 1)
    # The network sees what is 0.1988 more than our convention.
    outputs = [turned(image - 0.1988), weights.rgb_to_gray(expected)(image)]
    contracts.assert_close(*outputs, 1e-4, 1e-4)


def test_nothing_else_is_written(answers, place):
    names = {"run", "gray.keras", "back.caffemodel.h5", "answers.json"}
    assert {path.name for path in place.iterdir()} == names
    assert [path.name for path in (place / "run").iterdir()] == ["backbone.keras"]
