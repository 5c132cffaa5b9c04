"""The pipeline's config refuses what could not work."""

import dataclasses

import pytest

from selfsup import data


@pytest.mark.parametrize(
    "fields, message",
    [
        ({"crop_size": 0}, "crop_size=0"),
        ({"min_side": 100}, "min_side=100"),
        ({"max_side": 300}, "max_side=300"),
        ({"batch_size": 0}, "batch_size=0"),
        ({"points": 0}, "points=0"),
        ({"point_margin": -1}, "point_margin=-1"),
        ({"seed": -1}, "seed=-1"),
        ({"split_seed": 2**31}, "split_seed=2147483648"),
        ({"val_fraction": 1.0}, "val_fraction=1.0"),
        ({"subset": "test"}, "subset='test'"),
        ({"subset": "val"}, "subset='val'"),
        ({"targets": "rgb"}, "targets='rgb'"),
        ({"bins": 1}, "bins=1"),
        ({"window": 4}, "window=4"),
    ],
)
def test_values_out_of_range_are_refused(fields, message):
    with pytest.raises(ValueError, match=message):
        data.PipelineConfig(**fields)


def test_a_bare_string_is_no_list_of_sources():
    with pytest.raises(TypeError, match="data='photos'"):
        data.PipelineConfig(data="photos")


def test_every_field_explains_itself():
    for field in dataclasses.fields(data.PipelineConfig):
        assert field.metadata["help"].endswith(".")
