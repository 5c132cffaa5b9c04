"""The input benchmark runs and reports ratios."""

import json
import subprocess
import sys


def test_input_benchmark_writes_ratios(tmp_path, photos):
    output = tmp_path / "result.json"
    tool = photos.parents[2] / "tools" / "benchmark.py"
    flags = "--what input --crop_size 32 --batch_size 4 --images 8 --rounds 1"
    command = [sys.executable, str(tool), *flags.split(), f"--output={output}"]
    subprocess.run(command, check=True, capture_output=True, cwd=photos.parents[2])
    ratios = json.loads(output.read_text())["ratio_to_decode_only"]
    assert ratios["decode_only"] == 1
    assert ratios["pipeline"] > 0 and ratios["naive"] > 0
