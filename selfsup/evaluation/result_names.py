"""A name for the result of each image of files and folders."""

import collections
import hashlib
import itertools
import os
import pathlib
import unicodedata

from selfsup import paths
from selfsup.data import files, shares

_LONGEST = 255  # Bytes of a name that file systems allow.


def result_paths(inputs, output, extension, reserved=None):
    """Finds the images of files and folders, and a name for each result.

    A file's result has its name, an image in a folder keeps its path below that
    folder; the ending is replaced. Where two would get the same name, in
    whatever case, the old ending stays before the new one (`a.jpg.png`), and a
    number follows if that is not enough. The middle of a name that gets too long
    so gives way to a digest. An image that is named twice comes once. Images
    below `output` are left out of the folders around it: they are results of an
    earlier call.

    Args:
        inputs: Paths of image files and of folders, whose folders are entered; `~`
            is the home folder.
        output: Folder of the results.
        extension: Ending of the results, such as `"png"`.
        reserved: A compiled pattern of the names, in small letters, that no result
            may have, or None.

    Returns:
        A dict from the path of each image to that of its result.

    Raises:
        FileNotFoundError: If an input does not exist.
        ValueError: If there are no inputs, one has a share, a folder holds no images,
            or a result would replace one of the images.
    """
    shares.check_none(inputs)
    output = pathlib.Path(output)
    names = _find([paths.expanded(path) for path in inputs], output)
    if not names:
        raise ValueError(
            "There are no images. Expected image files or folders. "
            f"Received: {', '.join(map(str, inputs)) or 'none'}"
        )
    stems = {source: os.path.splitext(name)[0] for source, name in names.items()}
    counts = collections.Counter(map(_key, stems.values()))
    # No result may have the name of a folder that others lie in.
    taken = {_key(str(f)) for name in names.values() for f in name.parents}
    jobs = {}
    for source, name in names.items():
        plain = [stems[source]] if counts[_key(stems[source])] == 1 else []
        numbered = (f"{name}-{number}" for number in itertools.count(2))
        candidates = itertools.chain(plain, [name], numbered)
        for result in (_shortened(f"{stem}.{extension}") for stem in candidates):
            key = _key(result)
            if key not in taken and not (reserved and reserved.fullmatch(key)):
                break
        taken.add(key)
        jobs[source] = output / result
    sources = {source.resolve() for source in jobs}
    for result in jobs.values():
        if result.resolve() in sources:
            raise _among_images(result)
    return jobs


def _key(name):
    """Returns what is the same for names that some file systems take for one."""
    return unicodedata.normalize("NFC", name.casefold())


def _shortened(name):
    folder, last = os.path.split(name)
    encoded = os.fsencode(last)
    if len(encoded) <= _LONGEST:
        return name
    stem, ending = os.path.splitext(last)
    ending = f"-{hashlib.sha256(encoded).hexdigest()[:8]}{ending}"
    # A character that would be cut goes away altogether.
    kept = os.fsencode(stem)[: _LONGEST - len(ending)].decode("utf-8", "ignore")
    return os.path.join(folder, kept + ending)


def _find(inputs, output):
    """Returns a dict from images to their paths below the folder of results."""
    found, output = {}, output.resolve()
    for path in map(pathlib.Path, inputs):
        if not os.path.exists(path):
            raise FileNotFoundError(
                "An input does not exist. Expected an image file or a folder. "
                f"Received: {path}"
            )
        folder = path.resolve()
        if folder == output:
            raise _among_images(path)
        images = map(pathlib.Path, files.find_images(path)) if path.is_dir() else [path]
        for image in images:
            real = image.resolve()
            if folder in output.parents and output in real.parents:
                continue
            name = image.relative_to(path if path.is_dir() else path.parent)
            found.setdefault(real, (image, name))
    return dict(found.values())


def _among_images(path):
    return ValueError(
        "A result would replace an image, or be colored itself the next time. "
        f"Expected another folder for the results. Received: {path}"
    )
