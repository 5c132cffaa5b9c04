"""Sizes that image files claim, read before anything is allocated for them.

Covers what OpenCV decodes here; TensorFlow's ops tell the size of the rest.
"""

import re
import struct

_JPEG_2000 = re.compile(rb"(?s)\A(?:\0\0\0\x0cjP  |\xffO\xffQ)")
_NETPBM = re.compile(rb"P[1-6](?:\s|#[^\n]*\n)+(\d+)(?:\s|#[^\n]*\n)+(\d+)\s")

# Types of TIFF's integers and their `struct` codes.
_TIFF_INTEGERS = {1: "B", 3: "H", 4: "I", 16: "Q"}
_WIDTH, _HEIGHT, _EXTRA_SAMPLES = 256, 257, 338


def claimed_size(encoded):
    """Returns the size that the header of an image file claims.

    Args:
        encoded: Content of a BMP, WebP, TIFF, JPEG 2000, PNM, PNG or AVIF file.

    Returns:
        `(height, width)`, not checked in any way.

    Raises:
        ValueError: If the file is of another kind, or its header is cut off.
    """
    for begins, read in _READERS:
        if begins(encoded):
            try:
                return read(encoded)
            except (struct.error, LookupError, AttributeError, ValueError) as error:
                raise ValueError("The file's header is damaged.") from error
    raise ValueError(f"The file is of no known kind; it begins {encoded[:12]!r}.")


def is_tiff(encoded):
    """Tells whether a file is TIFF or BigTIFF, in either byte order."""
    return encoded[:4] in (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")


def tiff_alpha(encoded):
    """Returns what a TIFF file says of its fourth channel.

    Returns:
        1: alpha that the colours have been multiplied with; 2: alpha; 0 or
        None: it does not say.
    """
    return _tiff_tags(encoded).get(_EXTRA_SAMPLES)


def _bmp(encoded):
    if struct.unpack_from("<I", encoded, 14)[0] == 12:
        width, height = struct.unpack_from("<HH", encoded, 18)
    else:
        width, height = struct.unpack_from("<ii", encoded, 18)
    # Rows of a negative height run from top to bottom.
    return abs(height), width


def _webp(encoded):
    if encoded[12:16] != b"VP8X":
        # Files of a single frame can't claim more than 2**14 pixels a side.
        return 2**14 - 1, 2**14 - 1
    # Three bytes each, minus 1; read with the byte in front.
    (width,) = struct.unpack_from("<I", encoded, 23)
    (height,) = struct.unpack_from("<I", encoded, 26)
    return (height >> 8) + 1, (width >> 8) + 1


def _tiff(encoded):
    tags = _tiff_tags(encoded)
    return tags[_HEIGHT], tags[_WIDTH]


def _tiff_tags(encoded):
    """Returns the first value of each integer tag of the first image."""
    order = {b"I": "<", b"M": ">"}[encoded[:1]]
    if b"+" in encoded[2:4]:
        offset, count, entry, value_at = "8xQ", "Q", 20, 12
    else:
        offset, count, entry, value_at = "4xI", "H", 12, 8
    (place,) = struct.unpack_from(order + offset, encoded)
    (number,) = struct.unpack_from(order + count, encoded, place)
    first = place + struct.calcsize("<" + count)
    tags = {}
    for place in range(first, min(first + entry * number, len(encoded)), entry):
        tag, kind = struct.unpack_from(order + "HH", encoded, place)
        if kind in _TIFF_INTEGERS:
            code = order + _TIFF_INTEGERS[kind]
            (tags[tag],) = struct.unpack_from(code, encoded, place + value_at)
    return tags


def _jpeg_2000(encoded):
    # The codestream's own numbers; those of the boxes around it only repeat it.
    size = encoded.index(b"\xffO\xffQ") + 8
    right, bottom, left, top = struct.unpack_from(">4I", encoded, size)
    return bottom - top, right - left


def _netpbm(encoded):
    width, height = _NETPBM.match(encoded).groups()
    return int(height), int(width)


def _png(encoded):
    width, height = struct.unpack_from(">II", encoded, 16)
    return height, width


def _avif(encoded):
    # All parts' sizes; the last four bytes before them are version and flags.
    sizes = re.findall(rb"(?s)ispe....(....)(....)", encoded[: 2**16])
    width, height = zip(*(map(int.from_bytes, size) for size in sizes), strict=True)
    return max(height), max(width)


_READERS = (
    (lambda encoded: encoded[:2] == b"BM", _bmp),
    (lambda encoded: encoded[:4] == b"RIFF" and encoded[8:12] == b"WEBP", _webp),
    (is_tiff, _tiff),
    (_JPEG_2000.match, _jpeg_2000),
    (lambda encoded: re.match(rb"P[1-6]\s", encoded), _netpbm),
    (lambda encoded: encoded[:8] == b"\x89PNG\r\n\x1a\n", _png),
    (lambda encoded: encoded[4:12] in (b"ftypavif", b"ftypavis"), _avif),
)
