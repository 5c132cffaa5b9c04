"""What is exported: a trained model, its kind, and how it was trained."""

import pathlib
from typing import NamedTuple

import keras

from selfsup import heads, runs

# Files of a workdir; the first one that is there is exported.
_FILES = ("colorizer.keras", "segmenter.keras", "classifier.keras", "backbone.keras")


class Subject(NamedTuple):
    """A model to export.

    Attributes:
        kind: `"colorizer"`, `"segmenter"`, `"classifier"` or `"backbone"`.
        model: The Keras model.
        side: Shortest side in pixels that the network shall see; None for the
            image's own.
        crop_size: Side of a classifier's crops, else None.
        classes: Names of the classes; empty for colorizers and backbones.
    """

    kind: str
    model: keras.Model
    side: int | None = None
    crop_size: int | None = None
    classes: tuple = ()

    @property
    def color(self):
        """Whether the network takes RGB instead of gray."""
        return self.image.name == "rgb"

    @property
    def whole(self):
        """Whether the network sees whole images at their own size."""
        return self.side is None and self.kind != "classifier"

    @property
    def image(self):
        """The model's input for images, a `KerasTensor`."""
        return next(x for x in self.model.inputs if x.name in ("gray", "rgb"))


def open_subject(ckpt, settings):
    """Opens what shall be exported.

    Args:
        ckpt: A workdir, a `.keras` file, or the name of a model of the zoo.
        settings: An `ExportSettings`.

    Returns:
        A `Subject`.

    Raises:
        FileNotFoundError: If there is no trained model.
        ValueError: If it is of none of the kinds, or it is not known how large
            the network shall see images.
    """
    run = runs.open_run(ckpt, model_file(ckpt))
    kind = heads.kind(run.model, ckpt)
    side = settings.side or run.side
    if kind in ("segmenter", "classifier"):
        # They are trained on images at their own scale.
        side = settings.side or None
    elif side is None and not _trained_at_own_scale(run):
        raise ValueError(
            "There is no config.json beside the model that tells the scale. Expected "
            "--side, the shortest side in pixels that the network shall see. "
            f"Received: {ckpt}"
        )
    subject = Subject(kind, run.model, side)
    if kind in ("segmenter", "classifier"):
        subject = subject._replace(classes=_classes(run))
    if kind == "classifier":
        subject = subject._replace(crop_size=_crop_size(run, settings, ckpt))
    return subject


def model_file(ckpt):
    """Returns the name of the file of a workdir that is exported.

    Args:
        ckpt: A workdir; of anything else it is that of a colorizer.
    """
    folder = pathlib.Path(ckpt)
    there = [name for name in _FILES if (folder / name).is_file()]
    return there[0] if there else _FILES[0]


def _trained_at_own_scale(run):
    return "task" in (run.settings or {})


def _classes(run):
    count = run.model.output["classes"].shape[-1]
    names = (run.results or {}).get("classes") or [str(i) for i in range(count)]
    if len(names) != count:
        raise ValueError(
            "The classes beside the model are not its own. Expected "
            f"{count} names in results.json. Received: {len(names)} in {run.folder}"
        )
    return tuple(names)


def _crop_size(run, settings, ckpt):
    size = settings.crop_size or (run.settings or {}).get("crop_size")
    if not size:
        raise ValueError(
            "There is no config.json beside the model that tells the crops. Expected "
            f"--crop_size. Received: {ckpt}"
        )
    return size
