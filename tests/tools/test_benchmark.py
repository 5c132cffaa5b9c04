"""The benchmarks from outside."""

import json

import pytest

import tool_calls


@pytest.mark.slow
def test_the_result_is_printed_and_written(tmp_path):
    output = tmp_path / "result.json"
    flags = "--what=input --crop_size=32 --batch_size=4 --images=8 --rounds=1"
    done = tool_calls.call("benchmark.py", *flags.split(), f"--output={output}")
    assert done.code == 0, done.text
    result = json.loads(output.read_text())
    assert result["cores"] > 0
    assert set(result) == {"cores", "decode_only", "naive", "pipeline"}
    assert json.dumps(result, indent=2) in done.text
