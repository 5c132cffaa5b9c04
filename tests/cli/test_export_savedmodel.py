"""Exports made by the tool."""

import json

import keras
import pytest
from tensorflow.core.protobuf import saved_model_pb2

from selfsup import heads, networks
from selfsup.cli.export_savedmodel import TOOL
from selfsup.export import warmup

import fakes
import tool_calls


@pytest.fixture(scope="module")
def ckpt(tmp_path_factory):
    """A backbone beside the settings of its training."""
    folder = tmp_path_factory.mktemp("run")
    fakes.network("alexnet").save(folder / "backbone.keras")
    (folder / "config.json").write_text(json.dumps({"min_side": 20, "max_side": 40}))
    return folder


@pytest.mark.slow
def test_versions_are_written_and_bad_calls_refused_in_one_line(ckpt, tmp_path):
    output = tmp_path / "served" / "textures"
    given = [f"--ckpt={ckpt}", f"--output={output}"]
    exported, existing, missing, layer, limit = (
        tool_calls.call(TOOL, *arguments)
        for arguments in (
            [*given, "--features=relu3", "--features=relu5", "--max_pixels=5000"]
            + ["--hue_mode=mode", "--chroma_mode=mode", "--model_name=paper"],
            [*given, "--version=1"],
            [f"--ckpt={tmp_path}/none", f"--output={output}"],
            [*given, "--features=relu77"],
            [*given, "--side=-3"],
        )
    )
    assert exported.code == 0, exported.text
    # TensorFlow would list all variables.
    assert "kernel" not in exported.text and len(exported.text.splitlines()) == 3
    assert "version exists" in existing.error_line()
    assert "no trained model" in missing.error_line()
    assert "Received: relu77" in layer.error_line()
    assert "side=-3" in limit.error_line()
    assert [path.name for path in output.iterdir()] == ["1"]

    assert b"\x0a\x05paper" in (output / "1" / warmup.FILE).read_bytes()
    metadata = json.loads((output / "1" / "assets.extra" / "selfsup.json").read_text())
    assert (metadata["side"], metadata["max_pixels"]) == (30, 5000)
    content = (output / "1" / "saved_model.pb").read_bytes()
    (graph,) = saved_model_pb2.SavedModel.FromString(content).meta_graphs
    signatures = graph.signature_def
    assert sorted(signatures["features"].outputs) == ["relu3", "relu5"]
    (features,) = signatures["serving_default"].outputs.values()
    channels = networks.taps(fakes.network("alexnet"))[-1].channels
    assert [dim.size for dim in features.tensor_shape.dim] == [-1, channels]


def test_a_plain_file_is_written_of_what_stock_layers_make(tmp_path):
    backbone = fakes.network("vgg16")
    model = heads.segmenter(backbone, networks.taps(backbone)[-1:], 3, hidden=2)
    model.save(tmp_path / "segmenter.keras")
    output = tmp_path / "plain.keras"
    given = [f"--ckpt={tmp_path}", f"--output={output}"]
    whole = tool_calls.call(TOOL, *given)
    assert "--backbone leaves the head out. Received: " in whole.error_line()
    assert not output.exists()
    written = tool_calls.call(TOOL, *given, "--backbone")
    lines = f"Exporting {tmp_path}\nWritten: {output}\n"
    assert (written.code, written.text) == (0, lines), written.text
    assert "bias1_1" not in {x.name for x in keras.models.load_model(output).layers}
    again = tool_calls.call(TOOL, *given, "--backbone")
    assert "The output exists." in again.error_line()
    flag = tool_calls.call(TOOL, *given, "--side=32")
    assert "Received: --side" in flag.error_line()
    served = tool_calls.call(TOOL, given[0], f"--output={tmp_path}/x", "--backbone")
    assert "The head is left out of files only." in served.error_line()
