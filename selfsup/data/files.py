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

_LABELLED = re.compile(r"(.*\S)\s+[+-]?\d+")


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
        OSError: If a folder can't be read; nothing is left out silently.
    """

    def stop(error):
        raise type(error)(
            "A folder of images can't be read. Expected permission to list it. "
            f"Received: {error}"
        ) from error

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
    try:
        with open(path, encoding="utf-8-sig") as file:
            lines = [line.strip() for line in file]
    except UnicodeDecodeError as error:
        raise ValueError(
            f"File {path} can't be read as a list of images. Expected UTF-8 text "
            "with one path a line, or a file with an image extension. "
            f"Received: {error}"
        ) from error
    folder = os.path.dirname(path)
    found = []
    for number, line in enumerate(lines, start=1):
        if line and not line.startswith("#"):
            found.append(_resolve(path, number, folder, line))
    if not found:
        raise ValueError(
            f"List file {path} names no images. Expected one path a line. "
            f"Received: {len(lines)} lines, all empty or comments"
        )
    return found


def _resolve(path, number, folder, line):
    """Returns the image a line names, with or without a label behind it."""
    match = _LABELLED.fullmatch(line)
    # The whole line first: "photo 12" may be a file's name.
    for name in [line, match.group(1)] if match else [line]:
        image = os.path.join(folder, name)
        if os.path.isfile(image):
            return image
    name = match.group(1) if match and has_image_extension(match.group(1)) else line
    raise FileNotFoundError(
        f"List file {path}, line {number}, names a missing file. Expected a path "
        f"relative to the list file's folder. Received: {name!r}"
    )
