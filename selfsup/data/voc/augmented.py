"""Opening segmentation data, and VOC 2012's augmented training set.

The Semantic Boundaries Dataset (SBD) has masks for more of VOC's images. The
training set of the paper, `train_aug`, is all of SBD and of VOC 2012's train
without the images of VOC 2012's val: 10,582 images.
"""

import os

from selfsup.data.voc import layout
from selfsup.data.voc.segmentation_set import SegmentationSet

AUGMENTED = "train_aug"

# Numbers of images of VOC 2012.
VOC_2012_COUNTS = {"train": 1464, "val": 1449, AUGMENTED: 10582}

_HINT = (
    "; `sbd_dir`, a folder of the Semantic Boundaries Dataset, builds this split "
    "without it"
)


def open_segmentation(voc_dir, split, sbd_dir=None, sbd_masks_win=False):
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
        sbd_masks_win: Whether SBD's masks are taken for images in both. VOC's
            have a void border around objects, SBD's have none.

    Returns:
        A `SegmentationSet`.

    Raises:
        FileNotFoundError: If a folder, a split, an image or a mask is missing.
        ValueError: If a folder or a file is not what it should be.
    """
    folder = layout.resolve(voc_dir, 2012)
    if split == AUGMENTED and sbd_dir is not None:
        names, masks = _from_sbd(folder, sbd_dir, sbd_masks_win)
        listed = f"the split {AUGMENTED} of {folder} and {os.fspath(sbd_dir)}"
        hint = ""
    else:
        names, listed, masks, hint = _prepared(folder, split)
    return SegmentationSet(
        folder=folder,
        split=split,
        classes=layout.class_names(folder, background=True),
        names=names,
        image_paths=layout.find_images(folder, names, listed),
        mask_paths=layout.find_files("mask", masks, listed, hint),
    )


def _prepared(folder, split):
    """Returns names, their file, the paths each mask may have, and a hint."""
    parents, hint = ["SegmentationClass"], ""
    if split == AUGMENTED:
        parents, hint = ["SegmentationClassAug", *parents], _HINT
        path = layout.split_file(folder, "Segmentation", split)
        if not os.path.isfile(path):
            raise FileNotFoundError(
                f"The split {AUGMENTED} is not part of VOC. Expected `sbd_dir`, a "
                "folder of the Semantic Boundaries Dataset, to build it from, or a "
                f"prepared list. Received: no `sbd_dir`, and no file {path}"
            )
    names, listed = layout.read_split(folder, "Segmentation", split)
    masks = [[_mask(folder, name, parent) for parent in parents] for name in names]
    return names, listed, masks, hint


def _mask(folder, name, parent="SegmentationClass"):
    return os.path.join(folder, parent, f"{name}.png")


def _from_sbd(folder, sbd_dir, sbd_masks_win):
    """Returns the names of the augmented set, and the path of each mask."""
    sbd_dir = _resolve_sbd(sbd_dir)
    train, _ = layout.read_split(folder, "Segmentation", "train")
    val, _ = layout.read_split(folder, "Segmentation", "val")
    sbd = set()
    for part in ("train", "val"):
        sbd.update(layout.read_names(os.path.join(sbd_dir, f"{part}.txt")))
    names = augmented_names(train, val, sbd)
    if not os.path.isfile(os.path.join(folder, "classes.txt")):
        check_counts({"train": len(train), "val": len(val), AUGMENTED: len(names)})
    from_sbd = sbd if sbd_masks_win else sbd - set(train)
    masks = [
        [os.path.join(sbd_dir, "cls", f"{name}.mat")]
        if name in from_sbd
        else [_mask(folder, name)]
        for name in names
    ]
    return names, masks


def _resolve_sbd(sbd_dir):
    """Returns the folder of SBD that holds `cls` and the lists."""
    sbd_dir = os.fspath(sbd_dir)
    if not os.path.isdir(sbd_dir):
        raise FileNotFoundError(
            "The folder of the Semantic Boundaries Dataset is missing. Expected the "
            f"path of a folder. Received: {sbd_dir!r}"
        )
    inside = ("", "dataset", os.path.join("benchmark_RELEASE", "dataset"))
    wanted = ("cls", "train.txt", "val.txt")
    for part in inside:
        folder = os.path.join(sbd_dir, part) if part else sbd_dir
        if all(os.path.exists(os.path.join(folder, name)) for name in wanted):
            return folder
    found = sorted(os.listdir(sbd_dir))[:8]
    raise ValueError(
        "A folder does not hold the Semantic Boundaries Dataset. Expected "
        f"{', '.join(wanted)} in it, in its {inside[1]} or in its {inside[2]}. "
        f"Received: {sbd_dir!r} with {found}"
    )


def augmented_names(train, val, sbd):
    """Returns the names of the augmented training set.

    Args:
        train: Names of VOC's training images.
        val: Names of VOC's validation images.
        sbd: Names of SBD's images, those of both its parts.

    Returns:
        Sorted tuple of names.
    """
    return tuple(sorted((set(train) | set(sbd)) - set(val)))


def check_counts(received, expected=None):
    """Checks that the lists of a data set are complete.

    Args:
        received: Dict of the number of images of each split.
        expected: Dict of the right numbers; None for those of VOC 2012.

    Raises:
        ValueError: If they differ.
    """
    expected = VOC_2012_COUNTS if expected is None else expected
    if received != expected:
        raise ValueError(
            f"The lists of images are not those of {AUGMENTED}. Expected {expected} "
            f"images, or other classes in classes.txt. Received: {received}"
        )
