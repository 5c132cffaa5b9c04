"""The stream of pretraining batches: a pure function of (config, step)."""

import tensorflow as tf

from selfsup import color, heads
from selfsup import targets as targets_lib
from selfsup.data import batching, partial_decode
from selfsup.data.batching import PADDING
from selfsup.data.sources import open_images, open_parts

# Values of the status of a sample.
OK, UNDECODABLE, ACHROMATIC = 0, 1, 2

# No pixel of a gray image has more chroma, even after color JPEG's rounding.
_ACHROMATIC_CHROMA = 2.0 / 255.0

# Keeps the augmentation's seeds apart from the shuffling's.
_SALT = 0x5A17 << 32


def images_of(config):
    """Opens the images that a config names.

    Args:
        config: A `PipelineConfig`.

    Returns:
        A collection with `len()` and `name(index)`; see `open_images`.
    """
    return open_images(
        config.data,
        val_specs=config.val_data,
        val_fraction=config.val_fraction,
        subset=config.subset,
        seed=config.split_seed,
    )


def parts_of(config):
    """Opens the training and the held-out images that a config names, listed once.

    Args:
        config: A `PipelineConfig`; its subset is not looked at.

    Returns:
        A pair of collections; see `open_parts`.
    """
    return open_parts(
        config.data,
        val_specs=config.val_data,
        val_fraction=config.val_fraction,
        seed=config.split_seed,
    )


def pipeline(config, start_step=0, *, status=False, images=None, shard=(0, 1)):
    """Builds the stream of pretraining batches.

    With `augment` the stream is endless. Otherwise every image comes exactly
    once, and the last batch is filled up with samples of weight 0. An image
    that can't be decoded becomes a sample of gray 0 and weight 0 in its place.

    Args:
        config: A `PipelineConfig`.
        start_step: Number of batches skipped, at no cost.
        status: Whether to add a fourth element, a dict of `index` `[B]`, int64,
            the image's number in `images_of(config)` (-1: filling), and
            `status` `[B]`, int8: `OK`, `UNDECODABLE` or `ACHROMATIC`.
        images: The opened images; None opens those that `config` names.
        shard: Pair of a worker's number and the number of workers; a worker
            gets its contiguous part of every batch.

    Returns:
        A `tf.data.Dataset` of `(inputs, targets, sample_weights)`: `gray`
        `[B, H, W, 1]`, 0.4488 subtracted, and `points` `[B, P, 2]`, float32
        (y, x); `hue` and `chroma` `[B, P, K]`; `hue` and `chroma` `[B, P]`. With
        `targets="lab"` targets are `ab` `[B, P, 2]`, weights `ab` `[B, P]`.

    Example:

    >>> from selfsup.data import PipelineConfig
    >>> config = PipelineConfig(crop_size=64, min_side=64, batch_size=4, points=16)
    >>> inputs, targets, weights = next(iter(pipeline(config)))
    >>> inputs["gray"].shape, inputs["points"].shape
    (TensorShape([4, 64, 64, 1]), TensorShape([4, 16, 2]))
    >>> targets["hue"].shape, weights["hue"].shape
    (TensorShape([4, 16, 32]), TensorShape([4, 16]))
    """

    def sample(index, encoded, seed):
        sampled = partial_decode.sample_image(encoded, seed, config)
        return {**sampled, "index": index, "ok": tf.constant(True)}

    dataset = batching.batches(
        images_of(config) if images is None else images,
        sample,
        lambda samples: finish_batch(samples, config),
        batch_size=config.batch_size,
        seed=config.seed,
        salt=_SALT,
        start_step=start_step,
        shuffle=config.augment,
        blank=lambda index: _blank_sample(index, config),
        shard=shard,
    )
    return dataset if status else dataset.map(lambda *batch: batch[:3])


def _blank_sample(index, config):
    crop, points, window = config.crop_size, config.points, config.window
    return {
        "gray": tf.zeros([crop, crop]),
        "patches": tf.zeros([points, window, window, 3]),
        "points": tf.fill([points, 2], crop // 2),
        "index": index,
        "ok": tf.constant(False),
    }


def finish_batch(batch, config):
    """Turns batched samples into inputs, targets, weights and status.

    Args:
        batch: Dict of the tensors of `sample_image`, batched, with `index` and
            `ok` `[B]`.
        config: A `PipelineConfig`.

    Returns:
        `(inputs, targets, sample_weights, status)`; see `pipeline`.
    """
    ok, points = batch["ok"], batch["points"]
    shape = [ok.shape[0], config.points, config.window**2, 3]
    patches = tf.reshape(batch["patches"], shape) / 255.0
    center = patches[:, :, config.window**2 // 2]
    crop, half = config.crop_size, config.window // 2
    if targets_lib.clamp_margin(config.point_margin, crop) >= half:
        valid = None
    else:
        valid = targets_lib.window_validity(points, crop, crop, config.window)
    hue, chroma = color.rgb_to_hue_chroma(patches)
    usable = tf.cast(ok, tf.float32)[:, None]
    if config.targets == "lab":
        targets = {heads.AB: targets_lib.lab_target(center)}
        weights = {heads.AB: usable * tf.ones([1, config.points])}
    else:
        targets = {
            heads.HUE: targets_lib.value_histograms(hue, valid, config.bins),
            heads.CHROMA: targets_lib.value_histograms(chroma, valid, config.bins),
        }
        weights = {
            heads.HUE: usable * targets_lib.hue_weight(center),
            heads.CHROMA: usable * targets_lib.chroma_weight(center),
        }
    inputs = {"gray": batch["gray"][..., None], "points": tf.cast(points, tf.float32)}
    most = tf.reduce_max(chroma, axis=[1, 2])
    status = tf.where(most <= _ACHROMATIC_CHROMA, ACHROMATIC, OK)
    status = tf.where(ok, status, UNDECODABLE)
    status = tf.where(batch["index"] == PADDING, OK, status)
    about = {"index": batch["index"], "status": tf.cast(status, tf.int8)}
    return inputs, targets, weights, about


def decoded(batches, images):
    """Yields the batches of an evaluation, which skips no image.

    Args:
        batches: Batches of `pipeline(config, status=True)`.
        images: The collection that they come from.

    Yields:
        The batches.

    Raises:
        ValueError: If images of a batch can't be decoded; they are named.
    """
    for batch in batches:
        status = batch[3]
        bad = tf.boolean_mask(status["index"], status["status"] == UNDECODABLE)
        if len(bad):
            names = ", ".join(repr(images.name(int(index))) for index in bad)
            raise ValueError(
                "Images can't be decoded, and a measurement skips none. "
                f"Expected readable images. Received: {names}"
            )
        yield batch
