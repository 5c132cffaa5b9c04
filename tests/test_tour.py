"""The notebook runs from its first cell to its last."""

import json
import pathlib

import pytest

TOUR = pathlib.Path(__file__).resolve().parents[1] / "docs" / "tour.ipynb"


def _code_cells():
    cells = json.loads(TOUR.read_text())["cells"]
    return [cell for cell in cells if cell["cell_type"] == "code"]


def test_its_outputs_are_those_of_one_run_without_errors():
    cells = _code_cells()
    assert [cell["execution_count"] for cell in cells] == [*range(1, len(cells) + 1)]
    outputs = [output for cell in cells for output in cell["outputs"]]
    kinds = {output["output_type"] for output in outputs}
    assert kinds == {"stream", "display_data"}
    said = "".join("".join(output.get("text", [])) for output in outputs)
    assert said.count("crops find the other part of their scene") == 3
    pictures = ["image/png" in output.get("data", {}) for output in outputs]
    assert sum(pictures) == 4


@pytest.mark.slow
def test_every_cell_of_the_tour_runs(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("MPLBACKEND", "agg")
    code = ["".join(cell["source"]) for cell in _code_cells()]
    names = {}
    for number, source in enumerate(code):
        exec(compile(source, f"tour, code cell {number}", "exec"), names)
    said = capsys.readouterr().out
    assert said.count("crops find the other part of their scene") == 3
    assert "hue: " in said and "baseline" in said
    assert (tmp_path / "runs" / "tour" / "backbone.keras").exists()
