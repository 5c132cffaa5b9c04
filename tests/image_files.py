"""Encoded images of many kinds, good and bad, for the code that decodes them."""

import io
import struct
import zlib

import cv2
import numpy as np
from PIL import Image


def photograph(path, size=(51, 40)):
    """Returns the corner of a photograph as a `PIL.Image`, `size` being (W, H)."""
    return Image.open(path).crop((0, 0, *size))


def encoded(image, kind, **options):
    """Encodes a `PIL.Image`."""
    content = io.BytesIO()
    image.save(content, kind, **options)
    return content.getvalue()


def turned(image, kind, orientation):
    """Encodes an image with a note of its EXIF orientation."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return encoded(image, kind, exif=exif)


def kinds(image):
    """Encodes a color image as every kind that a server reads; a dict."""
    transparent = image.convert("RGBA")
    transparent.putalpha(image.convert("L"))
    deep = np.asarray(image).astype(np.uint16) * 257 + 77
    found = {
        "jpeg": encoded(image, "JPEG"),
        "progressive jpeg": encoded(image, "JPEG", progressive=True),
        "gray jpeg": encoded(image.convert("L"), "JPEG"),
        "cmyk jpeg": encoded(image.convert("CMYK"), "JPEG"),
        "jpeg with more behind": encoded(image, "JPEG") + b"\0" * 9,
        "png": encoded(image, "PNG"),
        "gray png": encoded(image.convert("L"), "PNG"),
        "transparent png": encoded(transparent, "PNG"),
        "transparent gray png": encoded(transparent.convert("LA"), "PNG"),
        "1 bit png": encoded(image.convert("1"), "PNG"),
        "16 bit png": _by_opencv(".png", deep),
        "16 bit gray png": _by_opencv(".png", deep[..., 0]),
        "16 bit transparent png": _by_opencv(".png", np.dstack([deep, deep[..., 1]])),
    }
    for bits in (1, 2, 4, 8):
        palette = image.quantize(2**bits)
        found[f"{bits} bit palette png"] = encoded(palette, "PNG", bits=bits)
        opacity = bytes(range(0, 256, 256 // 2**bits))
        found[f"{bits} bit transparent palette png"] = encoded(
            palette, "PNG", bits=bits, transparency=opacity
        )
    return found


def _by_opencv(ending, image):
    return cv2.imencode(ending, image)[1].tobytes()


def png(width, height, depth=8, kind=2, rows=b"\0" * 99):
    """Builds a PNG from its header and its rows."""

    def chunk(name, content):
        checksum = zlib.crc32(name + content)
        return (
            struct.pack(">I", len(content))
            + name
            + content
            + struct.pack(">I", checksum)
        )

    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    parts = (b"IHDR", header), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def apple_png():
    """Builds a PNG as Xcode puts it into programs: a chunk before the header."""
    plain = png(2, 2, rows=b"\0abcdef" * 2)
    return plain[:8] + b"\0\0\0\4CgBI\x50\0\x20\2\x2b\xd5\xb3\x7f" + plain[8:]


def bad(image):
    """Returns bytes that are no image a server reads, with what it says of them.

    A dict from name to a pair of bytes and a pattern.
    """
    jpeg, whole_png = (encoded(image, kind) for kind in ("JPEG", "PNG"))
    place = jpeg.index(b"\xff\xc0") + 5
    lying_jpeg = jpeg[:place] + struct.pack(">HH", 30000, 30000) + jpeg[place + 4 :]
    ihdr = whole_png[8:33]
    late_header = whole_png[:8] + b"\0\0\0\4abcdefghijkl" + ihdr + whole_png[33:]
    claims = "claims an empty image or one of over"
    others = {
        kind.lower(): (encoded(image, kind), "Expected JPEG or PNG. Received bytes:")
        for kind in ("GIF", "BMP", "WEBP", "TIFF")
    }
    return others | {
        "empty": (b"", "Expected JPEG or PNG. Received bytes:.*0"),
        "text": (b"This is no image.\n" * 9, "Received bytes:.*162"),
        "one byte": (b"\xff", "Received bytes:.*1"),
        "late header": (late_header, "no known kind"),
        "cut jpeg": (jpeg[: len(jpeg) * 2 // 3], "Invalid JPEG"),
        "start of a jpeg": (jpeg[:3], "Invalid JPEG"),
        "jpeg without end": (jpeg[:-2], "Invalid JPEG"),
        "jpeg of many scans": (many_scans(image, 101), "over 100 scans.*101"),
        "png of apple": (apple_png(), "no known kind"),
        "cut png": (whole_png[: len(whole_png) // 2], "Invalid PNG"),
        "start of a png": (whole_png[:20], claims),
        "damaged png": (png(64, 64), "Invalid PNG"),
        "lying jpeg": (lying_jpeg, claims),
        "lying png": (png(30000, 30000), claims),
        "lying 1 bit png": (png(30000, 30000, 1, 0), claims),
        "nothing": (png(0, 5), claims),
    }


def many_scans(image, count):
    """Encodes a progressive JPEG, whose last scan is repeated; `count` are all."""
    jpeg = encoded(image, "JPEG", progressive=True)
    last = jpeg.rindex(b"\xff\xda")
    return jpeg[:-2] + (count - jpeg.count(b"\xff\xda")) * jpeg[last:-2] + jpeg[-2:]


def class_folders(
    root, photos, count, train=None, size=(60, 60), classes=("ant", "bee")
):
    """Writes photographs of several classes in turn, a folder for each class.

    Args:
        root: Path of the folder, a `pathlib.Path`.
        photos: Path of the photographs, whose corners are taken.
        count: Number of photographs.
        train: How many of them go into `train/`, the others into `val/`; None for no
            such parts.
        size: (W, H) of the corners.
        classes: Names of the classes.

    Returns:
        `root`.
    """
    for number, path in enumerate(sorted(photos.glob("*.jpg"))[:count]):
        part = root if train is None else root / ("train" if number < train else "val")
        place = part / classes[number % len(classes)] / path.name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(encoded(photograph(path, size), "JPEG"))
    return root
