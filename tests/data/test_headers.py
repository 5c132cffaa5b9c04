"""Sizes in headers, written byte by byte, and that none of them is believed."""

import struct

import cv2
import numpy as np
import pytest

from selfsup import data
from selfsup.data import headers

HEIGHT, WIDTH = 30000, 31000


def bmp(height, width):
    info = struct.pack("<IiiHHIIiiII", 40, width, height, 1, 24, 0, 0, 0, 0, 0, 0)
    return b"BM" + struct.pack("<IHHI", 54, 0, 0, 54) + info


def old_bmp(height, width):
    return b"BM" + bytes(12) + struct.pack("<IHHHH", 12, width, height, 1, 24)


def animated_webp(height, width):
    image = np.zeros([4, 4, 3], np.uint8)
    frame = cv2.imencode(".webp", image, [cv2.IMWRITE_WEBP_QUALITY, 50])[1].tobytes()
    frame = bytes(6) + bytes([3, 0, 0, 3, 0, 0, 10, 0, 0, 0]) + frame[12:]
    sides = struct.pack("<I", width - 1)[:3] + struct.pack("<I", height - 1)[:3]
    body = b"WEBPVP8X" + struct.pack("<II", 10, 2) + sides
    body += b"ANIM" + struct.pack("<I", 6) + bytes(6)
    body += b"ANMF" + struct.pack("<I", len(frame)) + frame
    return b"RIFF" + struct.pack("<I", len(body)) + body


def tiff(height, width, order="<"):
    values = {256: width, 257: height, 258: 8, 262: 1, 273: 8, 277: 1, 278: 9, 279: 9}
    entries = [struct.pack(order + "HHII", k, 4, 1, v) for k, v in values.items()]
    mark = b"II" if order == "<" else b"MM"
    head = mark + struct.pack(order + "HIH", 42, 8, len(entries))
    return head + b"".join(entries) + bytes(99)


def big_tiff(height, width):
    values = {256: width, 257: height}
    entries = [struct.pack("<HHQHxxI", k, 3, 1, v, 0) for k, v in values.items()]
    return b"II+\0" + struct.pack("<HHQQ", 8, 0, 16, 2) + b"".join(entries)


def jpeg_2000(height, width):
    size = struct.pack(">HHIIII", 47, 0, width + 5, height + 7, 5, 7)
    return b"\xffO\xffQ" + size + bytes(99)


MAKERS = {
    "bmp": bmp,
    "old bmp": old_bmp,
    "top-down bmp": lambda height, width: bmp(-height, width),
    "animated webp": animated_webp,
    "tiff": tiff,
    "big-endian tiff": lambda height, width: tiff(height, width, ">"),
    "bigtiff": big_tiff,
    "jpeg 2000": jpeg_2000,
    "ppm": lambda height, width: b"P6 # comment\n%d\n%d 255\n" % (width, height),
    "plain pgm": lambda height, width: b"P2\n#\n#\n%d %d\n9\n0" % (width, height),
    "avif": lambda height, width: (
        b"\0\0\0\x1cftypavif" + b"ispe\0\0\0\0" + struct.pack(">II", width, height)
    ),
}


@pytest.mark.parametrize("kind", MAKERS)
def test_size_is_read(kind):
    assert tuple(headers.claimed_size(MAKERS[kind](HEIGHT, WIDTH))) == (HEIGHT, WIDTH)


@pytest.mark.parametrize("kind", MAKERS)
def test_claims_of_huge_images_are_refused(tmp_path, kind):
    path = tmp_path / "x.jpg"
    path.write_bytes(MAKERS[kind](HEIGHT, WIDTH))
    with pytest.raises(ValueError, match="over 268435456 pixels: 30000 x 31000"):
        data.load_image(path)


@pytest.mark.parametrize("kind", MAKERS)
def test_headers_cut_anywhere_are_an_error(kind):
    encoded = MAKERS[kind](HEIGHT, WIDTH)
    for length in range(min(len(encoded), 60)):
        try:
            height, width = headers.claimed_size(encoded[:length])
        except ValueError as error:
            assert "damaged" in str(error) or "no known kind" in str(error)
        else:
            assert height * width > 2**27


def test_single_webp_is_bounded_by_its_format():
    image = np.zeros([5, 9, 3], np.uint8)
    encoded = cv2.imencode(".webp", image)[1].tobytes()
    height, width = headers.claimed_size(encoded)
    assert 9 <= min(height, width) and height * width <= 2**28


def test_kinds_without_a_reader_are_an_error():
    with pytest.raises(ValueError, match="no known kind; it begins b'what'"):
        headers.claimed_size(b"what")
