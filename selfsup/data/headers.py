"""What image files say about themselves, read by Pillow without decoding them."""

import io
import struct

import numpy as np
from PIL import Image, TiffImagePlugin

# Larger images are taken for damaged headers: 2**28 pixels are 0.8 GB as RGB.
MAX_PIXELS = 2**28

# What Pillow raises for damaged files, by what stands in the damaged place.
PILLOW_ERRORS = (
    ArithmeticError,
    AttributeError,
    EOFError,
    Image.DecompressionBombError,
    LookupError,
    OSError,
    RuntimeError,
    struct.error,
    SyntaxError,
    TypeError,
    ValueError,
)

_KINDS = ("AVIF", "BMP", "JPEG", "JPEG2000", "PNG", "PPM", "WEBP")
_TURNED_KINDS = ("AVIF", "JPEG", "PNG", "WEBP")

_TIFF = (b"II*\0", b"MM\0*", b"II+\0")
# A bare stream of JPEG 2000, and PNM but for the binary ones of gray and color.
_FOR_PILLOW = b"\xff\x4f\xff\x51", b"P1", b"P2", b"P3", b"P4"
_ORIENTATION, _EXTRA_SAMPLES = 0x0112, 338


def claimed_size(encoded):
    """Returns the size that the header of an image file claims.

    Args:
        encoded: Content of a TIFF, BMP, WebP, JPEG 2000, PNM, AVIF, PNG or JPEG
            file; Pillow knows no other kind that OpenCV reads but Radiance HDR,
            OpenEXR, PAM and Sun rasters.

    Returns:
        `(height, width)`.

    Raises:
        ValueError: If the file is of another kind, its header is damaged, or it
            claims an empty image or one of over `MAX_PIXELS` pixels.
    """
    try:
        if is_tiff(encoded):
            tags = _tiff_tags(encoded)
            width, height = tags[256], tags[257]
        else:
            width, height = _opened(encoded, _KINDS).size
    except Image.DecompressionBombError as error:
        raise ValueError(f"The header claims too much: {error}") from error
    except PILLOW_ERRORS as error:
        raise ValueError(
            f"The file is of no known kind or damaged; it begins {encoded[:12]!r}."
        ) from error
    if not 0 < height * width <= MAX_PIXELS:
        raise ValueError(
            "The header claims an empty image or one of over "
            f"{MAX_PIXELS} pixels: {height} x {width}"
        )
    return height, width


def orientation(encoded):
    """Reads the EXIF orientation of a JPEG, PNG, WebP or AVIF file.

    Args:
        encoded: Content of the file.

    Returns:
        Integer of 1 (upright, also of other and of damaged files) to 8.
    """
    try:
        image = _opened(encoded, _TURNED_KINDS)
        # The method of PNG's class would decode the image.
        value = Image.Image.getexif(image).get(_ORIENTATION)
    except PILLOW_ERRORS:
        # Damaged EXIF data says nothing; the pixels may be whole.
        return 1
    return int(value) if value in range(1, 9) else 1


def is_tiff(encoded):
    """Returns whether a file is TIFF, in either byte order, or BigTIFF."""
    return encoded[:4] in _TIFF


def is_for_pillow(encoded):
    """Returns whether a file that `claimed_size` takes is one that OpenCV reads wrong.

    These are AVIF and JPEG 2000 of 10 and 12 bits, which it leaves nearly black, and
    PNM as text.
    """
    return encoded[4:8] in (b"ftyp", b"jP  ") or encoded.startswith(_FOR_PILLOW)


def pnm_white(encoded):
    """Returns the value of white of a binary gray or color PNM file, None of others."""
    if encoded[:2] not in (b"P5", b"P6"):
        return None
    (tile,) = _opened(encoded, ("PPM",)).tile
    # Pillow decodes 8 bits, and gray of 16, as they are.
    return tile.args[1] if tile.codec_name == "ppm" else None


def scaled_pixels(encoded):
    """Decodes a file that `is_for_pillow`, of any depth, as it is stored.

    Returns:
        `[H, W]`, uint8 or uint16, `[H, W, 3]` or `[H, W, 4]`, uint8 BGR or BGRA, as
        OpenCV has it, but with the highest value as white.

    Raises:
        ValueError: If the file is damaged.
    """
    try:
        image = _opened(encoded, ("AVIF", "JPEG2000", "PPM"))
        if image.mode in ("I", "I;16"):
            return np.asarray(image).astype(np.uint16)
        kind = "RGBA" if image.has_transparency_data else "RGB"
        pixels = np.array(image.convert(kind))
    except PILLOW_ERRORS as error:
        raise ValueError(f"Pillow can't decode the file: {error}") from error
    return pixels[..., [2, 1, 0, 3][: pixels.shape[-1]]]


def is_apple_png(encoded):
    """Returns whether a file is a PNG as Apple's tools change it for its devices."""
    return encoded[:4] == b"\x89PNG" and encoded[12:16] == b"CgBI"


def tiff_alpha(encoded):
    """Returns what a TIFF file says about its fourth channel.

    Returns:
        1: alpha that the colors have been multiplied with; 2: alpha; 0 or
        None: it is not specified.
    """
    return next(iter(_tiff_tags(encoded).get(_EXTRA_SAMPLES, ())), None)


def _opened(encoded, kinds):
    # Pillow's own limit is lower.
    Image.MAX_IMAGE_PIXELS = MAX_PIXELS
    return Image.open(io.BytesIO(encoded), formats=kinds)


def _tiff_tags(encoded):
    # Pillow opens no TIFF of three channels of float.
    tags = TiffImagePlugin.ImageFileDirectory_v2(
        encoded[:16] if encoded[2:3] == b"+" else encoded[:8]
    )
    file = io.BytesIO(encoded)
    file.seek(tags.next)
    tags.load(file)
    return tags
