"""Images with masks: the segmentation data of one split."""

import dataclasses
import os

from selfsup.data import decoding
from selfsup.data.streams import FileImages
from selfsup.data.voc import layout, masks, sbd


@dataclasses.dataclass(frozen=True)
class SegmentationSet(FileImages):
    """A collection of the images of a split, and their masks.

    Each is read when it is asked for.

    Attributes:
        folder: The year's folder.
        split: Name of the split.
        classes: Names of the classes; in the order of their indices in masks.
        names: Names of the images.
        sources: Paths of the images, in the order of `names`.
        mask_paths: Paths of the masks, PNG or `.mat` files.
    """

    folder: str
    split: str
    classes: tuple[str, ...]
    names: tuple[str, ...]
    sources: tuple[str, ...]
    mask_paths: tuple[str, ...]

    def image(self, index):
        """Reads an image.

        Args:
            index: Number of the image.

        Returns:
            `[H, W, 3]`, uint8 RGB, upright.

        Raises:
            FileNotFoundError: If it has gone.
            ValueError: If it can't be decoded.
        """
        return decoding.load_image(self.sources[index])

    def mask(self, index, size=None):
        """Reads the mask of an image.

        Args:
            index: Number of the image.
            size: Height and width of the image, where it has been decoded.

        Returns:
            `[H, W]`, uint8, indices of classes, or `VOID`.

        Raises:
            ValueError: If it can't be read, is not as large as its image, or
                holds an index that is no class.
        """
        if size is None:
            size = masks.image_size(self.sources[index])
        return masks.read_mask(self.mask_paths[index], size, len(self.classes))

    def subset(self, indices):
        """Returns the set of some of the images.

        Args:
            indices: Numbers of the images, in the order wanted.
        """
        fields = ("names", "sources", "mask_paths")
        return dataclasses.replace(
            self, **{f: tuple(getattr(self, f)[i] for i in indices) for f in fields}
        )


def open_segmentation(voc_dir, split, sbd_dir=None):
    """Opens the images and masks of a split.

    `train_aug` is built from VOC 2012 and SBD where `sbd_dir` is given; else it
    is read from its usual prepared form, a list `train_aug.txt` and masks in
    `SegmentationClassAug`.

    Args:
        voc_dir: Folder of VOC 2012, `VOCdevkit`, or the folder that holds it;
            or any folder of that layout with the names of its own classes,
            background included, in `classes.txt`.
        split: Name of a file in `ImageSets/Segmentation`, or `train_aug`.
        sbd_dir: SBD's folder `benchmark_RELEASE`, or `dataset` in it; used by
            `train_aug` only.

    Returns:
        A `SegmentationSet`.

    Raises:
        FileNotFoundError: If a folder, a split, an image or a mask is missing.
        ValueError: If a folder or a file is not what it should be.
    """
    folder = layout.resolve(voc_dir, 2012)
    if split == sbd.AUGMENTED and sbd_dir is not None:
        names, found = sbd.augmented_set(folder, sbd_dir)
        listed = f"the split {split} of {folder} and {os.fspath(sbd_dir)}"
    else:
        names, listed, found = _prepared(folder, split)
    return SegmentationSet(
        folder=folder,
        split=split,
        classes=layout.class_names(folder, background=True),
        names=names,
        sources=layout.find_images(folder, names, listed),
        mask_paths=layout.find_files("mask", found, listed),
    )


def _prepared(folder, split):
    """Returns names, their file, and the paths each mask may have."""
    parents = ["SegmentationClass"]
    if split == sbd.AUGMENTED:
        parents.insert(0, "SegmentationClassAug")
        path = layout.split_file(folder, "Segmentation", split)
        if not os.path.isfile(path):
            raise FileNotFoundError(
                f"The split {split} is not part of VOC. Expected `sbd_dir`, a folder "
                "of the Semantic Boundaries Dataset, or a prepared list. Received: no "
                f"`sbd_dir`, and no file {path}"
            )
    entries, listed = layout.read_split(folder, "Segmentation", split)
    found = [
        [layout.mask_path(folder, entry.name, parent) for parent in parents]
        if entry.mask is None
        else _listed_masks(folder, entry.mask)
        for entry in entries
    ]
    return tuple(entry.name for entry in entries), listed, found


def _listed_masks(folder, path):
    """Returns where the mask may be whose path a list has."""
    above = path if os.path.isabs(path) else os.path.join(os.path.dirname(folder), path)
    return [os.path.join(folder, path.lstrip("/")), above]
