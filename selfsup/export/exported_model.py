"""What is exported: a trained model, its kind, and how it was trained."""

from typing import NamedTuple

import keras

from selfsup import heads, runs

# Kinds that take an image, not patches of one; the first choice in a workdir first.
KINDS = (
    *(x for x, facts in heads.KINDS.items() if facts.inputs[0] & {"gray", "rgb"}),
    heads.BACKBONE,
)

# Kinds that average over the crops of an image.
_CROPPED = ("classifier", "single_label_classifier")


class ExportedModel(NamedTuple):
    """A model to export.

    Attributes:
        kind: One of `KINDS`.
        model: The Keras model.
        side: Shortest side in pixels that the network sees; None for the image's
            own.
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
        return self.side is None and self.crop_size is None

    @property
    def image(self):
        """The model's input for images, a `KerasTensor`."""
        return next(x for x in self.model.inputs if x.name in ("gray", "rgb"))


def open_model(ckpt, config):
    """Opens a model to export.

    Args:
        ckpt: A workdir, a `.keras` file, or the name of a model of the zoo.
        config: An `ExportConfig`.

    Returns:
        An `ExportedModel`.

    Raises:
        FileNotFoundError: If there is no trained model.
        ValueError: If it is of none of the kinds, or it is not known how large
            the network sees images.
    """
    run = runs.open_run(ckpt, KINDS)
    kind = heads.check_kind(run.model, KINDS, ckpt)
    classes = () if kind in ("colorizer", heads.BACKBONE) else _classes(run)
    side = config.side or run.side
    # Without a scale in their configuration, runs use images at their own.
    if side is None and run.settings is None and not classes:
        _fail_without_config("scale", "--side", ckpt)
    crop_size = None
    if kind in _CROPPED:
        crop_size = config.crop_size or (run.settings or {}).get("crop_size")
        if not crop_size:
            _fail_without_config("crops' size", "--crop_size", ckpt)
    return ExportedModel(kind, run.model, side, crop_size, classes)


def _classes(run):
    (logits,) = run.model.output.values()
    count = logits.shape[-1]
    names = (run.results or {}).get("classes") or [str(i) for i in range(count)]
    if len(names) != count:
        raise ValueError(
            "The classes beside the model are not its own. Expected "
            f"{count} names in results.json. Received: {len(names)} in {run.folder}"
        )
    return tuple(names)


def _fail_without_config(missing, flag, ckpt):
    raise ValueError(
        f"There is no config.json beside the model with the {missing}. "
        f"Expected {flag} in pixels. Received: {ckpt}"
    )
