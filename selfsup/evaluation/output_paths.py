"""Which images a tool is asked for, and the file that each result goes to."""

import collections
import os
import pathlib
from typing import NamedTuple

from selfsup.data import files


class Job(NamedTuple):
    """An image and the file that its result goes to.

    Attributes:
        source: Path of the image.
        target: Path of the result.
    """

    source: pathlib.Path
    target: pathlib.Path


def plan(inputs, output, extension, reserved=()):
    """Finds the images of files and folders, and a name for each result.

    A file's result has its name, an image in a folder keeps its path below that
    folder; the ending is replaced. Where two would get the same name, in
    whatever case, the old ending stays before the new one (`a.jpg.png`), and a
    number follows if that is not enough. An image that is named twice comes
    once. Images below `output` are left out of the folders around it: they are
    results of an earlier call.

    Args:
        inputs: Paths of image files and of folders, whose folders are entered.
        output: Folder of the results.
        extension: Ending of the results, such as `"png"`.
        reserved: Names of files in `output` that no result may have.

    Returns:
        A list of `Job`.

    Raises:
        FileNotFoundError: If an input does not exist.
        ValueError: If there are no inputs, a folder holds no images, or a result
            would replace one of the images.
    """
    output = pathlib.Path(output)
    found = _find(inputs, output)
    if not found:
        raise ValueError(
            "There are no images. Expected image files or folders. "
            f"Received: {', '.join(map(str, inputs)) or 'none'}"
        )
    # `casefold`: to some file systems A.png and a.png are the same.
    stems = [str(name.with_suffix("")).casefold() for _, name in found]
    counts = collections.Counter(stems)
    jobs, taken = [], {str(name).casefold() for name in reserved}
    for (source, name), stem in zip(found, stems, strict=True):
        whole = counts[stem] > 1
        target = _free(name, extension, whole, taken)
        taken.add(str(target).casefold())
        jobs.append(Job(source, output / target))
    _keep_sources(jobs)
    return jobs


def _find(inputs, output):
    """Returns pairs of each image and its path below the folder of results."""
    found = {}
    for path in map(pathlib.Path, inputs):
        if path.is_dir() and os.path.realpath(path) == os.path.realpath(output):
            raise ValueError(
                "The results would be among the images, and colored themselves the "
                f"next time. Expected another folder for them. Received: {path}"
            )
        if path.is_dir():
            images = [pathlib.Path(image) for image in files.find_images(str(path))]
            inside = _is_below(output, path)
            pairs = [
                (image, image.relative_to(path))
                for image in images
                if not (inside and _is_below(image, output))
            ]
        elif path.exists():
            pairs = [(path, pathlib.Path(path.name))]
        else:
            raise FileNotFoundError(
                "An input does not exist. Expected an image file or a folder. "
                f"Received: {path}"
            )
        for image, name in pairs:
            found.setdefault(os.path.realpath(image), (image, name))
    return list(found.values())


def _is_below(path, folder):
    return pathlib.Path(os.path.realpath(folder)) in map(
        pathlib.Path, pathlib.Path(os.path.realpath(path)).parents
    )


def _free(name, extension, whole, taken):
    """Returns the first name for a result that is not taken."""
    stem = name.name if whole else name.stem
    candidates = [f"{stem}.{extension}", f"{name.name}.{extension}"]
    number = 2
    while True:
        for candidate in candidates:
            target = name.with_name(candidate)
            if str(target).casefold() not in taken:
                return target
        candidates = [f"{name.name}-{number}.{extension}"]
        number += 1


def _keep_sources(jobs):
    sources = {os.path.realpath(job.source) for job in jobs}
    replaced = [job for job in jobs if os.path.realpath(job.target) in sources]
    if replaced:
        raise ValueError(
            f"{len(replaced)} results would replace images that are read. Expected "
            f"another folder for them. Received: {replaced[0].target}"
        )


def check_free(paths, overwrite):
    """Refuses to replace files, unless that is asked for.

    Args:
        paths: Paths of the files that will be written.
        overwrite: Whether they may exist.

    Raises:
        ValueError: If some exist; it counts them.
    """
    paths = list(paths)
    existing = [str(path) for path in paths if path.exists()]
    if existing and not overwrite:
        more = f" and {len(existing) - 3} more" if len(existing) > 3 else ""
        raise ValueError(
            f"{len(existing)} of {len(paths)} results exist already. Expected "
            "another --output, or --overwrite. "
            f"Received: {', '.join(existing[:3])}{more}"
        )
