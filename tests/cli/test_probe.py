"""The tool of probes: one study, and one-line errors."""

import pytest

from selfsup.cli import probe

import image_files
import tool_calls


@pytest.fixture(scope="module")
def folder(tmp_path_factory, photos):
    root = tmp_path_factory.mktemp("data")
    return image_files.class_folders(root, photos, 12, size=(40, 40))


def _probe(folder, tmp_path, *flags):
    return tool_calls.call(
        probe.TOOL,
        *"--ckpt=random --network=alexnet --width=0.02 --crop_size=24".split(),
        f"--data={folder}",
        f"--output={tmp_path / 'report'}",
        *flags,
    )


@pytest.mark.slow
def test_a_study(folder, tmp_path):
    flags = "--samples_per_class=2,4", "--layers=relu1,relu5", "--seeds=2"
    answer = _probe(folder, tmp_path, *flags)
    assert answer.code == 0, answer.text
    assert "linear, 2 labels a class" in answer.text
    assert "nearest neighbors, 4 labels a class" in answer.text
    assert (tmp_path / "report" / "probe.png").exists()


@pytest.mark.parametrize(
    "flags, message",
    [
        (["--layers=conv99"], "Received: 'conv99'"),
        (["--samples_per_class=50"], "of class 'ant'"),
        (["--samples_per_class=few"], "Received: samples_per_class='few'"),
        (["--ckpt=nowhere"], "Received: nowhere"),
        (["--data=nowhere=0.3"], "without =SHARE. Received: 'nowhere=0.3'"),
        (["--task=segmentation"], "not for --task=segmentation"),
        (["--task=detection"], "detection"),
    ],
)
def test_bad_calls_take_one_line(folder, tmp_path, flags, message):
    assert message in _probe(folder, tmp_path, *flags).error_line()
    assert not (tmp_path / "report").exists()
