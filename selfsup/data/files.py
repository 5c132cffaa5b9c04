"""Finding image files: folders, list files and the embedded photographs."""

import os
import pathlib
import re

IMAGE_EXTENSIONS = (
    ".bmp",
    ".gif",
    ".jfif",
    ".jp2",
    ".jpe",
    ".jpeg",
    ".jpg",
    ".pgm",
    ".png",
    ".pnm",
    ".ppm",
    ".tif",
    ".tiff",
    ".webp",
)

PHOTOS = pathlib.Path(__file__).resolve().parent / "photos"

_LABELED = re.compile(r"(.*\S)\s+[+-]?\d+")


def has_image_extension(path):
    """Returns whether a file's name ends like an image's, in any case."""
    return os.path.splitext(path)[1].lower() in IMAGE_EXTENSIONS


def embedded_photos():
    """Returns the paths of the photographs that come with the package."""
    return find_images(str(PHOTOS))


def photo_scene(path):
    """Returns the scene of an embedded photograph: windows of it share one."""
    return re.sub(r"-(left|right)$", "", pathlib.Path(path).stem)


def find_images(folder):
    """Lists the image files below a folder, links followed, in a fixed order.

    Each real folder is entered once, so loops of links end.

    Args:
        folder: Path of the folder.

    Returns:
        Sorted list of paths, each beginning with `folder`.

    Raises:
        ValueError: If there is no file with an image extension.
        OSError: If a folder can't be read.
    """

    def stop(error):
        raise error

    found, others, seen = [], 0, set()
    for parent, folders, files in os.walk(folder, onerror=stop, followlinks=True):
        status = os.stat(parent)
        identity = (status.st_dev, status.st_ino)
        if identity in seen:
            folders.clear()
            continue
        seen.add(identity)
        folders.sort()
        images = [name for name in files if has_image_extension(name)]
        others += len(files) - len(images)
        found += [os.path.join(parent, name) for name in images]
    if not found:
        raise ValueError(
            f"Folder {folder} holds no images. Expected files ending in "
            f"{', '.join(IMAGE_EXTENSIONS)}, in it or below it. "
            f"Received: {others} other files"
        )
    return sorted(found)


def read_list(path):
    """Reads a list file: one image path a line, an integer label may follow.

    Paths are relative to the list file's folder. Empty lines and lines that
    begin with `#` are skipped. Labels are not used here.

    Args:
        path: Path of the list file.

    Returns:
        List of paths in the order of the file.

    Raises:
        ValueError: If the file is not text or names no image.
        FileNotFoundError: If it names a file that does not exist.
    """
    lines = [pair for pair in read_lines(path) if not pair[1].startswith("#")]
    if not lines:
        raise ValueError(
            f"List file {path} names no images. Expected one path a line. "
            "Received: only blank lines and comments"
        )
    return [_resolve(path, number, line) for number, line in lines]


def _resolve(path, number, line):
    """Returns the image a line names, with or without a label behind it."""
    match = _LABELED.fullmatch(line)
    # The whole line first: "photo 12" may be a file's name.
    for name in [line, match.group(1)] if match else [line]:
        image = os.path.join(os.path.dirname(path), name)
        if os.path.isfile(image):
            return image
    raise FileNotFoundError(
        f"List file {path}, line {number}, names a missing file. Expected a path "
        f"relative to the list file's folder. Received: {line!r}"
    )


def read_lines(path):
    """Reads the lines of a text file that are not blank.

    Args:
        path: Path of the file.

    Returns:
        List of pairs of a line's number, from 1, and its text, without the
        spaces around it.

    Raises:
        ValueError: If the file is not UTF-8 text.
    """
    try:
        with open(path, encoding="utf-8-sig") as file:
            lines = [(number, line.strip()) for number, line in enumerate(file, 1)]
    except UnicodeDecodeError as error:
        raise ValueError(
            f"File {path} can't be read as a list. Expected UTF-8 text. "
            f"Received: {error}"
        ) from error
    return [(number, line) for number, line in lines if line]
