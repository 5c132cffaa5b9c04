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
    """Encodes an image, colour, as every kind that a server reads; a dict."""
    transparent = image.convert("RGBA")
    transparent.putalpha(image.convert("L"))
    deep = np.asarray(image).astype(np.uint16) * 257 + 77
    found = {
        "jpeg": encoded(image, "JPEG"),
        "progressive jpeg": encoded(image, "JPEG", progressive=True),
        "gray jpeg": encoded(image.convert("L"), "JPEG"),
        "cmyk jpeg": encoded(image.convert("CMYK"), "JPEG"),
        "jpeg without end": encoded(image, "JPEG")[:-2],
        "jpeg with more behind": encoded(image, "JPEG") + b"\0" * 9,
        "png": encoded(image, "PNG"),
        "gray png": encoded(image.convert("L"), "PNG"),
        "transparent png": encoded(transparent, "PNG"),
        "transparent gray png": encoded(transparent.convert("LA"), "PNG"),
        "1 bit png": encoded(image.convert("1"), "PNG"),
        "16 bit png": _by_opencv(".png", deep),
        "16 bit gray png": _by_opencv(".png", deep[..., 0]),
        "16 bit transparent png": _by_opencv(".png", np.dstack([deep, deep[..., 1]])),
        "gif": encoded(image.quantize(200), "GIF"),
        "animated gif": encoded(
            image.quantize(16),
            "GIF",
            save_all=True,
            append_images=[image.rotate(180).quantize(16)],
        ),
        "bmp": encoded(image, "BMP"),
        "gray bmp": encoded(image.convert("L"), "BMP"),
        "1 bit bmp": encoded(image.convert("1"), "BMP"),
        "palette bmp": encoded(image.quantize(7), "BMP"),
        "32 bit bmp": encoded(transparent, "BMP"),
        "transparent bmp": _by_opencv(".bmp", np.asarray(transparent)),
        "bmp from above": _upside_down(encoded(image, "BMP")),
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


def _upside_down(bmp):
    # The same rows, of a negative height: they run from above.
    (height,) = struct.unpack_from("<i", bmp, 22)
    return bmp[:22] + struct.pack("<i", -height) + bmp[26:]


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


def gif(screen, frame):
    """Builds a GIF with two frames, whose screen and frames claim sizes (W, H)."""
    content = (
        b"GIF89a" + struct.pack("<HH", *screen) + b"\x80\0\0" + b"\xff\0\0\0\0\xff"
    )
    # An extension of two blocks stands before the frames.
    content += b"\x21\xfe\2ab\1c\0"
    block = b"\x2c\0\0\0\0" + struct.pack("<HH", *frame) + b"\0\2\2%s\1\0"
    return content + block % b"\x44" + block % b"\x4c" + b"\x3b"


def bad(image):
    """Returns bytes that are no image a server reads, with what it says of them.

    A dict from name to a pair of bytes and a pattern.
    """
    jpeg, whole_png, bmp = (encoded(image, kind) for kind in ("JPEG", "PNG", "BMP"))
    place = jpeg.index(b"\xff\xc0") + 5
    lying_jpeg = jpeg[:place] + struct.pack(">HH", 30000, 30000) + jpeg[place + 4 :]
    lying_bmp = bmp[:18] + struct.pack("<ii", 30000, 30000) + bmp[26:]
    ihdr = whole_png[8:33]
    late_header = whole_png[:8] + b"\0\0\0\4abcdefghijkl" + ihdr + whole_png[33:]
    animated = encoded(image.quantize(16), "GIF")
    claims = "claims an empty image or one of over"
    return {
        "empty": (b"", "no known kind.*GIF or BMP"),
        "text": (b"This is no image.\n" * 9, "no known kind"),
        "one byte": (b"\xff", "no known kind"),
        "webp": (encoded(image, "WEBP"), "no known kind"),
        "tiff": (encoded(image, "TIFF"), "no known kind"),
        "late header": (late_header, "no known kind"),
        "cut jpeg": (jpeg[: len(jpeg) * 2 // 3], "cut off|Invalid JPEG"),
        "start of a jpeg": (jpeg[:3], "Invalid JPEG"),
        "cut png": (whole_png[: len(whole_png) // 2], "Invalid PNG"),
        "start of a png": (whole_png[:20], claims),
        "damaged png": (png(64, 64), "Invalid PNG"),
        "cut gif": (animated[: len(animated) // 2], "GIF is cut off"),
        "start of a gif": (animated[:9], "GIF is cut off"),
        "cut bmp": (bmp[:99], "another kind or cut off"),
        "start of a bmp": (b"BM", claims),
        "16 bit bmp": (bmp[:28] + b"\x10\0" + bmp[30:], "another kind or cut off"),
        "compressed bmp": (bmp[:30] + b"\1" + bmp[31:], "another kind or cut off"),
        "lying jpeg": (lying_jpeg, claims),
        "lying png": (png(30000, 30000), claims),
        "lying 1 bit png": (png(30000, 30000, 1, 0), claims),
        "lying gif": (gif((30000, 30000), (30000, 30000)), claims),
        "lying frame": (gif((1, 1), (30000, 30000)), claims),
        "lying bmp": (lying_bmp, claims),
        "nothing": (png(0, 5), claims),
    }
