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

from selfsup.data import tfds

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

_IMAGE_EXTENSIONS = (".jpg", ".jpeg", ".png", ".JPG", ".JPEG", ".PNG")
_CLASSES_FILE = "classes.txt"


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
    voc_dir = os.fspath(voc_dir)
    if voc_dir.startswith(tfds.PREFIX):
        raise ValueError(
            "Data sets of TensorFlow Datasets have no masks here; tfds:voc/2007 serves "
            f"classification. Expected the path of a folder. Received: {voc_dir!r}"
        )
    if not os.path.isdir(voc_dir):
        raise FileNotFoundError(
            "A folder of VOC data is missing. Expected the path of a folder. "
            f"Received: {voc_dir!r}"
        )
    inside = ("", f"VOC{year}", os.path.join("VOCdevkit", f"VOC{year}"))
    for part in inside:
        folder = os.path.join(voc_dir, part) if part else voc_dir
        if os.path.isdir(os.path.join(folder, "ImageSets")):
            return folder
    found = sorted(os.listdir(voc_dir))[:8]
    raise ValueError(
        "A folder holds no VOC data. Expected a folder ImageSets in it, in its "
        f"{inside[1]} or in its {inside[2]}. Received: {voc_dir!r} with {found}"
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
    path = os.path.join(folder, _CLASSES_FILE)
    names = read_names(path) if os.path.isfile(path) else (BACKGROUND, *OBJECTS)
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
        A pair of the names and the path of the file that lists them.

    Raises:
        FileNotFoundError: If there is no such split.
        ValueError: If its file is empty or names an image twice.
    """
    path = split_file(folder, task, split)
    parent = os.path.dirname(path)
    if not os.path.isdir(parent):
        raise FileNotFoundError(
            f"A VOC folder has no lists for this task. Expected a folder {parent}. "
            "Received: a folder without it"
        )
    if not os.path.isfile(path):
        raise FileNotFoundError(
            f"A VOC folder has no such split. Expected one of {_splits(folder, task)}, "
            f"or a file {path}. Received: {split!r}"
        )
    return read_names(path), path


def split_file(folder, task, split):
    """Returns the path of the file that lists the images of a split."""
    return os.path.join(folder, "ImageSets", task, f"{split}.txt")


def _splits(folder, task):
    """Returns the names of the splits that exist, without the classes' files."""
    parent = os.path.join(folder, "ImageSets", task)
    files = os.listdir(parent) if os.path.isdir(parent) else []
    found = sorted(name.removesuffix(".txt") for name in files if name[-4:] == ".txt")
    ends = tuple(f"_{name}" for name in found)
    return [name for name in found if task != "Main" or not name.endswith(ends)]


def read_lines(path):
    """Returns the numbers and contents of a text file's lines that are not blank."""
    try:
        with open(path, encoding="utf-8-sig") as file:
            lines = [(number, line.strip()) for number, line in enumerate(file, 1)]
    except UnicodeDecodeError as error:
        raise ValueError(
            f"File {path} can't be read. Expected UTF-8 text. Received: {error}"
        ) from error
    return [(number, line) for number, line in lines if line]


def read_names(path):
    """Reads a file of names, one a line; blank lines are ignored.

    Args:
        path: Path of the file.

    Returns:
        Tuple of names.

    Raises:
        ValueError: If there is no name, or one twice.
    """
    first = {}
    for number, name in read_lines(path):
        if name in first:
            raise ValueError(
                f"File {path} lists a name twice. Expected every name once. "
                f"Received: {name!r} in lines {first[name]} and {number}"
            )
        first[name] = number
    if not first:
        raise ValueError(
            f"File {path} lists no names. Expected one a line. Received: only blanks"
        )
    return tuple(first)


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
    stems = [os.path.join(folder, "JPEGImages", name) for name in names]
    choices = [[stem + end for end in _IMAGE_EXTENSIONS] for stem in stems]
    return find_files("image", choices, listed)


def find_files(kind, choices, listed, hint=""):
    """Returns the first path that exists of each choice.

    Args:
        kind: What the files are.
        choices: For each file the paths it may have.
        listed: What names them, for the error.
        hint: How to get missing ones, for the error.

    Returns:
        Tuple of paths.

    Raises:
        FileNotFoundError: If a choice has no path that exists; it names the
            first such and their number.
    """
    found = [next(filter(os.path.isfile, paths), None) for paths in choices]
    if None in found:
        paths = choices[found.index(None)]
        raise FileNotFoundError(
            f"A split's {kind} is missing. Expected {' or '.join(paths)}, as listed in "
            f"{listed}{hint}. Received: {found.count(None)} of {len(found)} missing"
        )
    return tuple(found)
