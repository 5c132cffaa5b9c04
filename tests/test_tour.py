"""The notebook runs from its first cell to its last."""

import json
import pathlib

import pytest

TOUR = pathlib.Path(__file__).resolve().parents[1] / "docs" / "tour.ipynb"


@pytest.mark.slow
def test_every_cell_of_the_tour_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    cells = json.loads(TOUR.read_text())["cells"]
    code = ["".join(c["source"]) for c in cells if c["cell_type"] == "code"]
    names = {}
    for number, source in enumerate(code):
        exec(compile(source, f"tour, code cell {number}", "exec"), names)
    said = capsys.readouterr().out
    assert said.count("crops find the other part of their scene") == 3
    assert "hue: " in said and "baseline" in said
    assert (tmp_path / "runs" / "tour" / "backbone.keras").exists()
