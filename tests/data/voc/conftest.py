"""Tiny folders in VOC's layout, made of crops of the embedded photographs."""

import pathlib

import cv2
import numpy as np
import pytest
import scipy.io
import scipy.sparse
from PIL import Image

from selfsup import data

# (height, width) and the extension of each image; smaller and larger than crops.
_IMAGES = (
    (40, 60, ".jpg"),
    (56, 33, ".jpg"),
    (33, 70, ".jpeg"),
    (20, 24, ".jpg"),
    (48, 48, ".png"),
    (25, 64, ".jpg"),
    (61, 29, ".jpg"),
)


def mask_of(image):
    """Returns a mask of 21 classes and void that is a function of the gray."""
    index = image.sum(axis=-1, dtype=int) % 23
    return np.where(index < 21, index, 255).astype(np.uint8)


def save_mask(path, mask, **kwargs):
    """Writes indices as a PNG file with a palette."""
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(np.asarray(mask, np.uint8))
    palette = np.random.default_rng(0).integers(0, 256, 768)
    image.putpalette(palette.astype(np.uint8).tobytes())
    image.save(path, **kwargs)


def save_mat(path, mask):
    """Writes a mask in the layout of the Semantic Boundaries Dataset."""
    path.parent.mkdir(parents=True, exist_ok=True)
    boundaries = np.empty([20, 1], object)
    for index in range(20):
        boundaries[index, 0] = scipy.sparse.csc_matrix(mask == index + 1)
    present = np.unique(mask[mask > 0])[:, None]
    content = {
        "Boundaries": boundaries,
        "Segmentation": mask,
        "CategoriesPresent": present,
    }
    scipy.io.savemat(path, {"GTcls": content}, do_compression=True)


def write_lines(path, lines):
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(f"{line}\n" for line in lines), encoding="utf-8")


class Folder:
    """A VOC folder of seven images with masks."""

    def __init__(self, root, photos):
        self.root = pathlib.Path(root)
        self.names = []
        photographs = sorted(photos.glob("*.jpg"))
        for number, (height, width, extension) in enumerate(_IMAGES):
            photograph = cv2.imread(str(photographs[3 * number]))
            name = f"2007_{number:06d}"
            path = self.root / "JPEGImages" / (name + extension)
            path.parent.mkdir(parents=True, exist_ok=True)
            cv2.imwrite(str(path), photograph[60 : 60 + height, 90 : 90 + width])
            save_mask(self.mask(name), mask_of(data.load_image(path)))
            self.names.append(name)
        self.split("train", self.names)
        self.split("val", self.names[:2])

    def split(self, split, names, task="Segmentation"):
        write_lines(self.root / "ImageSets" / task / f"{split}.txt", names)

    def image(self, name):
        return next((self.root / "JPEGImages").glob(f"{name}.*"))

    def mask(self, name, parent="SegmentationClass"):
        return self.root / parent / f"{name}.png"


class Tools:
    """What tests need of this file; it can't be imported."""

    mask_of = staticmethod(mask_of)
    save_mask = staticmethod(save_mask)
    save_mat = staticmethod(save_mat)
    write_lines = staticmethod(write_lines)


@pytest.fixture(scope="session")
def tools():
    return Tools


@pytest.fixture
def folder(tmp_path, photos):
    """A VOC folder that the test may change."""
    return Folder(tmp_path / "VOC2012", photos)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory, photos):
    """A VOC folder that no test changes."""
    return Folder(tmp_path_factory.mktemp("tiny") / "VOC2012", photos)
