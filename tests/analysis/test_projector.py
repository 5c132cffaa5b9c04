"""TensorBoard's own reader finds the points, their names and their thumbnails."""

import numpy as np
import PIL.Image
import pytest
from google.protobuf import text_format

from selfsup.analysis import projector

RNG = np.random.default_rng(0)
NAMES = ["a.jpg", "cats/b\tc.jpg", "cats/d.jpg", "dogs/ü.jpg", "e.jpg"]


def test_the_plugin_reads_what_is_written(tmp_path):
    plugins = pytest.importorskip("tensorboard.plugins.projector")
    from tensorboard.plugins.projector import projector_plugin

    features = RNG.normal(size=(5, 7)).astype(np.float32)
    shown = RNG.integers(0, 256, (5, 8, 8, 3), np.uint8)
    folder = tmp_path / "logs" / "here"
    projector.write(folder, NAMES, [features[:2], features[2:]], shown)
    config = plugins.ProjectorConfig()
    text_format.Parse((folder / "projector_config.pbtxt").read_text(), config)
    (embedding,) = config.embeddings
    found = projector_plugin._read_tensor_tsv_file(str(folder / embedding.tensor_path))
    np.testing.assert_array_equal(found, features)
    header, *rows = (folder / embedding.metadata_path).read_text("utf-8").splitlines()
    assert header == "name\tfolder"
    names, folders = zip(*(row.split("\t") for row in rows), strict=True)
    assert names == ("a.jpg", "cats/b c.jpg", *NAMES[2:])
    assert folders == (".", "cats", "cats", "dogs", ".")
    # As the page cuts it: by the size of a thumbnail, row by row.
    width, height = embedding.sprite.single_image_dim
    picture = np.asarray(PIL.Image.open(folder / embedding.sprite.image_path))
    columns = picture.shape[1] // width
    for number, expected in enumerate(shown):
        y, x = number // columns * height, number % columns * width
        np.testing.assert_array_equal(picture[y : y + 8, x : x + 8], expected)


@pytest.mark.parametrize("shape", [(30, 90), (90, 30), (5, 5), (1, 400)])
def test_thumbnails_show_the_whole_image_on_white(shape):
    thumbnail = projector.thumbnail(np.zeros((*shape, 3), np.uint8), 16)
    assert thumbnail.shape == (16, 16, 3)
    dark = thumbnail[..., 0] < 128
    height, width = dark.any(1).sum(), dark.any(0).sum()
    assert max(height, width) == 16
    assert abs(width / height - min(16, shape[1] / shape[0])) < 0.21


@pytest.mark.parametrize("count", [1, 2, 4, 5, 7282, 16_384, 1_000_000])
def test_thumbnails_fit_into_one_picture(count):
    side = projector.thumbnail_side(count)
    columns = int(np.ceil(np.sqrt(count)))
    assert 0 < side <= 96 and columns * side <= 8192
    assert side == 96 or columns * (side + 1) > 8192


def test_only_an_embedding_is_in_the_way(tmp_path):
    (tmp_path / "events.out").write_text("")
    projector.check(tmp_path)
    projector.check(tmp_path / "new")
    (tmp_path / "sprite.png").write_text("")
    with pytest.raises(FileExistsError, match="--overwrite. Received: .*sprite.png"):
        projector.check(tmp_path)
    projector.check(tmp_path, overwrite=True)
    with pytest.raises(FileExistsError):
        projector.check(tmp_path / "events.out", overwrite=True)
