"""Sizes and orientations in headers, and that no size is believed."""

import io
import struct

import cv2
import numpy as np
import pytest
from PIL import Image

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
    return b"II+\0" + struct.pack("<HHQQ", 8, 0, 16, 2) + b"".join(entries) + bytes(99)


def jpeg_2000(height, width):
    content = io.BytesIO()
    Image.new("RGB", (8, 9)).save(content, "JPEG2000", no_jp2=True)
    size = struct.pack(">II", width, height)
    return content.getvalue().replace(struct.pack(">II", 8, 9), size, 1)


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
}


@pytest.mark.parametrize("kind", MAKERS)
def test_size_is_read(kind):
    assert headers.claimed_size(MAKERS[kind](300, 310)) == (300, 310)


@pytest.mark.parametrize("kind", ["AVIF", "PNG", "JPEG", "WEBP", "JPEG2000"])
def test_size_of_what_pillow_writes(kind):
    content = io.BytesIO()
    Image.new("RGB", (50, 40)).save(content, kind)
    assert headers.claimed_size(content.getvalue()) == (40, 50)


@pytest.mark.parametrize("kind", MAKERS)
def test_claims_of_huge_images_are_refused(tmp_path, kind):
    path = tmp_path / "x.jpg"
    path.write_bytes(MAKERS[kind](HEIGHT, WIDTH))
    with pytest.raises(ValueError, match="claims.*pixels.*x.jpg|x.jpg.*claims.*pixels"):
        data.load_image(path)


@pytest.mark.parametrize("shape", [(2**14, 2**14 + 1), (2**15, 2**13), (0, 9)])
def test_the_limit_is_exact(shape):
    height, width = shape
    if 0 < height * width <= 2**28:
        assert headers.claimed_size(tiff(height, width)) == shape
    else:
        with pytest.raises(ValueError, match=f"over 268435456 .*{height} x {width}"):
            headers.claimed_size(tiff(height, width))


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
@pytest.mark.parametrize("kind", MAKERS)
def test_headers_cut_anywhere_are_an_error(kind):
    encoded = MAKERS[kind](300, 310)
    for length in range(min(len(encoded), 60)):
        try:
            size = headers.claimed_size(encoded[:length])
        except ValueError as error:
            assert "no known kind or damaged" in str(error) or "claims" in str(error)
        else:
            assert size == (300, 310) or kind in ("ppm", "plain pgm")


def test_other_kinds_are_an_error():
    with pytest.raises(ValueError, match="it begins b'what'"):
        headers.claimed_size(b"what")


def turned(kind, orientation, **options):
    exif = Image.Exif()
    exif[0x0112] = orientation
    content = io.BytesIO()
    Image.new("RGB", (5, 4)).save(content, kind, exif=exif, **options)
    return content.getvalue()


@pytest.mark.parametrize("kind", ["AVIF", "JPEG", "PNG", "WEBP"])
def test_orientation_is_read(kind):
    assert [headers.orientation(turned(kind, value)) for value in range(10)] == [
        *(1, 1, 2, 3, 4, 5, 6, 7, 8, 1)
    ]


@pytest.mark.filterwarnings("ignore:Corrupt EXIF")
def test_damaged_exif_says_nothing():
    encoded = turned("JPEG", 6)
    assert headers.orientation(encoded.replace(b"MM\0*", b"XX\0*")) == 1
    assert headers.orientation(encoded[:30]) == 1
    assert headers.orientation(b"") == 1
    # OpenCV turns TIFF by itself.
    assert headers.orientation(turned("TIFF", 6)) == 1


def test_no_image_is_decoded(monkeypatch):
    def load(self):
        raise AssertionError("decoded")

    files = [turned(kind, 6) for kind in ("JPEG", "PNG", "WEBP")]
    plain = io.BytesIO()
    Image.new("RGB", (5, 4)).save(plain, "PNG")
    monkeypatch.setattr("PIL.ImageFile.ImageFile.load", load)
    assert [headers.orientation(encoded) for encoded in files] == [6, 6, 6]
    assert headers.orientation(plain.getvalue()) == 1
    assert headers.claimed_size(plain.getvalue()) == (4, 5)
