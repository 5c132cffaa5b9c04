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
    assert ExportConfig().limits(whole=True) == (2**21, 2**12)
    assert ExportConfig().limits(whole=False) == (2**24, None)
    assert ExportConfig(max_pixels=9).limits(whole=True) == (9, 2**12)
    assert ExportConfig(max_pixels=9).limits(whole=False) == (9, None)
