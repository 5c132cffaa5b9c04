"""The script answers line by line, whatever the files are."""

import io
import json
import sys
import types

import numpy as np

from selfsup.data.voc import mat_worker


def test_answers(tmp_path, tools, monkeypatch):
    mask = np.random.default_rng(0).integers(0, 21, (7, 13), dtype=np.uint8)
    tools.save_mat(tmp_path / "x.mat", mask)
    (tmp_path / "bad.mat").write_bytes(b"text")
    asked = [json.dumps(str(tmp_path / name)) for name in ("x.mat", "bad.mat", "none")]
    written = io.BytesIO()
    monkeypatch.setattr(sys, "stdin", io.StringIO("\n".join(asked)))
    monkeypatch.setattr(sys, "stdout", types.SimpleNamespace(buffer=written))
    mat_worker.main()
    first, rest = written.getvalue().split(b"\n", 1)
    assert json.loads(first) == {"shape": [7, 13]}
    assert rest[: mask.size] == mask.tobytes()
    errors = [json.loads(line)["error"] for line in rest[mask.size :].splitlines()]
    assert len(errors) == 2 and "FileNotFoundError" in errors[1]
