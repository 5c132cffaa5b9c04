"""A tiny folder in VOC's layout for whole runs: photographs, masks and labels."""

import pathlib
import shutil

import cv2
import numpy as np
from PIL import Image

# Names of the classes; the first is not one of classification.
CLASSES = ("background", "middle", "bright")
VOID = 255

# (height, width) of the images in turn: smaller and larger than crops of 48.
_SIZES = ((56, 72), (64, 44), (48, 60), (40, 80))


class Folder:
    """A folder of VOC data, with splits for both tasks.

    Masks are the three levels of gray, so that they can be learned, in a frame
    of void. An image is labeled with the classes that fill a third of it, and
    difficult where they fill a little less.

    Args:
        root: Path of the folder, which is made.
        photos: Path of the photographs.
        train: Number of images of the splits train and trainval.
        val: Number of images of val and test, other ones.
    """

    def __init__(self, root, photos, train=10, val=4):
        self.root = pathlib.Path(root)
        self.names = [f"image_{number:02d}" for number in range(train + val)]
        self._write("classes.txt", CLASSES)
        photographs = sorted(photos.glob("*.jpg"))
        labels = []
        for number, name in enumerate(self.names):
            height, width = _SIZES[number % len(_SIZES)]
            picture = cv2.imread(str(photographs[3 * number]))
            picture = cv2.resize(picture[40:180, 60:240], (width, height))
            self._make("JPEGImages")
            cv2.imwrite(str(self.image(name)), picture)
            levels = np.digitize(picture.mean(axis=-1), (70, 130)).astype(np.uint8)
            shares = np.bincount(levels.ravel(), minlength=3)[1:] / levels.size
            labels.append(np.where(shares > 1 / 3, 1, np.where(shares > 0.25, 0, -1)))
            levels[:2] = levels[-2:] = levels[:, :2] = levels[:, -2:] = VOID
            self.save_mask(name, levels)
        for split, part in (("train", slice(train)), ("val", slice(train, None))):
            self.split(split, self.names[part])
            other = {"train": "trainval", "val": "test"}[split]
            self.label(other, self.names[part], labels[part])

    def copy(self, root):
        """Copies the folder, so that the copy can be changed."""
        copy = object.__new__(Folder)
        copy.root, copy.names = shutil.copytree(self.root, root), self.names
        return copy

    def image(self, name):
        """Returns the path of an image."""
        return self.root / "JPEGImages" / f"{name}.jpg"

    def mask(self, name):
        """Returns the path of a mask."""
        return self.root / "SegmentationClass" / f"{name}.png"

    def save_mask(self, name, mask):
        """Writes indices `[H, W]` as a PNG file with a palette."""
        self._make("SegmentationClass")
        image = Image.fromarray(np.asarray(mask, np.uint8))
        image.putpalette(bytes(range(256)) * 3)
        image.save(self.mask(name))

    def split(self, split, names, task="Segmentation"):
        """Writes the list of a split."""
        self._write(f"ImageSets/{task}/{split}.txt", names)

    def label(self, split, names, labels, classes=CLASSES[1:]):
        """Writes the lists of classification; `labels` are `[N, K]` of -1, 0, 1."""
        self.split(split, names, "Main")
        for cls, column in zip(classes, np.transpose(labels), strict=True):
            rows = [f"{n} {v:2d}" for n, v in zip(names, column, strict=True)]
            self.split(f"{cls}_{split}", rows, "Main")

    def _write(self, path, lines):
        self._make(pathlib.Path(path).parent)
        (self.root / path).write_text("".join(f"{line}\n" for line in lines))

    def _make(self, path):
        (self.root / path).mkdir(parents=True, exist_ok=True)
