"""The settings of an export."""

import dataclasses

import pytest

from selfsup.export import ExportSettings


@pytest.mark.parametrize(
    "field, value",
    [
        ("version", -1),
        ("version", 2**63),
        ("side", -5),
        ("max_pixels", 2**29),
        ("crop_size", 10**6),
        ("hue_mode", "median"),
        ("chroma_mode", "expectation_faded"),
        ("model_name", "a/b"),
    ],
)
def test_values_out_of_range_are_named(field, value):
    with pytest.raises(ValueError, match=f"`{field}`.*Received: {field}="):
        ExportSettings(**{field: value})


def test_every_field_has_a_help_text():
    assert all(f.metadata["help"] for f in dataclasses.fields(ExportSettings))


def test_whole_images_have_a_lower_limit():
    assert ExportSettings().pixel_limit(whole=True) == 2**21
    assert ExportSettings().pixel_limit(whole=False) == 2**24
    assert ExportSettings(max_pixels=9).pixel_limit(whole=True) == 9
    assert ExportSettings().longest_side(whole=True) == 2**12
    assert ExportSettings().longest_side(whole=False) is None
