"""Photographs of analyses: which ones, and what networks get of them."""

import shutil

import numpy as np
import pytest

from selfsup import data
from selfsup.analysis import photographs
from selfsup.analysis.photographs import PhotographsConfig

import image_files


@pytest.fixture(scope="module")
def folder(tmp_path_factory, photos):
    root = tmp_path_factory.mktemp("photographs")
    for number, path in enumerate(sorted(photos.glob("*.jpg"))[:9]):
        image = image_files.photograph(path, (40 + number, 44))
        (root / f"{number}.png").write_bytes(image_files.encoded(image, "PNG"))
    return root


def _open(*folders, **changes):
    config = PhotographsConfig(data=tuple(map(str, folders)), **changes)
    return config, photographs.open_photographs(config)


def test_they_are_evenly_spaced(folder):
    _, samples = _open(folder, images=3)
    assert [samples.name(i)[-5:] for i in range(3)] == ["1.png", "4.png", "7.png"]
    assert len(_open(folder)[1]) == 9
    assert len(photographs.open_photographs(PhotographsConfig(images=5))) == 5


def test_several_sources_are_one(folder, tmp_path):
    shutil.copy(folder / "3.png", tmp_path / "x.png")
    _, samples = _open(folder, tmp_path, images=100)
    assert len(samples) == 10


def test_batches_are_the_centers_of_the_photographs(folder):
    config, samples = _open(folder, side=40)
    crops = config.crops(24, False)
    (first, numbers), (rest, last) = photographs.batches(samples, crops)
    assert [*numbers, *last] == list(range(9))
    assert (first.shape, rest.shape) == ((8, 24, 24, 1), (1, 24, 24, 1))
    # The first is 40 pixels wide: it is not scaled.
    pixels = data.load_image(folder / "0.png")[10:34, 8:32]
    gray = np.float32(pixels).mean(axis=-1, keepdims=True) / 255 - 0.4488
    np.testing.assert_allclose(first[0], gray, atol=1e-6)


def test_the_side_is_that_of_the_crop_or_more():
    assert PhotographsConfig().crops(70, False).min_side == 80
    with pytest.raises(ValueError, match="`side` must be at least crop_size=24"):
        PhotographsConfig(side=20).crops(24, False)


@pytest.mark.slow
def test_a_photograph_that_is_none_is_named(folder, tmp_path):
    shutil.copy(folder / "3.png", tmp_path / "x.png")
    (tmp_path / "y.png").write_bytes(b"nothing")
    config, samples = _open(tmp_path)
    with pytest.raises(ValueError, match="can't be decoded.*y.png"):
        list(photographs.batches(samples, config.crops(24, False)))


def test_an_empty_folder_is_refused(tmp_path):
    with pytest.raises(ValueError, match="holds no images"):
        _open(tmp_path)
