"""The import tool: both ways, its table, and one line for each kind of bad file."""

import re

import keras
import numpy as np
import pytest

from selfsup import networks, weights
from selfsup.cli.import_weights import TOOL
from selfsup.weights import caffe

import caffe_files
import contracts
import fakes
import tool_calls


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


def test_bad_files_take_one_line(files, tmp_path):
    output = tmp_path / "made" / "x.keras"
    for name, flags, message in _BAD.values():
        source = f"--source={files / name}"
        answer = tool_calls.call(TOOL, source, f"--output={output}", *flags)
        assert re.search(message, answer.error_line()), answer.text
    assert not output.parent.exists()


def test_help_lists_every_flag():
    text = tool_calls.call(TOOL, "--help").text
    for name in "source output network skip input_mean input_scale".split():
        assert f"  --{name}: " in text
    for name in ("gray", "lrn", "overwrite"):
        assert f"  --[no]{name}: " in text


@pytest.mark.slow
def test_import_and_export(files, tmp_path, monkeypatch):
    monkeypatch.setenv("KERAS_HOME", str(files / "keras"))
    (tmp_path / "run").mkdir()
    model = tmp_path / "run" / "backbone.keras"
    gray, back = tmp_path / "gray.keras", tmp_path / "back.caffemodel.h5"
    source = f"--source={files / 'extra.h5'}"
    done = tool_calls.call(
        TOOL, source, f"--output={model}", "--network=vgg16", "--skip=fc8"
    )
    assert done.code == 0, done.text
    assert re.search(r"conv1_1/kernel +\(3, 3, 3, 2\) +conv1_1/0 +OIHW", done.text)
    assert "minus the bias" in done.text and f"Written: {model}" in done.text
    calls = [
        [source, f"--output={model}", "--skip=fc8"],
        [source, f"--output={gray}", "--skip=fc8", "--gray", "--input_mean=0.25"],
        [f"--source={tmp_path / 'run'}", f"--output={back}"],
        [f"--source={tmp_path / 'run'}", f"--output={back}", "--lrn", "--overwrite"],
        [source, f"--output={tmp_path / 'x.npz'}"],
        ["--source=imagenet", "--network=vgg16", f"--output={tmp_path / 'i.keras'}"],
    ]
    exists, turned, exported, refused, ending, absent = (
        tool_calls.call(TOOL, *arguments) for arguments in calls
    )
    assert turned.code == exported.code == 0, turned.text + exported.text
    assert re.search(r"The output exists.*backbone.keras", exists.error_line())
    assert re.search(r"An export writes all", refused.error_line())
    assert re.search(r"Expected a .keras file.*x.npz", ending.error_line())
    assert re.search(r"get them with `curl", absent.error_line())

    expected, _ = caffe.load(files / "extra.h5", skip=("fc8",))
    loaded = keras.saving.load_model(model)
    contracts.assert_close(loaded.get_weights(), expected.get_weights(), 0, 0)
    again, _ = caffe.load(back)
    image = fakes.image(1, 40, 40, 1)
    color = np.repeat(image, 3, axis=-1)
    contracts.assert_close(again(color), expected(color), 1e-4, 1e-4)
    turned = keras.saving.load_model(gray)
    assert networks.describe(turned)["rescaling"][1] == pytest.approx(0.1988)
    # The network sees what is 0.1988 more than our convention.
    outputs = [turned(image - 0.1988), weights.rgb_to_gray(expected)(image)]
    contracts.assert_close(*outputs, 1e-4, 1e-4)
    names = {"run", "gray.keras", back.name}
    assert {path.name for path in tmp_path.iterdir()} == names
