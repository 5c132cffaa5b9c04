"""The benchmarks run and report ratios."""

import json
import subprocess
import sys

import pytest


@pytest.mark.slow
def test_input_benchmark_writes_ratios(tmp_path, photos):
    output = tmp_path / "result.json"
    tool = photos.parents[2] / "tools" / "benchmark.py"
    flags = "--what input --crop_size 32 --batch_size 4 --images 8 --rounds 1"
    command = [sys.executable, str(tool), *flags.split(), f"--output={output}"]
    subprocess.run(command, check=True, capture_output=True, cwd=photos.parents[2])
    result = json.loads(output.read_text())
    assert result["decode_only"]["ratio_to_decode_only"] == 1
    for name in ("decode_only", "naive", "pipeline"):
        assert all(value > 0 for value in result[name].values())


@pytest.mark.slow
def test_train_benchmark_writes_the_share_of_the_hypercolumn(tmp_path, photos):
    output = tmp_path / "result.json"
    tool = photos.parents[2] / "tools" / "benchmark.py"
    flags = "--what train --width 0.03 --crop_size 32 --batch_size 2 --rounds 1"
    command = [sys.executable, str(tool), *flags.split(), f"--output={output}"]
    subprocess.run(command, check=True, capture_output=True)
    result = json.loads(output.read_text())
    assert 0 < result["hypercolumn_share"] < 1
    # 128 points of a 32 x 32 image: an eighth of its pixels.
    sizes = result["sparse_output_megabytes"], result["dense_output_megabytes"]
    assert sizes[1] == 8 * sizes[0]


@pytest.mark.slow
def test_segment_benchmark_measures_every_way(tmp_path, photos):
    output = tmp_path / "result.json"
    tool = photos.parents[2] / "tools" / "benchmark.py"
    flags = "--what segment --width 0.02 --height 24 --image_width 40 --rounds 1"
    command = [
        *(sys.executable, str(tool), *flags.split()),
        *("--concatenated_stride=4", f"--output={output}"),
    ]
    subprocess.run(command, check=True, capture_output=True, cwd=photos.parents[2])
    ways = json.loads(output.read_text())["ways"]
    assert set(ways) == {"tiled, stride 1", "tiled, stride 4", "concatenated, stride 4"}
    assert all(way["seconds"] > 0 for way in ways.values())


@pytest.mark.slow
def test_serve_benchmark_measures_every_way(tmp_path, photos):
    output = tmp_path / "result.json"
    tool = photos.parents[2] / "tools" / "benchmark.py"
    flags = "--what serve --network alexnet --width 0.02 --crop_size 32 --images 3"
    command = [
        *(sys.executable, str(tool), *flags.split()),
        *("--rounds=1", "--requests=4", f"--output={output}"),
    ]
    subprocess.run(command, check=True, capture_output=True, cwd=photos.parents[2])
    ways = json.loads(output.read_text())["ways"]
    assert set(ways) == {"library", "library_without_onednn", "keras"}
    assert ways["keras"]["ratio_to_keras"] == 1
    for name, way in ways.items():
        assert way["images_per_second"] > 0
        if name != "keras":
            assert way["peak_megabytes"] >= way["end_megabytes"] > 100
