"""Where things are in a folder of PASCAL VOC data.

VOC2012/
    classes.txt                         optional: names of other classes
    ImageSets/Segmentation/train.txt    names of images, one a line
    ImageSets/Main/train.txt            the same for classification
    ImageSets/Main/cat_train.txt        a name and 1, -1 or 0 a line
    JPEGImages/2007_000032.jpg
    SegmentationClass/2007_000032.png
"""

import os
import pathlib

from selfsup import paths
from selfsup.data import tfds
from selfsup.data.voc import listing, lists

BACKGROUND = "background"

# In VOC's own order, which is the alphabetical one.
OBJECTS = (
    "aeroplane",
    "bicycle",
    "bird",
    "boat",
    "bottle",
    "bus",
    "car",
    "cat",
    "chair",
    "cow",
    "diningtable",
    "dog",
    "horse",
    "motorbike",
    "person",
    "pottedplant",
    "sheep",
    "sofa",
    "train",
    "tvmonitor",
)

# The last index of masks is void.
MAX_CLASSES = 255

CLASSES_FILE = "classes.txt"


def resolve(voc_dir, year):
    """Finds the folder of one year's data.

    Args:
        voc_dir: The year's folder, `VOCdevkit` with it inside, or a folder that
            holds `VOCdevkit`.
        year: Which year is meant where there may be several.

    Returns:
        Path of the folder that holds `ImageSets`.

    Raises:
        FileNotFoundError: If there is no folder `voc_dir`.
        ValueError: If it holds no VOC data.
    """
    voc_dir = paths.expanded(voc_dir)
    if voc_dir.startswith(tfds.PREFIX):
        raise ValueError(
            "Data sets of TensorFlow Datasets have no masks here; tfds:voc/2007 serves "
            f"classification. Expected the path of a folder. Received: {voc_dir!r}"
        )
    inside = (f"VOC{year}", os.path.join("VOCdevkit", f"VOC{year}"))
    return find_folder("VOC data", voc_dir, inside, ("ImageSets",))


def find_folder(what, root, inside, wanted):
    """Finds the folder that holds a data set.

    Args:
        what: Name of the data set, for errors.
        root: Path of that folder, or of one that holds it.
        inside: Where it may be below `root`.
        wanted: Names of the files and folders that it has.

    Returns:
        Path of the folder.

    Raises:
        FileNotFoundError: If there is no folder `root`.
        ValueError: If none of the places has what is wanted.
    """
    if not os.path.isdir(root):
        raise FileNotFoundError(
            f"A folder of {what} is missing. Expected the path of a folder. "
            f"Received: {root!r}"
        )
    for folder in (root, *(os.path.join(root, part) for part in inside)):
        if all(os.path.exists(os.path.join(folder, name)) for name in wanted):
            return folder
    raise ValueError(
        f"A folder holds no {what}. Expected {', '.join(wanted)} in it or in its "
        f"{' or '.join(inside)}. Received: {root!r} with {sorted(os.listdir(root))[:8]}"
    )


def class_names(folder, background):
    """Returns the names of the classes: those of `classes.txt`, or VOC's own.

    Args:
        folder: The year's folder.
        background: Whether the background is a class, as in segmentation.

    Returns:
        Tuple of names; those of segmentation in the order of their indices in masks.

    Raises:
        ValueError: If `classes.txt` names no class, too many, or one twice.
    """
    path = os.path.join(folder, CLASSES_FILE)
    names = lists.read_names(path) if os.path.isfile(path) else (BACKGROUND, *OBJECTS)
    if not background:
        names = tuple(name for name in names if name != BACKGROUND)
    if not 0 < len(names) <= MAX_CLASSES:
        raise ValueError(
            f"File {path} has a wrong number of classes. Expected 1 to "
            f"{MAX_CLASSES}, one a line. Received: {len(names)}"
        )
    return names


def read_split(folder, task, split):
    """Reads which images belong to a split.

    Args:
        folder: The year's folder.
        task: `"Segmentation"` or `"Main"`.
        split: Name of the split, such as `"train"`.

    Returns:
        A pair of a tuple of `lists.Entry` and the path of the file that lists them.

    Raises:
        FileNotFoundError: If there is no such split.
        ValueError: If its file is empty, names an image twice, or has a line that
            names none.
    """
    path = split_file(folder, task, split)
    if not os.path.isfile(path):
        raise FileNotFoundError(
            f"A VOC folder has no such split. Expected one of {_splits(folder, task)}, "
            f"or a file {path}. Received: {split!r}"
        )
    return lists.read(path, folder), path


def split_file(folder, task, split):
    """Returns the path of the file that lists the images of a split."""
    return os.path.join(folder, "ImageSets", task, f"{split}.txt")


def _splits(folder, task):
    """Returns the names of the splits that exist, without the classes' files."""
    lists = pathlib.Path(folder, "ImageSets", task).glob("*.txt")
    found = sorted(path.stem for path in lists)
    ends = tuple(f"_{name}" for name in found)
    return [name for name in found if task != "Main" or not name.endswith(ends)]


def mask_path(folder, name, parent="SegmentationClass"):
    """Returns the path of the mask of an image."""
    return os.path.join(folder, parent, f"{name}.png")


def find_images(folder, names, listed):
    """Returns the paths of images; all exist.

    Args:
        folder: The year's folder.
        names: Names of the images.
        listed: What names them, for the error.

    Returns:
        Tuple of paths.

    Raises:
        FileNotFoundError: If images are missing.
    """
    choices = [listing.image_choices(folder, name) for name in names]
    return find_files("image", choices, listed)


def find_files(kind, choices, listed):
    """Returns the first path that exists of each choice, in any case of its ending.

    Args:
        kind: What the files are.
        choices: For each file the paths it may have.
        listed: What names them, for the error.

    Returns:
        Tuple of paths.

    Raises:
        FileNotFoundError: If a choice has no path that exists; it names the
            first such and their number.
        ValueError: If a path exists twice, with its ending in two cases.
    """
    there = listing.Listing()
    found = [next(filter(None, map(there.find, paths)), [None]) for paths in choices]
    twice = next((paths for paths in found if len(paths) > 1), None)
    if twice:
        raise ValueError(
            f"A split's {kind} is there twice. Expected one file, as listed in "
            f"{listed}. Received: {' and '.join(twice)}"
        )
    found = [path for (path,) in found]
    if None in found:
        expected = _joined(choices[found.index(None)])
        raise FileNotFoundError(
            f"A split's {kind} is missing. Expected {expected}, as listed in "
            f"{listed}. Received: {found.count(None)} of {len(found)} missing"
        )
    return tuple(found)


def _joined(choices):
    """Joins paths; of those that differ in their endings the first is whole."""
    stems = {}
    for path in choices:
        stem, ending = os.path.splitext(path)
        stems.setdefault(stem, []).append(ending)
    return " or ".join(
        stem + first + (f" (or {', '.join(others)})" if others else "")
        for stem, (first, *others) in stems.items()
    )
