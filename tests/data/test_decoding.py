"""Every kind of image file, good and bad, against OpenCV, PIL's rules and NumPy."""

import os
import struct
import zlib

import cv2
import numpy as np
import PIL.Image
import pytest

from selfsup import data
from selfsup.data import decoding

import image_files


@pytest.fixture
def bgr(photos):
    return cv2.imread(str(photos / "chelsea.jpg"))[:40, :50]


def write(path, image, *options):
    if not cv2.imwrite(str(path), image, list(options)):
        raise OSError(path)
    return path


@pytest.mark.parametrize("kind", ["png", "bmp", "tiff", "ppm", "webp"])
def test_lossless_files_are_read_exactly(tmp_path, bgr, kind):
    # Quality 101 is OpenCV's way to ask for lossless WebP.
    options = (cv2.IMWRITE_WEBP_QUALITY, 101) if kind == "webp" else ()
    path = write(tmp_path / f"x.{kind}", bgr, *options)
    np.testing.assert_array_equal(data.load_image(path), bgr[..., ::-1])


def test_jpeg_equals_opencv(photos):
    for path in sorted(photos.glob("*.jpg"))[::9]:
        np.testing.assert_array_equal(
            data.load_image(path), cv2.imread(str(path))[..., ::-1]
        )


@pytest.mark.parametrize("kind", ["jpg", "png", "tiff"])
def test_gray_is_repeated(tmp_path, bgr, kind):
    path = write(tmp_path / f"x.{kind}", bgr[..., 0])
    stored = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
    np.testing.assert_array_equal(data.load_image(path), np.dstack([stored] * 3))


@pytest.mark.parametrize("kind", ["png", "tiff"])
def test_sixteen_bits_are_rounded_to_eight(tmp_path, kind):
    # All 65,536 levels in three different orders.
    levels = np.arange(2**16, dtype=np.uint16).reshape(256, 256)
    image = np.dstack([levels, levels.T, levels[::-1]])
    path = write(tmp_path / f"x.{kind}", image)
    expected = np.round(image[..., ::-1] / 257).astype(np.uint8)
    np.testing.assert_array_equal(data.load_image(path), expected)


@pytest.mark.parametrize("kind", ["png", "tiff", "webp"])
def test_transparent_pixels_lie_on_white(tmp_path, kind):
    alpha = np.repeat(np.arange(0, 256, 5, dtype=np.uint8)[None], 52, 0)
    image = np.dstack([np.full_like(alpha, level) for level in (0, 100, 200)] + [alpha])
    options = (cv2.IMWRITE_WEBP_QUALITY, 101) if kind == "webp" else ()
    path = write(tmp_path / f"x.{kind}", image, *options)
    stored = cv2.imread(str(path), cv2.IMREAD_UNCHANGED)[..., [2, 1, 0, 3]] / 255
    expected = 255 * (stored[..., :3] * stored[..., 3:] + 1 - stored[..., 3:])
    # Rounding in float32 and in float64.
    difference = data.load_image(path).astype(float) - expected
    assert np.abs(difference).max() <= 0.501


@pytest.mark.parametrize("kind", ["unassalpha", "assocalpha"])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_alpha_of_tiff_is_what_the_file_says(tmp_path, bgr, kind, dtype):
    tifffile = pytest.importorskip("tifffile")
    alpha = np.linspace(0, 1, 50)[None, :, None] * np.ones([40, 1, 1])
    scale = np.iinfo(dtype).max
    color = bgr / 255.0
    stored = color * alpha if kind == "assocalpha" else color
    image = np.round(np.dstack([stored, alpha]) * scale).astype(dtype)
    tifffile.imwrite(tmp_path / "x.tif", image, photometric="rgb", extrasamples=[kind])
    expected = 255 * (color * alpha + 1 - alpha)
    difference = data.load_image(tmp_path / "x.tif") - expected
    # Colors, alpha and their product are rounded to 8 bits each.
    assert np.abs(difference).max() < 2


@pytest.mark.parametrize(
    "options",
    [{"bigtiff": True}, {"byteorder": ">"}, {"tile": (32, 32)}, {"rowsperstrip": 3}],
    ids=str,
)
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32, np.float64])
def test_tiff_of_every_layout(tmp_path, bgr, dtype, options):
    tifffile = pytest.importorskip("tifffile")
    scale = 1 / 255 if dtype in (np.float32, np.float64) else np.iinfo(dtype).max // 255
    image = bgr.astype(dtype) * dtype(scale)
    tifffile.imwrite(tmp_path / "x.tif", image, photometric="rgb", **options)
    np.testing.assert_array_equal(data.load_image(tmp_path / "x.tif"), bgr)


@pytest.mark.parametrize(
    "mode, kind",
    [("P", "tif"), ("P", "bmp"), ("P", "png"), ("1", "png"), ("1", "tif"), ("1", "bmp")]
    + [("1", "pbm"), ("LA", "png"), ("CMYK", "tif"), ("L", "jp2"), ("RGB", "jp2")],
)
def test_kinds_equal_pil(tmp_path, bgr, mode, kind):
    image_module = pytest.importorskip("PIL.Image")
    image = image_module.fromarray(np.ascontiguousarray(bgr[..., ::-1]))
    if mode == "P":
        image = image.quantize(16)  # Four bits a pixel.
    elif mode == "LA":
        image = image.convert("LA")
        image.putalpha(image.getchannel("L"))
    else:
        image = image.convert(mode)
    path = tmp_path / f"x.{kind}"
    image.save(path, **({"irreversible": False} if kind == "jp2" else {}))
    white = image_module.new("RGBA", image.size, "white")
    white.alpha_composite(image.convert("RGBA"))
    difference = data.load_image(path) - np.array(white.convert("RGB")).astype(float)
    # PIL lays on white in integers.
    assert np.abs(difference).max() <= (1 if mode == "LA" else 0)


def test_first_frame_of_animations(tmp_path, bgr):
    image_module = pytest.importorskip("PIL.Image")
    first = np.ascontiguousarray(bgr[..., ::-1])
    frames = [image_module.fromarray(image) for image in (first, first[::-1].copy())]
    for name in ("x.webp", "x.png"):
        path = tmp_path / name
        frames[0].save(path, save_all=True, append_images=frames[1:], lossless=True)
        np.testing.assert_array_equal(data.load_image(path), first)


def png(width, height, depth, kind, rows, *chunks):
    """Builds a PNG from its parts."""

    def chunk(name, content):
        body = name + content
        return (
            struct.pack(">I", len(content)) + body + struct.pack(">I", zlib.crc32(body))
        )

    header = struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0)
    parts = [(b"IHDR", header), *chunks, (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(*part) for part in parts)


def test_palette_png(tmp_path):
    palette = (b"PLTE", bytes([255, 0, 0, 0, 255, 0, 10, 20, 30]))
    opacity = (b"tRNS", bytes([255, 0]))
    path = tmp_path / "x.png"
    path.write_bytes(png(3, 1, 8, 3, b"\0\0\1\2", palette, opacity))
    expected = [[[255, 0, 0], [255, 255, 255], [10, 20, 30]]]
    np.testing.assert_array_equal(data.load_image(path), expected)


def test_first_frame_of_a_gif(tmp_path):
    # Two frames of 1x1, red and blue, as in the format's description.
    colors = bytes([255, 0, 0, 0, 0, 255, 0, 0, 0, 0, 0, 0])
    frame = b"\x2c\0\0\0\0\1\0\1\0\0\2\2%s\1\0"
    content = b"GIF89a\1\0\1\0\x91\0\0" + colors
    content += frame % b"\x44" + frame % b"\x4c" + b"\x3b"
    path = tmp_path / "x.gif"
    path.write_bytes(content)
    np.testing.assert_array_equal(data.load_image(path), [[[255, 0, 0]]])


def test_cmyk_jpeg(tmp_path, bgr):
    image_module = pytest.importorskip("PIL.Image")
    # Without black, CMYK is the negative of RGB.
    image = image_module.fromarray(np.ascontiguousarray(bgr[..., ::-1])).convert("CMYK")
    image.save(tmp_path / "x.jpg", quality=98, subsampling=0)
    difference = data.load_image(tmp_path / "x.jpg") - bgr[..., ::-1].astype(float)
    # Lossy storage at quality 98.
    assert np.abs(difference).mean() < 2


def exif_jpeg(image, orientation, order="<"):
    """Encodes an image with an EXIF orientation, written byte by byte."""
    mark = {"<": b"II", ">": b"MM"}[order]
    make = struct.pack(order + "HHI4s", 0x010F, 2, 4, b"abc\0")
    value = struct.pack(order + "HHIHH", 0x0112, 3, 1, orientation, 0)
    tiff = mark + struct.pack(order + "HIH", 42, 8, 2) + make + value + b"\0" * 4
    body = b"Exif\0\0" + tiff
    segment = b"\xff\xe1" + struct.pack(">H", len(body) + 2) + body
    encoded = cv2.imencode(".jpg", image, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()
    return encoded[:2] + segment + encoded[2:]


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_exif_orientation_is_applied(tmp_path, bgr, orientation, order):
    path = tmp_path / "x.jpg"
    path.write_bytes(exif_jpeg(bgr, orientation, order))
    # OpenCV applies the orientation by itself.
    np.testing.assert_array_equal(
        data.load_image(path), cv2.imread(str(path), cv2.IMREAD_COLOR)[..., ::-1]
    )


@pytest.mark.parametrize("kind", ["png", "webp", "tiff"])
@pytest.mark.parametrize("orientation", [1, 2, 6, 7])
def test_exif_orientation_of_other_kinds(tmp_path, bgr, orientation, kind):
    image_module = pytest.importorskip("PIL.Image")
    turn = pytest.importorskip("PIL.ImageOps").exif_transpose
    exif = image_module.Exif()
    exif[0x0112] = orientation
    image = image_module.fromarray(np.ascontiguousarray(bgr[..., ::-1]))
    path = tmp_path / f"x.{kind}"
    image.save(path, exif=exif, **({"lossless": True} if kind == "webp" else {}))
    with image_module.open(path) as stored:
        expected = np.array(turn(stored))
    np.testing.assert_array_equal(data.load_image(path), expected)


@pytest.mark.parametrize("progressive", [0, 1])
def test_jpegs_are_whole_up_to_their_end_mark(tmp_path, bgr, progressive):
    options = [cv2.IMWRITE_JPEG_PROGRESSIVE, progressive]
    path = write(tmp_path / "x.jpg", bgr, *options)
    expected, encoded = data.load_image(path), path.read_bytes()
    assert encoded.endswith(b"\xff\xd9")
    path.write_bytes(encoded + b"a film" * 99)
    np.testing.assert_array_equal(data.load_image(path), expected)
    for missing in (1, 2, 3, 10, len(encoded) // 2):
        path.write_bytes(encoded[:-missing])
        with pytest.raises(ValueError, match="can't be decoded.*x.jpg"):
            data.load_image(path)


@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (30, 1), (2, 3)])
@pytest.mark.parametrize("kind", ["jpg", "png"])
def test_tiny_images(tmp_path, bgr, shape, kind):
    path = write(tmp_path / f"x.{kind}", bgr[: shape[0], : shape[1]])
    np.testing.assert_array_equal(
        data.load_image(path), cv2.imread(str(path))[..., ::-1]
    )


def bad_files(folder, photo):
    """Writes one of every kind of unreadable file; returns the paths."""
    jpeg = photo.read_bytes()
    deceiving = {
        "truncated.jpg": jpeg[: len(jpeg) // 10],
        "empty.jpg": b"",
        "start.jpg": jpeg[:3],
        "text.jpg": b"This is no image.\n" * 9,
        "text.png": b"neither",
        "lying.png": png(30000, 30000, 8, 2, b"\0" * 99),
        "nothing.png": png(0, 5, 8, 2, b"\0" * 99),
        "damaged.png": png(64, 64, 8, 2, b"\0" * 99),
        "lying.gif": b"GIF89a" + struct.pack("<HH", 65535, 65535) + b"\0" * 99,
        "lying.jpg": jpeg_of_size(jpeg, 65500, 65500),
        "photo.heic.jpg": b"\0\0\0\x18ftypheic" + b"\0" * 99,
        "unknown.pam": b"P7\nWIDTH 1\nHEIGHT 1\nDEPTH 1\nMAXVAL 9\nENDHDR\n\1",
        "cut.bmp": b"BM\0\0",
        "cut.tif": b"II*\0\x08\0",
    }
    for name, content in deceiving.items():
        (folder / name).write_bytes(content)
    return [folder / name for name in deceiving]


def jpeg_of_size(jpeg, height, width):
    """Changes the size that a JPEG's first frame header claims."""
    place = jpeg.index(b"\xff\xc0") + 5
    return jpeg[:place] + struct.pack(">HH", height, width) + jpeg[place + 4 :]


def test_unreadable_files_are_named(tmp_path, photos):
    for path in bad_files(tmp_path, photos / "coffee.jpg"):
        with pytest.raises(ValueError, match=f"can't be decoded.*{path.name}"):
            data.load_image(path)


def test_errors_have_a_reason(tmp_path, photos):
    bad_files(tmp_path, photos / "coffee.jpg")
    with pytest.raises(ValueError, match="no known kind.* begins b'This is no i'"):
        data.load_image(tmp_path / "text.jpg")
    with pytest.raises(ValueError, match="over 268435456 pixels"):
        data.load_image(tmp_path / "lying.png")


def test_names_that_are_no_text_are_reported(tmp_path):
    name = os.fsencode(tmp_path / "x") + b"\xff.jpg"
    with open(name, "wb") as file:
        file.write(b"neither")
    with pytest.raises(ValueError, match=r"x\\udcff\.jpg"):
        data.load_image(os.fsdecode(name))


def test_missing_files_are_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="gone.jpg"):
        data.load_image(tmp_path / "gone.jpg")


def test_unknown_pixels_are_an_error():
    with pytest.raises(ValueError, match="Received: int32"):
        decoding.to_rgb8(np.zeros([2, 2, 3], np.int32))


def test_float_images_are_scaled():
    image = np.array([[-0.05, 0, 0.5, 1, 1.05, np.nan]], np.float32)
    expected = [0, 0, 128, 255, 255, 0]
    for white in (1, 255, 65535):
        found = decoding.to_rgb8(image * white)
        np.testing.assert_array_equal(found[0, :, 0], expected)
    # Black says nothing about white.
    assert not decoding.to_rgb8(np.zeros([2, 2, 3], np.float64)).any()


def test_alpha_of_float_images_has_a_range_of_its_own():
    bgra = np.float32([[[10, 20, 200, 1], [10, 20, 200, 0.5]]])
    found = decoding.to_rgb8(bgra)
    np.testing.assert_array_equal(found[0], [[200, 20, 10], [227, 137, 132]])


@pytest.mark.parametrize(
    "low, high", [(0, 2), (0, 1000), (0, 1e6), (-1000, 3000), (-0.5, 0.5), (0, np.inf)]
)
def test_float_images_of_another_range_are_named(tmp_path, low, high):
    image = np.float32([[low, high]])
    with pytest.raises(ValueError, match=f"no known range.*Received: {low} to "):
        decoding.to_rgb8(image)
    if np.isfinite(high):
        path = write(tmp_path / "x.tif", image)
        with pytest.raises(ValueError, match=f"x.tif.*Received: {low} to "):
            data.load_image(path)


@pytest.mark.parametrize("depth", [8, 10, 12])
def test_avif_of_every_depth(tmp_path, photos, depth):
    bgr = cv2.imread(str(photos / "coffee.jpg"))[:60, :80]
    image = bgr if depth == 8 else bgr.astype(np.uint16) << (depth - 8)
    options = cv2.IMWRITE_AVIF_DEPTH, depth, cv2.IMWRITE_AVIF_QUALITY, 95
    path = write(tmp_path / "x.avif", image, *options)
    difference = data.load_image(path) - bgr[..., ::-1].astype(float)
    assert np.abs(difference).mean() < 4


@pytest.mark.parametrize("white", [15, 1023, 4095, 65535])
def test_pnm_of_every_depth(tmp_path, white):
    levels = np.arange(256) * white // 255
    kind = "u1" if white < 256 else ">u2"
    gray = b"P5\n256 1\n%d\n" % white + levels.astype(kind).tobytes()
    text = b"P2\n256 1\n%d\n" % white + b" ".join(b"%d" % x for x in levels)
    rgb = b"P6\n256 1\n%d\n" % white + levels.repeat(3).astype(kind).tobytes()
    expected = np.round(levels * 255 / white)[None, :, None].repeat(3, axis=-1)
    for content in (gray, text, rgb):
        path = tmp_path / "x.pnm"
        path.write_bytes(content)
        np.testing.assert_allclose(data.load_image(path), expected, atol=1)


def test_jpeg_2000_of_twelve_bits(tmp_path):
    # 12 bits are stored around 2048, 16 bits around 32768.
    levels = np.arange(64 * 64).reshape(64, 64)
    image = PIL.Image.fromarray((levels + 32768 - 2048).astype(np.uint16))
    content = image_files.encoded(image, "JPEG2000", no_jp2=True)
    start = content.index(b"\x0f\x01\x01")
    path = tmp_path / "x.j2k"
    path.write_bytes(content[:start] + b"\x0b" + content[start + 1 :])
    expected = np.round(levels * 255 / 4095)[..., None].repeat(3, axis=-1)
    np.testing.assert_allclose(data.load_image(path), expected, atol=1)


def test_alpha_and_orientation_of_avif(tmp_path, photos):
    image_module = pytest.importorskip("PIL.Image")
    image = image_module.open(photos / "coffee.jpg").crop((0, 0, 80, 60))
    exif = image_module.Exif()
    exif[0x0112] = 6
    image.save(tmp_path / "turned.avif", exif=exif, quality=95)
    upright = np.asarray(image.transpose(image_module.Transpose.ROTATE_270))
    difference = data.load_image(tmp_path / "turned.avif") - upright.astype(float)
    assert np.abs(difference).mean() < 4
    image.putalpha(image_module.new("L", image.size, 0))
    image.save(tmp_path / "clear.avif", quality=95)
    assert (data.load_image(tmp_path / "clear.avif") == 255).all()


def test_pngs_of_apples_devices_are_named(tmp_path):
    content = image_files.apple_png()
    (tmp_path / "icon.png").write_bytes(content)
    with pytest.raises(ValueError, match="icon.png.*CgBI.*plain PNG"):
        data.load_image(tmp_path / "icon.png")
