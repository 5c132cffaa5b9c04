"""Settings of transfer to PASCAL VOC, or to a folder of its layout."""

import dataclasses

from selfsup import paths
from selfsup.settings import fail, setting
from selfsup.training.downstream_config import DownstreamConfig


@dataclasses.dataclass(frozen=True)
class VocConfig(DownstreamConfig):
    """Settings of a run on VOC, whatever its task.

    Raises:
        ValueError: If a field is out of its range, or fields contradict.
        TypeError: If a field is of another type than declared.
    """

    voc_dir: str = setting(
        "",
        "VOCdevkit, or a folder of the same layout (its classes.txt overrides the "
        "20 classes); tfds:voc/2007 for classification.",
        path=True,
    )
    train_split: str | None = setting(None, "Images to train on.")
    val_split: str = setting(
        "val", "Images that the result is measured on, or none.", resumable=True
    )

    def __post_init__(self):
        super().__post_init__()
        if not self.voc_dir:
            fail("voc_dir", self.voc_dir, "a folder in the layout of VOC")

    def located(self):
        return dataclasses.replace(self, voc_dir=paths.absolute(self.voc_dir))
