"""Photographs with one class each, from folders, lists or TensorFlow Datasets.

    DIR/CLASS/*.jpg          a folder per class
    DIR/train/CLASS/*.jpg    the same in two parts, of which DIR names both;
    DIR/val/CLASS/*.jpg      DIR has no other folders but `test`
    list.txt                 a path and its class a line; see `files.split_label`
    classes.txt              optional, beside the list: its classes, in their order
    tfds:NAME/SPLIT          a prepared data set that has a feature ClassLabel

Classes are sorted by name, or by value where all names are whole numbers.
"""

import dataclasses
import os
from typing import NamedTuple

import numpy as np

from selfsup import paths
from selfsup.data import files, record_index, records, shares, sources, tfds
from selfsup.data.shards import ShardImages
from selfsup.data.streams import ChosenImages, FileImages
from selfsup.data.voc import layout, lists
from selfsup.data.whole_images import whole_images

_PARTS = frozenset(["train", "val", "test"])


@dataclasses.dataclass(frozen=True, eq=False)
class LabeledSet:
    """A collection of images with one class each.

    Attributes:
        images: The collection of the `N` images; see `selfsup.data.streams`. Files are
            in the order of their names inside the source.
        classes: Names of the `K` classes.
        labels: `[N]`, int64 in `[0, K)`.
        folder: What the set was opened from.
    """

    images: FileImages | ShardImages | ChosenImages
    classes: tuple[str, ...]
    labels: np.ndarray
    folder: str

    def __len__(self):
        return len(self.images)

    @property
    def keys(self):
        """Names that stay when the source is moved."""
        return self.images.keys

    def name(self, index):
        """Returns what errors call an image."""
        return self.images.name(index)

    def has_vanished(self, index):
        """Returns whether an image is no longer where it was."""
        return self.images.has_vanished(index)

    def is_damaged(self, index):
        """Returns whether an image has changed; see `FileImages`."""
        return self.images.is_damaged(index)

    def stream(self, seed, start=0, shuffle=True):
        """Returns the samples from position `start` on; see `FileImages`."""
        return self.images.stream(seed, start, shuffle)

    def sampler(self, seed):
        """Returns the shuffled stream as a function; see `FileImages`."""
        return self.images.sampler(seed)

    def read(self, index, content):
        """Returns the encoded image of an element; see `FileImages`."""
        return self.images.read(index, content)

    def image(self, index):
        """Decodes an image.

        Args:
            index: Number of the image.

        Returns:
            `[H, W, 3]`, uint8 RGB, upright.

        Raises:
            ValueError: If it can't be read or decoded.
        """
        return next(whole_images(self.images, [index]))[1]

    def subset(self, indices):
        """Returns the set of some of the images, with all classes.

        Args:
            indices: Numbers of the images; each counts once, in increasing order.
        """
        indices = np.unique(np.asarray(indices, np.int64))
        return dataclasses.replace(
            self, images=self.images.subset(indices), labels=self.labels[indices]
        )


def open_labeled(spec, *, val_spec=None, val_fraction=0.0, seed=0):
    """Opens photographs with their classes, and those that are held out.

    The rules of `open_images` hold for files: what is hidden is passed over, and a file
    that is given twice counts once. A subset of a data set of TensorFlow Datasets
    reads all of its split in every epoch.

    Args:
        spec: A folder, a list file or `tfds:NAME/SPLIT`; see above.
        val_spec: The same for the held-out images, whose classes are among those
            of `spec`. None: `val` of a folder in two parts, or `val_fraction`.
        val_fraction: Fraction of each class that `split` holds out of `spec`.
        seed: Seed of the held-out choice.

    Returns:
        A pair of `LabeledSet`s of the same classes; the second is None where nothing
        is held out.

    Raises:
        FileNotFoundError: If a file or folder does not exist.
        ValueError: If there are no images or fewer than two classes, a class has no
            images or is unknown, a file has two classes, a training image is held
            out, or a source has a share.
    """
    shares.check_none([spec] if val_spec is None else [spec, val_spec])
    spec, val_spec = parts(paths.expanded(spec), val_spec and paths.expanded(val_spec))
    samples = _open(spec)
    if len(samples.classes) < 2:
        raise ValueError(
            "Photographs have a single class. Expected two classes or more. "
            f"Received: {', '.join(map(repr, samples.classes))} in {spec!r}"
        )
    if val_spec is None:
        return split(samples, val_fraction, seed) if val_fraction else (samples, None)
    held_out = _open(val_spec, samples.classes)
    both = _places(spec, samples) & _places(val_spec, held_out)
    if both:
        raise ValueError(
            "Training images are among the held-out ones. Expected others than those "
            f"of {spec!r}. Received: {len(both)} of both, such as {min(both)!r}"
        )
    return samples, held_out


def open_held_out(spec, classes):
    """Opens photographs to measure on, without the training images.

    Args:
        spec: As in `open_labeled`; of a folder in two parts it is `val`.
        classes: Names of the classes that were trained on.

    Returns:
        A `LabeledSet` of these classes.

    Raises:
        FileNotFoundError: If a file or folder does not exist.
        ValueError: If a class is unknown, a file has two, or the source has a share.
    """
    shares.check_none([spec])
    spec = paths.expanded(spec)
    return _open(_part(spec, "val") or spec, tuple(classes))


def split(samples, fraction, seed=0):
    """Holds out a share of each class.

    The choice depends only on the seed and on the files' names inside their source.

    Args:
        samples: A `LabeledSet`.
        fraction: Fraction of each class; at least one image of those that have two or
            more, and never all.
        seed: Seed of the choice.

    Returns:
        A pair of `LabeledSet`s: the rest, and what is held out.

    Raises:
        ValueError: If no class has two images.
    """
    keys = samples.keys
    chosen = []
    for number in range(len(samples.classes)):
        members = np.flatnonzero(samples.labels == number)
        members = sorted(members, key=lambda index: sources.rank(keys[index], seed))
        count = max(1, round(fraction * len(members)))
        chosen += members[: min(count, len(members) - 1)]
    if not chosen:
        raise ValueError(
            "No image can be held out. Expected a class of two or more. "
            f"Received: {len(samples)} images of {len(samples.classes)} classes"
        )
    rest = np.setdiff1d(np.arange(len(samples)), chosen)
    return samples.subset(rest), samples.subset(chosen)


def parts(spec, val_spec=None):
    """Returns the sources of training and held-out images; the latter may be None.

    Args:
        spec: As in `open_labeled`.
        val_spec: As in `open_labeled`.
    """
    inside = _part(val_spec or spec, "val")
    return _part(spec, "train") or spec, inside or val_spec


def _part(folder, name):
    """Returns a part of a folder that holds parts, or None."""
    if os.path.isdir(folder):
        names = _folders(folder)
        if name in names and _PARTS.issuperset(names):
            return os.path.join(folder, name)
        if "train" in names:
            _check_alone(folder, names)
    return None


def _check_alone(folder, names):
    """Refuses a part beside folders that are none, such as `validation`."""
    # A class may have such a name; but its folders are not those of another one.
    classes = set(_folders(os.path.join(folder, "train")))
    same = [
        name
        for name in sorted(names)
        if name != "train"
        and classes.intersection(_folders(os.path.join(folder, name)))
    ]
    if same:
        raise ValueError(
            f"Folder {folder} has parts and others. Expected train/, val/ and test/ "
            "alone, or a folder for each class. Received: 'train' and "
            f"{_shown(same)} with the same folders inside"
        )


def _folders(folder):
    with os.scandir(folder) as entries:
        return [e.name for e in entries if e.is_dir() and not files.is_foreign(e.name)]


class _Photo(NamedTuple):
    """A file, its name inside its source, its class, and what says so."""

    path: str
    key: str
    label: str
    where: str


def _open(spec, known=None):
    """Opens a source whose classes are the known ones, or its own."""
    if spec.startswith(tfds.PREFIX):
        images, (names, labels) = tfds.open_split(spec), tfds.read_labels(spec)
        photos = [_Photo("", "", label, spec) for label in labels]
    else:
        inside = record_index.open_spec(spec)
        if inside is not None:
            photos, names = _of_records(spec, inside)
        elif os.path.isdir(spec):
            photos, names = _of_folder(spec)
        else:
            photos, names = _of_list(spec, known)
        photos = _once(photos)
        images = FileImages([p.path for p in photos], [p.key for p in photos])
    numbers = {name: number for number, name in enumerate(known or names)}
    for photo in photos:
        if photo.label not in numbers:
            raise ValueError(
                f"{photo.where} has an unknown class. Expected one of "
                f"{_shown(numbers)}. Received: {photo.label!r}"
            )
    labels = np.array([numbers[photo.label] for photo in photos], np.int64)
    return LabeledSet(images, tuple(numbers), labels, spec)


def _of_folder(folder):
    """Lists a folder of class folders: photographs and names."""
    names = _folders(folder)
    prefix = os.path.join(folder, "")
    photos, loose = [], []
    for path in files.find_images(folder):
        key = path.removeprefix(prefix)
        label, inside, _ = key.partition(os.sep)
        photos.append(_Photo(path, key, label, f"Folder {folder}"))
        if not inside:
            loose.append(key)
    if loose:
        raise ValueError(
            f"Folder {folder} has photographs outside of class folders. Expected a "
            f"folder for each class. Received: {len(loose)}, such as {loose[0]!r}"
        )
    empty = sorted(set(names) - {photo.label for photo in photos})
    if empty:
        raise ValueError(
            f"Folder {folder} has classes without images. Expected an image in each of "
            f"{len(names)} class folders. Received: none in {_shown(empty)}"
        )
    return photos, _ordered(names)


def _of_records(spec, inside):
    """Lists records: their labels, or the folders that they were in."""
    photos = [
        _Photo(source, key, label or _folder_of(key), spec)
        for source, key, label in zip(*inside, strict=True)
    ]
    if not all(photo.label for photo in photos):
        raise ValueError(
            "Records have no classes. Expected those that make_records.py made of "
            f"class folders or with --labeled_data. Received: {spec!r}"
        )
    return photos, _ordered({photo.label for photo in photos})


def _folder_of(key):
    """Returns the first folder of a name; that of a data set is not one."""
    return "" if key.startswith(tfds.PREFIX) else os.path.dirname(key).split("/")[0]


def _of_list(path, known):
    """Lists a list file: photographs and names of classes."""
    if not os.path.exists(path):
        raise FileNotFoundError(
            "A source of labeled photographs does not exist. Expected a folder of "
            f"class folders, a list file or {tfds.PREFIX}NAME/SPLIT. Received: {path!r}"
        )
    folder = os.path.dirname(path)
    photos = [
        _Photo(image, os.path.relpath(image, folder), label, f"{path}, line {number},")
        for number, image, label in files.read_labeled_list(path)
    ]
    beside = os.path.join(folder, layout.CLASSES_FILE)
    if known or not os.path.exists(beside):
        return photos, _ordered({photo.label for photo in photos})
    return photos, lists.read_names(beside)


def _once(photos):
    """Returns each file once, in the order of the names inside the source."""
    photos = sorted(photos, key=lambda photo: photo.key)
    found = {}
    places = records.places([photo.path for photo in photos])
    for place, photo in zip(places, photos, strict=True):
        first = found.setdefault(place, photo)
        if first.label != photo.label:
            raise ValueError(
                f"A file has two classes. Expected one for each file. Received: "
                f"{first.label!r} and {photo.label!r} for {photo.path!r}"
            )
    return list(found.values())


def _ordered(names):
    """Sorts names of classes; whole numbers by their values."""
    numbers = all(name.isascii() and name.isdigit() for name in names)
    return tuple(sorted(names, key=(lambda n: (int(n), n)) if numbers else None))


def _shown(names, count=5):
    """Returns the first names as text."""
    text = ", ".join(map(repr, list(names)[:count]))
    return text + (f" and {len(names) - count} more" if len(names) > count else "")


def _places(spec, samples):
    images = samples.images
    is_files = isinstance(images, FileImages)
    return set(records.places(images.sources)) if is_files else {spec}
