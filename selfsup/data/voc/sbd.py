"""VOC 2012's augmented training set, `train_aug`.

The Semantic Boundaries Dataset (SBD) has masks for more of VOC's images. The
training set of the paper, `train_aug`, is all of SBD and of VOC 2012's train
without the images of VOC 2012's val: 10,582 images.
"""

import os

from selfsup.data.voc import layout

AUGMENTED = "train_aug"

# Numbers of images of VOC 2012.
VOC_2012_COUNTS = {"train": 1464, "val": 1449, AUGMENTED: 10582}


def augmented_set(folder, sbd_dir, sbd_masks_win=False):
    """Finds the images and masks of the augmented training set.

    Args:
        folder: The year's folder.
        sbd_dir: SBD's folder `benchmark_RELEASE`, or `dataset` in it.
        sbd_masks_win: Whether SBD's masks are taken for images in both.

    Returns:
        A pair of the images' names, and for each the paths its mask may have.

    Raises:
        FileNotFoundError: If a folder or a list is missing.
        ValueError: If a folder or a file is not what it should be.
    """
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
        else [layout.mask_path(folder, name)]
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
