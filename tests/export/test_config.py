"""The configuration of an export."""

import pytest

from selfsup.export import ExportConfig


@pytest.mark.parametrize(
    "field, value",
    [
        ("version", 0),
        ("side", -5),
        ("max_pixels", 2**29),
        ("crop_size", 10**6),
        ("hue_mode", "median"),
        ("chroma_mode", "expectation_faded"),
        ("model_name", "a/b"),
    ],
)
def test_values_out_of_range_are_named(field, value):
    with pytest.raises(ValueError, match=f"`{field}`.*Received: {field}={value!r}"):
        ExportConfig(**{field: value})


def test_whole_images_have_a_lower_limit():
    assert ExportConfig().pixel_limit(whole=True) == 2**21
    assert ExportConfig().pixel_limit(whole=False) == 2**24
    assert ExportConfig(max_pixels=9).pixel_limit(whole=True) == 9
    assert ExportConfig().longest_side(whole=True) == 2**12
    assert ExportConfig().longest_side(whole=False) is None
