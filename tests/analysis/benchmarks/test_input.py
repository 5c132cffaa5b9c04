"""The pipelines are timed over the same files."""

import pytest
import tensorflow as tf

from selfsup import data
from selfsup.analysis.benchmarks import input
from selfsup.analysis.benchmarks.configs import InputConfig
from selfsup.cli import make_records

import tool_calls


@pytest.mark.slow
def test_every_pipeline_has_its_ratio_to_decoding_alone():
    config = InputConfig(crop_size=32, batch_size=4, points=16, images=8, rounds=1)
    found = {row["way"]: row for row in input.measure(config)}
    assert set(found) == {"decode_only", "pipeline", "opencv", "naive"}
    assert found["decode_only"]["processor_ratio_to_decode_only"] == 1
    keys = [key for key, _ in input.COLUMNS.values() if key != "way"]
    assert all(row[key] > 0 for row in found.values() for key in keys)


@pytest.mark.slow
def test_records_are_timed_like_files(photos, tmp_path):
    flags = [f"--data={photos / 'coffee.jpg'}", f"--data={photos / 'free.jpg'}"]
    records = tmp_path / "records"
    assert tool_calls.call(make_records.TOOL, *flags, f"--output={records}").code == 0
    config = InputConfig(
        data=(str(records),), crop_size=32, batch_size=2, points=16, images=4, rounds=1
    )
    found = {row["way"]: row for row in input.measure(config)}
    assert set(found) == {"decode_only", "pipeline", "naive"}
    assert all(row["processor_ms_per_image"] > 0 for row in found.values())


def test_scales_are_the_papers_for_any_crop():
    config = input.pipeline_config(InputConfig(crop_size=176, points=5))
    assert (config.min_side, config.max_side, config.points) == (176, 300, 5)
    config = input.pipeline_config(InputConfig(crop_size=16, min_side=20, max_side=30))
    assert (config.crop_size, config.min_side, config.max_side) == (16, 20, 30)


def test_decoding_alone_decodes_a_window_of_the_pipeline():
    config = data.PipelineConfig(crop_size=32, min_side=32, max_side=32)
    images = data.images_of(config)
    encoded = tf.io.read_file(images.name(0))
    height, width, channels = input._decoding(config)(encoded).numpy()
    # The whole short side, as it is stored reduced: far less than the photograph.
    assert height == width and 32 <= height < 64 and channels == 3
