"""A folder for TensorBoard's embedding projector: points with thumbnails."""

import itertools
import math
import os
import pathlib

import numpy as np

from selfsup import atomic, pictures

_TENSOR, _METADATA, _SPRITE = "features.tsv", "metadata.tsv", "sprite.png"
_CONFIG = "projector_config.pbtxt"

# Largest side of a picture that browsers take as a texture.
_LARGEST = 8192

# Largest side of a thumbnail.
_SIDE = 96


def check(folder, overwrite=False):
    """Refuses a folder that `write` could not write to.

    Args:
        folder: Path of the folder.
        overwrite: Whether an embedding may be in it.

    Raises:
        FileExistsError: If it is a file, or holds an embedding and may not.
    """
    folder = pathlib.Path(folder)
    names = _TENSOR, _METADATA, _SPRITE, _CONFIG
    there = [folder / name for name in names if (folder / name).exists()]
    if (folder.exists() and not folder.is_dir()) or (there and not overwrite):
        raise FileExistsError(
            "The folder of the projector exists. Expected another --projector, or "
            f"--overwrite. Received: {there[0] if there else folder}"
        )


def thumbnail_side(count):
    """Returns the side of so many thumbnails that fit into one picture, in pixels."""
    return min(_SIDE, _LARGEST // max(1, math.isqrt(max(0, count - 1)) + 1))


def thumbnail(image, side):
    """Shrinks an image to a square, with white beside it.

    Args:
        image: `[H, W, 3]`, uint8.
        side: Side of the square in pixels.

    Returns:
        `[side, side, 3]`, uint8.
    """
    height, width = image.shape[:2]
    small = pictures.resize(image, side / max(height, width))
    margins = [side - length for length in small.shape[:2]]
    around = [(margin // 2, margin - margin // 2) for margin in margins]
    return np.pad(small, [*around, (0, 0)], constant_values=255)


def sprite(thumbnails):
    """Lays thumbnails side by side, row by row, in as many columns as rows or more.

    Args:
        thumbnails: `[N, S, S, 3]`, uint8.

    Returns:
        `[H, W, 3]`, uint8; white where there is none.
    """
    count, side = thumbnails.shape[:2]
    columns = math.isqrt(count - 1) + 1
    rows = -(-count // columns)
    cells = np.full((rows * columns, side, side, 3), 255, np.uint8)
    cells[:count] = thumbnails
    cells = cells.reshape(rows, columns, side, side, 3).swapaxes(1, 2)
    return cells.reshape(rows * side, columns * side, 3)


def write(folder, names, blocks, thumbnails):
    """Writes the files that `tensorboard --logdir FOLDER` shows; the last names them.

    Args:
        folder: Path of the folder; it is made.
        names: List of the names of all photographs; their folders are a second label.
        blocks: Iterable of `[n, C]`, float32, in the order of the names.
        thumbnails: `[N, S, S, 3]`, uint8.

    Raises:
        OSError: If a file cannot be written.
    """
    from google.protobuf import text_format
    from tensorboard.plugins import projector

    folder = pathlib.Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    rows = itertools.chain.from_iterable(blocks)
    # As text: TensorBoard takes bytes that happen to be UTF-8 for text.
    _write_table(folder / _TENSOR, rows)
    labels = ([name, os.path.dirname(name) or "."] for name in names)
    _write_table(folder / _METADATA, itertools.chain([["name", "folder"]], labels))
    pictures.save_image(folder / _SPRITE, sprite(thumbnails))
    config = projector.ProjectorConfig()
    embedding = config.embeddings.add(
        tensor_name="features", tensor_path=_TENSOR, metadata_path=_METADATA
    )
    embedding.sprite.image_path = _SPRITE
    embedding.sprite.single_image_dim.extend(thumbnails.shape[2:0:-1])
    with atomic.write(folder / _CONFIG) as unfinished:
        unfinished.write_text(text_format.MessageToString(config))


def _write_table(path, rows):
    with atomic.write(path) as unfinished:
        with unfinished.open("w", encoding="utf-8") as file:
            for row in rows:
                # Names may hold what separates columns and lines.
                cells = (" ".join(str(cell).split()) for cell in row)
                file.write("\t".join(cells) + "\n")
