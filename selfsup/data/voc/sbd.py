"""VOC 2012's augmented training set, `train_aug`.

The Semantic Boundaries Dataset (SBD) has masks for more of VOC's images. The
training set of the paper, `train_aug`, is all of SBD and of VOC 2012's train
without the images of VOC 2012's val: 10,582 images.
"""

import os

from selfsup import paths
from selfsup.data.voc import layout, lists

AUGMENTED = "train_aug"

# Numbers of images of VOC 2012.
VOC_2012_COUNTS = {"train": 1464, "val": 1449, AUGMENTED: 10582}


def augmented_set(folder, sbd_dir):
    """Finds the images and masks of the augmented training set.

    Images in both have the masks of VOC, which have a void border around objects.

    Args:
        folder: The year's folder.
        sbd_dir: SBD's folder `benchmark_RELEASE`, or `dataset` in it.

    Returns:
        A pair of the images' names, and for each the paths its mask may have.

    Raises:
        FileNotFoundError: If a folder or a list is missing.
        ValueError: If a folder or a file is not what it should be, or lists of
            VOC's own classes are incomplete.
    """
    inside = ("dataset", os.path.join("benchmark_RELEASE", "dataset"))
    wanted = ("cls", "train.txt", "val.txt")
    sbd_dir = layout.find_folder(
        "the Semantic Boundaries Dataset", paths.expanded(sbd_dir), inside, wanted
    )
    train, val = (
        {entry.name for entry in layout.read_split(folder, "Segmentation", part)[0]}
        for part in ("train", "val")
    )
    listed = [os.path.join(sbd_dir, name) for name in wanted[1:]]
    names = sorted(train.union(*map(lists.read_names, listed)) - val)
    received = {"train": len(train), "val": len(val), AUGMENTED: len(names)}
    own_classes = os.path.isfile(os.path.join(folder, layout.CLASSES_FILE))
    if not own_classes and received != VOC_2012_COUNTS:
        raise ValueError(
            f"The lists of images are not those of {AUGMENTED}. Expected "
            f"{VOC_2012_COUNTS} images, or other classes in {layout.CLASSES_FILE}. "
            f"Received: {received}"
        )
    masks = [
        layout.mask_path(folder, name)
        if name in train
        else os.path.join(sbd_dir, "cls", f"{name}.mat")
        for name in names
    ]
    return tuple(names), [[path] for path in masks]
