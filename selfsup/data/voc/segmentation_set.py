"""Images with masks: the segmentation data of one split."""

import dataclasses

from selfsup.data import decoding
from selfsup.data.voc import layout, masks


@dataclasses.dataclass(frozen=True)
class SegmentationSet:
    """Images of a split and their masks, each read when it is asked for.

    Attributes:
        folder: The year's folder.
        split: Name of the split.
        classes: Names of the classes; a name's place is its index in masks.
        names: Names of the images.
        image_paths: Paths of the images, in the order of `names`.
        mask_paths: Paths of the masks, PNG or `.mat` files.
    """

    folder: str
    split: str
    classes: tuple[str, ...]
    names: tuple[str, ...]
    image_paths: tuple[str, ...]
    mask_paths: tuple[str, ...]

    def __len__(self):
        return len(self.names)

    def location(self, index):
        """Returns the path of an image."""
        return self.image_paths[index]

    def encoded(self, index):
        """Returns the content of an image's file, bytes."""
        return layout.read_image(self.image_paths[index])

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
        return decoding.load_image(self.image_paths[index])

    def mask(self, index, size=None):
        """Reads the mask of an image.

        Args:
            index: Number of the image.
            size: Height and width of the image, where it has been decoded.

        Returns:
            `[H, W]`, uint8, indices of classes, or 255 for void.

        Raises:
            ValueError: If it can't be read, is not as large as its image, or
                holds an index that is no class.
        """
        if size is None:
            size = masks.image_size(self.image_paths[index])
        return masks.read_mask(self.mask_paths[index], size, len(self.classes))

    def subset(self, indices):
        """Returns the set of some of the images.

        Args:
            indices: Numbers of the images, in the order wanted.
        """
        indices = [int(index) for index in indices]
        fields = ("names", "image_paths", "mask_paths")
        return dataclasses.replace(
            self, **{f: tuple(getattr(self, f)[i] for i in indices) for f in fields}
        )
