"""Images with the classes they show: the classification data of one split."""

import dataclasses
import os

import numpy as np

from selfsup.data import decoding, files, tfds
from selfsup.data.streams import FileImages
from selfsup.data.voc import layout, lists

# Labels of a class in an image. Difficult: all its objects are hard to
# recognize, so it counts neither as present nor as absent.
ABSENT, PRESENT, DIFFICULT = 0, 1, 255

_LABELS = {"1": PRESENT, "-1": ABSENT, "0": DIFFICULT}

_TFDS_SPLITS = {"trainval": "train+validation", "val": "validation"}


@dataclasses.dataclass(frozen=True, eq=False)
class ClassificationSet(FileImages):
    """A collection of the images of a split, and the classes they show.

    Attributes:
        split: Name of the split.
        classes: Names of the `K` classes.
        names: Names of the `N` images.
        labels: `[N, K]`, uint8: 1 present, 0 absent, 255 difficult, which loss
            and metric ignore.
        sources: Paths of the images; or all of their encoded contents.
        folder: The year's folder, or the data set's name; for messages.
    """

    split: str
    classes: tuple[str, ...]
    names: tuple[str, ...]
    labels: np.ndarray
    sources: tuple[str, ...] | tuple[bytes, ...]
    folder: str = ""

    @property
    def in_memory(self):
        """Whether `sources` are the images' contents."""
        return bool(self.sources) and isinstance(self.sources[0], bytes)

    def name(self, index):
        """Returns the path of an image, or its name if it is in memory."""
        return self.names[index] if self.in_memory else self.sources[index]

    def read(self, index, content):
        """Returns the encoded image of an element; see `FileImages`."""
        return content if self.in_memory else super().read(index, content)

    def image(self, index):
        """Decodes an image.

        Args:
            index: Number of the image.

        Returns:
            `[H, W, 3]`, uint8 RGB, upright.

        Raises:
            FileNotFoundError: If its file has gone.
            ValueError: If it can't be decoded.
        """
        source = self.sources[index]
        if self.in_memory:
            return decoding.decode_bytes(source, self.names[index])
        return decoding.load_image(source)

    def subset(self, indices):
        """Returns the set of some of the images.

        Args:
            indices: Numbers of the images, in the order wanted.
        """
        return dataclasses.replace(
            self,
            names=tuple(self.names[i] for i in indices),
            labels=self.labels[list(indices)],
            sources=tuple(self.sources[i] for i in indices),
        )


def open_classification(voc_dir, split):
    """Opens the images and labels of a split.

    Args:
        voc_dir: Folder of VOC 2007, `VOCdevkit`, or the folder that holds it;
            or any folder of that layout with the names of its own classes in
            `classes.txt`; or `tfds:voc/2007`, a prepared data set of TensorFlow
            Datasets. The latter's encoded images are kept in memory, about 0.4
            GB for each half of VOC 2007, and once more by each stream.
        split: Name of a file in `ImageSets/Main`, such as `trainval`, which is
            `train+validation` of TensorFlow Datasets.

    Returns:
        A `ClassificationSet`.

    Raises:
        FileNotFoundError: If a folder, a split, an image or the file of a class
            is missing, or the data set has not been prepared.
        ValueError: If a folder or a file is not what it should be.
    """
    if isinstance(voc_dir, str) and voc_dir.startswith(tfds.PREFIX):
        opened = _open_tfds(voc_dir, split)
    else:
        opened = _open_folder(voc_dir, split)
    if not np.any(opened.labels == PRESENT):
        raise ValueError(
            "A split has no labels. Expected classes that are present in its images. "
            f"Received: none in {split!r} of {os.fspath(voc_dir)!r}"
        )
    return opened


def _open_folder(voc_dir, split):
    folder = layout.resolve(voc_dir, 2007)
    entries, listed = layout.read_split(folder, "Main", split)
    names = tuple(entry.name for entry in entries)
    classes = layout.class_names(folder, background=False)
    paths = [layout.split_file(folder, "Main", f"{name}_{split}") for name in classes]
    paths = layout.find_files("file of a class", [[path] for path in paths], listed)
    labels = np.stack([_read_labels(path, names) for path in paths], axis=1)
    images = layout.find_images(folder, names, listed)
    return ClassificationSet(split, classes, names, labels, images, folder)


def _read_labels(path, names):
    """Returns the labels of one class, `[N]` uint8, in the order of `names`."""
    labels, known = {}, set(names)
    for number, line in files.read_lines(path):
        if line.startswith("#"):
            continue
        name, *rest = line.rsplit(None, 1)
        name = name if name in known else lists.without_ending(name)
        if not rest or rest[0] not in _LABELS or name in labels:
            raise ValueError(
                f"File {path}, line {number}, is no label. Expected 1, -1 or 0 for an "
                f"image without one. Received: {line!r}"
            )
        labels[name] = _LABELS[rest[0]]
    missing = [name for name in names if name not in labels]
    if missing:
        raise ValueError(
            f"File {path} lacks images of its split. Expected all {len(names)}. "
            f"Received: none of {len(missing)}, the first is {missing[0]!r}"
        )
    return np.array([labels[name] for name in names], np.uint8)


def _open_tfds(spec, split):
    """Reads a split of a data set of TensorFlow Datasets into memory."""
    import tensorflow_datasets

    tfds_split = _TFDS_SPLITS.get(split, split)
    tfds.open_split(f"{spec}/{tfds_split}")  # Has clear errors.
    builder = tensorflow_datasets.builder(spec.removeprefix(tfds.PREFIX))
    decoders = tensorflow_datasets.decode
    features = builder.info.features
    wanted = ("image", "image/filename", "labels", "labels_no_difficult")
    if not set(wanted) <= set(features):
        raise ValueError(
            "A data set of TensorFlow Datasets is not like voc/2007. Expected the "
            f"features {', '.join(wanted)}. Received: {spec!r} with {sorted(features)}"
        )
    examples = builder.as_dataset(
        split=tfds_split,
        decoders=decoders.PartialDecoding(
            dict.fromkeys(wanted, True), decoders={"image": decoders.SkipDecoding()}
        ),
    )
    names, rows, contents = [], [], []
    classes = tuple(features["labels"].feature.names)
    for example in examples.as_numpy_iterator():
        row = np.full(len(classes), ABSENT, np.uint8)
        row[example["labels"]] = DIFFICULT
        row[example["labels_no_difficult"]] = PRESENT
        filename = example["image/filename"].decode()
        names.append(os.path.splitext(filename)[0])
        rows.append(row)
        contents.append(example["image"])
    # In the order of VOC's own lists, so that a number means the same image.
    order = sorted(range(len(names)), key=names.__getitem__)
    everything = ClassificationSet(
        split, classes, tuple(names), np.stack(rows), tuple(contents), spec
    )
    return everything.subset(order)
