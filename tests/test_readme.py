"""The code of the README runs as it stands there, only shorter."""

import pathlib
import re
import shutil

import pytest

import fakes

README = pathlib.Path(__file__).resolve().parents[1] / "README.md"
BLOCKS = re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL)

SHORTER = (
    ("steps_per_epoch=50, epochs=2", "steps_per_epoch=1, epochs=1"),
    ("width=0.25", "width=0.03"),
)


@pytest.mark.parametrize("number", range(len(BLOCKS)))
def test_code_runs(number, tmp_path, monkeypatch, photos):
    workdir = tmp_path / "runs" / "colorizer"
    workdir.mkdir(parents=True)
    fakes.network("vgg16").save(workdir / "backbone.keras")
    shutil.copy(photos / "coffee.jpg", tmp_path / "photo.jpg")
    monkeypatch.chdir(tmp_path)
    code = BLOCKS[number]
    for long, short in SHORTER:
        code = code.replace(long, short)
    exec(compile(code, f"README, block {number}", "exec"), {})


def test_there_is_code_to_run_and_the_shortening_applies():
    assert len(BLOCKS) == 3
    for long, _ in SHORTER:
        assert any(long in block for block in BLOCKS)


def test_links_and_flags_exist():
    text = README.read_text()
    for link in re.findall(r"\]\(([^)]+)\)", text):
        assert (README.parent / link).exists(), link
    from selfsup import training

    known = {"workdir", "ckpt", "help"}
    for config in ("ColorizerConfig", "VocConfig", "VocEvaluation"):
        known |= getattr(training, config).__dataclass_fields__.keys()
    for flag in re.findall(r"--(?:no)?([a-z_]{3,})", text):
        assert flag in known, flag
