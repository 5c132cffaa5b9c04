"""The tool of analyses: all of them gather in one page, and one-line errors."""

import html

import pytest

from selfsup import heads
from selfsup.cli import analyze

import fakes
import image_files
import tool_calls


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """A pretrained backbone, a segmenter and a classifier that was fine-tuned."""
    root = tmp_path_factory.mktemp("runs")
    model = fakes.network("alexnet", normalization="none")
    tuned = fakes.network("alexnet", normalization="none", fov_blocks=1)
    for name, file, saved in (
        ("before", "backbone", model),
        ("after", "single_label_classifier", heads.classifier(tuned, 2)),
    ):
        (root / name).mkdir()
        fakes.randomize(saved, bias=0.1).save(root / name / f"{file}.keras")
    tuned.save(root / "after" / "backbone.keras")
    return root


@pytest.fixture(scope="module")
def folder(tmp_path_factory, photos):
    root = tmp_path_factory.mktemp("data")
    return image_files.class_folders(root, photos, 8, size=(70, 64))


def _analyze(runs, folder, tmp_path, what, *flags):
    return tool_calls.call(
        analyze.TOOL,
        f"--what={what}",
        *(flag.format(runs=runs, folder=folder) for flag in flags),
        "--crop_size=64",
        f"--output={tmp_path / 'report'}",
    )


SHIFT = "--before={runs}/before", "--after={runs}/after", "--data={folder}"


@pytest.mark.slow
def test_analyses_gather_in_one_page(runs, folder, tmp_path):
    calls = {
        "feature_shift": (*SHIFT, "--layers=relu1,drop7"),
        "top_patches": (
            "--ckpt={runs}/before",
            "--after={runs}/after/single_label_classifier.keras",
            "--labeled_data={folder}",
            "--layers=relu1",
            "--features=2",
            "--patches=2",
        ),
        "edges": ("--ckpt={runs}/before", "--ckpt=random", "--data={folder}"),
    }
    for what, flags in calls.items():
        answer = _analyze(runs, folder, tmp_path, what, *flags)
        assert answer.code == 0, answer.text
        assert "Look at" in answer.text.splitlines()[-1]
    page = (tmp_path / "report" / "report.html").read_text(encoding="utf-8")
    for what in calls:
        assert (tmp_path / "report" / f"{what}.json").exists()
    assert page.count("<h2>") == 3 and page.count("<img") == 5
    assert html.escape(str(folder)) in page


@pytest.mark.parametrize(
    "what, flags, message",
    [
        ("feature_shift", (*SHIFT, "--layers=conv99"), "Received: 'conv99'"),
        ("feature_shift", (*SHIFT, "--before={runs}"), "2 before, 1 after"),
        ("feature_shift", (*SHIFT, "--ckpt=x"), "not for --what=feature_shift"),
        ("feature_shift", ("--after=x",), "`before` must be"),
        ("top_patches", ("--ckpt={runs}/before", "--features=5"), "at most 4 for"),
        ("edges", ("--ckpt=nowhere",), "Received: nowhere"),
        ("edges", ("--ckpt={runs}/before", "--data={runs}"), "holds no images"),
        ("edges", ("--ckpt={runs}/before", "--data={runs}=0.3"), "without =SHARE."),
        ("corners", (), "corners"),
    ],
)
def test_bad_calls_take_one_line(runs, folder, tmp_path, what, flags, message):
    answer = _analyze(runs, folder, tmp_path, what, *flags)
    assert message in answer.error_line()
    assert not (tmp_path / "report").exists()


def test_an_analysis_is_asked_for():
    assert "--what is missing" in tool_calls.call(analyze.TOOL).error_line()
