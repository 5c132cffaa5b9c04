"""Masks come as raw indices, whatever the PNG's depth, and are checked."""

import struct
import zlib

import cv2
import numpy as np
import pytest
import scipy.io
from PIL import Image

from selfsup import data
from selfsup.data.voc import masks


def random_mask(high, size=(7, 13)):
    return np.random.default_rng(high).integers(0, high, size).astype(np.uint8)


def chunk(name, content):
    checksum = zlib.crc32(name + content)
    return (
        struct.pack(">I", len(content)) + name + content + struct.pack(">I", checksum)
    )


def write_png(path, mask, bits, palette):
    """Writes a PNG of few bits by hand."""
    height, width = mask.shape
    kind = 3 if palette else 0
    header = struct.pack(">IIBBBBB", width, height, bits, kind, 0, 0, 0)
    binary = np.unpackbits(mask[..., None], axis=-1)[..., 8 - bits :]
    rows = np.packbits(binary.reshape(height, width * bits), axis=-1)
    content = b"".join(b"\0" + row.tobytes() for row in rows)
    colors = bytes(range(7, 7 + 3 * 2**bits)) if bits < 8 else bytes(range(256)) * 3
    path.write_bytes(
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + (chunk(b"PLTE", colors) if palette else b"")
        + chunk(b"IDAT", zlib.compress(content))
        + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("palette", [True, False])
def test_indices_of_every_depth(tmp_path, bits, palette):
    path = tmp_path / "mask.png"
    mask = random_mask(min(2**bits, 255))
    write_png(path, mask, bits, palette)
    read = masks.read_mask(str(path), mask.shape, 255)
    np.testing.assert_array_equal(read, mask)
    assert read.dtype == np.uint8


@pytest.mark.parametrize("bits, high", [(1, 2), (2, 4), (4, 16), (8, 256)])
def test_indices_of_palettes_that_pillow_writes(tmp_path, tools, bits, high):
    path = tmp_path / "mask.png"
    mask = random_mask(high)
    tools.save_mask(path, mask, bits=bits)
    assert path.read_bytes()[24] == bits
    read = masks.read_mask(str(path), mask.shape, 255)
    np.testing.assert_array_equal(read, mask)


def test_transparency_of_a_palette_changes_nothing(tmp_path, tools):
    path = tmp_path / "mask.png"
    mask = random_mask(21)
    tools.save_mask(path, mask, transparency=0)
    read = masks.read_mask(str(path), mask.shape, 21)
    np.testing.assert_array_equal(read, mask)


def test_masks_of_the_semantic_boundaries_dataset(tmp_path, tools):
    mask = random_mask(21)
    tools.save_mat(tmp_path / "mask.mat", mask)
    read = masks.read_mask(str(tmp_path / "mask.mat"), mask.shape, 21)
    np.testing.assert_array_equal(read, mask)


@pytest.mark.parametrize(
    "write",
    [
        lambda path: path.write_bytes(b"no such thing"),
        lambda path: path.write_bytes(b""),
        lambda path: scipy.io.savemat(path, {"GTinst": {"Segmentation": 1}}),
        lambda path: scipy.io.savemat(path, {"GTcls": {"Boundaries": 1}}),
        lambda path: scipy.io.savemat(path, {"GTcls": np.zeros([4, 4])}),
        lambda path: scipy.io.savemat(path, {"GTcls": {"Segmentation": np.eye(9)}}),
        lambda path: None,
    ],
    ids=["text", "empty", "other", "field", "array", "float", "gone"],
)
def test_bad_mat_files(tmp_path, write):
    write(tmp_path / "bad.mat")
    with pytest.raises(ValueError, match=r"GTcls.Segmentation.*Received: '.*bad.mat'"):
        masks.read_mask(str(tmp_path / "bad.mat"), (7, 13), 21)


def test_a_mask_of_another_size(tmp_path, tools):
    tools.save_mask(tmp_path / "m.png", np.zeros([7, 13]))
    with pytest.raises(ValueError, match=r"\(13, 7\). Received: \(7, 13\) in '.*m.png"):
        masks.read_mask(str(tmp_path / "m.png"), (13, 7), 21)


@pytest.mark.parametrize("index, classes", [(21, 21), (254, 21), (2, 2)])
def test_an_index_outside_of_the_classes(tmp_path, tools, index, classes):
    mask = np.zeros([5, 5])
    mask[1, 2], mask[3, 4] = index, 255
    tools.save_mask(tmp_path / "m.png", mask)
    message = f"0 to {classes - 1}.*{classes} classes.*Received: {index} in '.*m.png"
    with pytest.raises(ValueError, match=message):
        masks.read_mask(str(tmp_path / "m.png"), (5, 5), classes)
    masks.read_mask(str(tmp_path / "m.png"), (5, 5), index + 1)


def test_masks_of_colors_are_refused(tmp_path):
    for name, shape, dtype in (
        ("RGB", (5, 5, 3), np.uint8),
        ("RGBA", (5, 5, 4), np.uint8),
        ("I;16", (5, 5), np.uint16),
    ):
        path = tmp_path / "m.png"
        cv2.imwrite(str(path), np.zeros(shape, dtype))
        with pytest.raises(ValueError, match=f"palette.*Received: '.*m.png'.*'{name}'"):
            masks.read_mask(str(path), (5, 5), 21)


@pytest.mark.parametrize("damage", ["gone", "empty", "text", "cut"])
def test_unreadable_masks(tmp_path, tools, damage):
    path = tmp_path / "m.png"
    tools.save_mask(path, random_mask(200, (40, 40)))
    content = path.read_bytes()
    contents = {"empty": b"", "text": b"a mask", "cut": content[:-500]}
    path.unlink()
    if damage in contents:
        path.write_bytes(contents[damage])
    with pytest.raises(ValueError, match="can't be read.*Received: '.*m.png'"):
        masks.read_mask(str(path), (40, 40), 255)


@pytest.mark.parametrize("extension", ["jpg", "png", "bmp", "webp"])
def test_sizes_of_images(tmp_path, extension):
    path = str(tmp_path / f"image.{extension}")
    cv2.imwrite(path, np.zeros([20, 30, 3], np.uint8))
    assert masks.image_size(path) == (20, 30)


@pytest.mark.parametrize(
    "orientation, size", [(1, (20, 30)), (3, (20, 30)), (6, (30, 20))]
)
@pytest.mark.parametrize("extension", ["jpg", "png"])
def test_sizes_of_turned_images_are_those_of_the_decoder(
    tmp_path, orientation, size, extension
):
    path = str(tmp_path / f"image.{extension}")
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(np.zeros([20, 30, 3], np.uint8)).save(path, exif=exif)
    assert masks.image_size(path) == size == data.load_image(path).shape[:2]


def test_the_size_of_a_broken_image_names_it(tmp_path):
    path = tmp_path / "image.jpg"
    for content in (b"", b"text", b"\xff\xd8\xff", b"\x89PNG\r\n\x1a\n"):
        path.write_bytes(content)
        with pytest.raises(ValueError, match="can't be decoded.*image.jpg"):
            masks.image_size(str(path))
