"""Finding image files: folders, list files and the embedded photographs."""

import collections
import functools
import os
import pathlib
import re

from absl import logging

from selfsup import paths
from selfsup.data import record_index

IMAGE_EXTENSIONS = (
    ".apng",
    ".avif",
    ".bmp",
    ".dib",
    ".gif",
    ".j2c",
    ".j2k",
    ".jfif",
    ".jp2",
    ".jpc",
    ".jpe",
    ".jpeg",
    ".jpg",
    ".mpo",
    ".pbm",
    ".pgm",
    ".png",
    ".pnm",
    ".ppm",
    ".tif",
    ".tiff",
    ".webp",
)

# Photographs of kinds that nothing here reads: phones', and raw ones of cameras.
UNREAD_EXTENSIONS = frozenset(
    ".3fr .arw .cr2 .cr3 .crw .dcr .dng .erf .exr .fff .gpr .hdr .heic .heics .heif "
    ".heifs .hif .iiq .jxl .jxr .k25 .kdc .mef .mos .mrw .nef .nrw .orf .pef .psd .raf "
    ".raw .rw2 .rwl .sr2 .srf .srw .wdp .x3f .xcf".split()
)

# Folders that file managers, storage boxes and archivers make beside photographs.
# Those of a name that begins with a dot are passed over too.
_FOREIGN_FOLDERS = frozenset(
    [
        "#recycle",
        "#snapshot",
        "$recycle.bin",
        "@__thumb",
        "@eadir",
        "@recently-snapshot",
        "@recycle",
        "@tmp",
        "__macosx",
        "_thumbs",
        "lost+found",
        "recycler",
        "system volume information",
        "thumbnails",
        "thumbs",
    ]
)

PHOTOS = pathlib.Path(__file__).resolve().parent / "photos"

# No text has them; tabs and ends of lines are no such.
_CONTROL = re.compile(r"[\x00-\x08\x0e-\x1f\x7f]")

_SHOWN = 200  # Characters of a wrong line that an error shows.


def has_image_extension(path):
    """Returns whether a file's name ends like an image's, in any case."""
    return _ending(path) in IMAGE_EXTENSIONS


def is_unread(path):
    """Returns whether a file's name ends like that of an image that is not read."""
    return _ending(path) in UNREAD_EXTENSIONS


def _ending(path):
    return os.path.splitext(path)[1].lower()


def embedded_photos():
    """Returns the paths of the photographs that come with the package."""
    return find_images(str(PHOTOS))


def photo_scene(path):
    """Returns the scene of an embedded photograph: windows of it share one."""
    return re.sub(r"-(left|right)$", "", pathlib.Path(path).stem)


def find_images(folder):
    """Lists the photographs below a folder, links followed, in a fixed order.

    Each real folder is entered once, so loops of links end. Hidden files and
    folders below it are passed over, and so are those of thumbnails and of deleted
    files; a line in the log counts them, and the image files of kinds that are not
    read. Files of records are not read either: the log warns of them.

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

    found, shards, others, seen = [], [], collections.Counter(), set()
    hidden = foreign = 0
    for parent, folders, names in os.walk(folder, onerror=stop, followlinks=True):
        status = os.stat(parent)
        identity = (status.st_dev, status.st_ino)
        if identity in seen:
            folders.clear()
            continue
        seen.add(identity)
        entered = sorted(name for name in folders if not is_foreign(name))
        foreign += len(folders) - len(entered)
        folders[:] = entered
        for name in names:
            is_image = has_image_extension(name)
            if name.startswith("."):
                hidden += is_image
            elif is_image:
                found.append(os.path.join(parent, name))
            else:
                others[_ending(name)] += 1
                if record_index.is_shard(name):
                    shards.append(os.path.join(parent, name))
    unread = _unread(others)
    passed = [
        f"{count} {what}"
        for count, what in (
            (hidden, "hidden files"),
            (foreign, "hidden or thumbnail folders"),
        )
        if count
    ]
    if shards and not found:
        raise ValueError(_only_records(folder, shards))
    if not found:
        received = "; ".join([f"{others.total()} other files", *passed])
        raise ValueError(
            f"Folder {folder} holds no images. Expected files ending in "
            f"{', '.join(IMAGE_EXTENSIONS)}, in it or below it. "
            f"Received: {received}" + (f"; not read are {unread}" if unread else "")
        )
    if passed:
        _log_once(logging.INFO, f"Passed over in {folder}: {', '.join(passed)}")
    if unread:
        _log_once(logging.WARNING, _left_out(folder, unread))
    if shards:
        _log_once(
            logging.WARNING,
            f"Records are not read with the photographs of {folder}: {len(shards)} "
            f"files, such as {min(shards)}. Name their folder beside it to read them",
        )
    return sorted(found)


def _only_records(folder, shards):
    """Returns what an error says of a folder with files of records alone."""
    inside = os.path.dirname(min(shards))
    if record_index.has_manifest(inside):
        return (
            f"Folder {folder} holds folders of records and no images. Expected those "
            f"folders themselves. Received: {folder} in place of {inside}"
        )
    return (
        f"Folder {folder} holds TFRecord files without {record_index.MANIFEST}. "
        "Expected a folder that make_records.py has written to its end, which the same "
        "command does; files of others are named by a pattern, as 'DIR/*.tfrecord'. "
        f"Received: {len(shards)} files, such as {min(shards)}"
    )


def is_foreign(name):
    """Returns whether a folder's name is that of a hidden one, or of thumbnails."""
    return name.startswith(".") or name.casefold() in _FOREIGN_FOLDERS


def _unread(endings):
    """Returns counts of the kinds that are not read as text, empty without any."""
    counts = sorted((end, n) for end, n in endings.items() if end in UNREAD_EXTENSIONS)
    return ", ".join(f"{count} {ending}" for ending, count in counts)


def _left_out(source, unread):
    return f"Image files of kinds that are not read, left out of {source}: {unread}"


# A run lists its folders several times.
@functools.cache
def _log_once(level, message):
    logging.log(level, "%s", message)


def read_list(path):
    """Reads a list file: one image path a line, a label may follow.

    Paths are relative to the list file's folder. Empty lines and lines that
    begin with `#` are skipped. Labels are not used here. Image files of kinds that
    are not read are left out, and counted in a line of the log.

    Args:
        path: Path of the list file.

    Returns:
        List of paths in the order of the file.

    Raises:
        ValueError: If the file is not text or names no image.
        FileNotFoundError: If it names a file that does not exist.
    """
    # The whole line first: "photo 12" may be a file's name.
    return [image for _, image, _ in _read(path, lambda x: (x, split_label(x)[0]))]


def read_labeled_list(path):
    """Reads a list file: one image path and its label a line.

    As `read_list`, but each line has a label; see `split_label`.

    Args:
        path: Path of the list file.

    Returns:
        List of triples of a line's number, the image's path and the label.

    Raises:
        ValueError: If the file is not text or names no image, or a line has no label.
        FileNotFoundError: If it names a file that does not exist.
    """
    found = _read(path, lambda line: (split_label(line)[0],))
    triples = [(number, image, split_label(line)[1]) for number, image, line in found]
    for number, image, label in triples:
        if not label:
            raise ValueError(
                f"List file {path}, line {number}, has no label. Expected a path and "
                f"the name of a class behind it. Received: {image!r}"
            )
    return triples


def split_label(line):
    """Splits a line of a list into what is named and its label.

    The label is what follows the last tab; without a tab, the last word. So paths
    and labels with spaces are separated by a tab.

    Args:
        line: A line without spaces around it.

    Returns:
        A pair of strings; the label is empty where there is none.
    """
    named, tab, label = line.rpartition("\t")
    if not tab:
        named, *rest = line.rsplit(None, 1)
        label = rest[0] if rest else ""
    return named.rstrip(), label.strip()


def _read(path, names):
    """Reads the lines of a list whose images are of kinds that are read.

    Args:
        path: Path of the list file.
        names: Function from a line to the paths it may mean.

    Returns:
        List of triples of a line's number, the image's path and the line.
    """
    lines = [pair for pair in read_lines(path) if not pair[1].startswith("#")]
    if not lines:
        raise ValueError(
            f"List file {path} names no images. Expected one path a line. "
            "Received: only blank lines and comments"
        )
    named = [(n, _resolve(path, n, line, names(line)), line) for n, line in lines]
    found = [entry for entry in named if not is_unread(entry[1])]
    unread = _unread(collections.Counter(_ending(image) for _, image, _ in named))
    if not found:
        raise ValueError(
            f"List file {path} names no images that are read. Expected files ending "
            f"in {', '.join(IMAGE_EXTENSIONS)}. Received: {unread}"
        )
    if unread:
        _log_once(logging.WARNING, _left_out(path, unread))
    return found


def _resolve(path, number, line, names):
    """Returns the first of the images that a line may name."""
    for name in names:
        image = os.path.join(os.path.dirname(path), paths.expanded(name))
        if os.path.isfile(image):
            return image
    raise FileNotFoundError(
        f"List file {path}, line {number}, names a missing file. Expected a path "
        f"relative to the list file's folder. Received: {line[:_SHOWN]!r}"
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
    lines = []
    try:
        with open(path, encoding="utf-8-sig") as file:
            for number, line in enumerate(file, 1):
                line = line.strip()
                if _CONTROL.search(line):
                    raise _not_text(path, f"a control character in line {number}")
                if line:
                    lines.append((number, line))
    except UnicodeDecodeError as error:
        raise _not_text(path, f"{error.reason} at byte {error.start}") from error
    return lines


def _not_text(path, received):
    return ValueError(
        f"File {path} can't be read as a list. Expected UTF-8 text of one entry a "
        f"line; image files end in {', '.join(IMAGE_EXTENSIONS)}. Received: {received}"
    )
