"""The stream of pretraining batches: a pure function of (config, step).

    config = PipelineConfig(data=("photos",), crop_size=224, min_side=224)
    for inputs, targets, sample_weights in pipeline(config).take(10):
        ...

Sample `n` of the stream is sample `n % batch_size` of batch
`n // batch_size`. Its image is a function of (seed, n), its augmentation and
its points too; so a stream can start anywhere at once.
"""

import os

import tensorflow as tf

from selfsup import color
from selfsup import targets as targets_lib
from selfsup.data import decoding, sampling
from selfsup.data.sources import open_images

# Values of the status of a sample.
OK, UNDECODABLE, ACHROMATIC = 0, 1, 2

# Index of the samples that fill up the last held-out batch.
PADDING = -1

# No pixel of a gray image has more chroma, even after colour JPEG's rounding.
_ACHROMATIC_CHROMA = 2.0 / 255.0

# Keeps the augmentation's seeds apart from the shuffling's.
_SALT = 0x5A17 << 32

# Samples that one thread prepares at a time. Many share the cost of starting;
# few keep the memory of chunks in preparation small.
_CHUNK = 32


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


def pipeline(config, start_step=0, *, status=False, images=None):
    """Builds the stream of batches.

    With `augment` the stream is endless. Otherwise every image comes exactly
    once, and the last batch is filled up with samples of weight 0. An image
    that can't be decoded becomes a sample of gray 0 and weight 0 in its place.

    Args:
        config: A `PipelineConfig`.
        start_step: Number of batches skipped, at no cost.
        status: Whether to add a fourth element, a dict of `index` `[B]`, int64,
            the image's number in `images_of(config)` (-1: filling), and
            `status` `[B]`, int8: `OK`, `UNDECODABLE` or `ACHROMATIC`.
        images: The opened images, where a caller has them already.

    Returns:
        A `tf.data.Dataset` of `(inputs, targets, sample_weights)`: `gray`
        `[B, H, W, 1]`, 0.4488 subtracted, and `points` `[B, P, 2]`, float32
        (y, x); `hue` and `chroma` `[B, P, K]`; `hue` and `chroma` `[B, P]`. With
        `targets="lab"` targets are `ab` `[B, P, 2]`, weights `ab` `[B, P]`.
    """
    images = images_of(config) if images is None else images
    start = start_step * config.batch_size
    samples = images.stream(config.seed, start, shuffle=config.augment)
    if not config.augment:
        filling = tf.data.Dataset.from_tensors((tf.constant(PADDING, tf.int64), ""))
        samples = samples.concatenate(filling.repeat(-len(images) % config.batch_size))
    samples = samples.enumerate(start)

    def read(number, sample):
        index, content = sample
        return number, index, images.read(index, content)

    dataset = _read_batches(samples, read, config)

    if not status:
        dataset = dataset.map(lambda *batch: batch[:3])
    return dataset.prefetch(2)


def _read_batches(samples, read, config):
    """Reads batches in parallel, in place of bad samples their replacements.

    An op that fails ends its dataset's element, and tf.data offers to skip it
    only. Skipping would shift the stream; so every chunk of samples is a small
    dataset of one element, followed by a second, careful one, which is used if
    the first has been skipped. It takes each image by itself, and tries whether
    a JPEG lacks its end mark only, before it replaces it.

    Args:
        samples: Dataset of `(number, (index, content))`.
        read: Function from these to the number, the index and the image.
        config: A `PipelineConfig`.

    Returns:
        Dataset of `finish_batch`'s results.
    """
    size = max(n for n in range(1, _CHUNK + 1) if config.batch_size % n == 0)

    # A function of its own is traced once, although several datasets call it.
    @tf.function(autograph=False)
    def sample(number, index, encoded):
        seed = tf.stack([config.seed + _SALT, number])
        sampled = sampling.sample_image(encoded, seed, config)
        return {**sampled, "index": index, "ok": tf.constant(True)}

    def completed(number, index, encoded):
        return number, index, decoding.with_end_mark(encoded)

    def read_or_replace(number, content):
        one = tf.data.Dataset.from_tensors((number, content))
        images = one.map(read)
        attempts = images.map(sample).ignore_errors()
        attempts = attempts.concatenate(
            images.map(completed).map(sample).ignore_errors()
        )
        replacement = one.map(lambda number, content: _no_sample(config, content[0]))
        return attempts.concatenate(replacement).take(1)

    def read_chunk(number, content):
        chunk = tf.data.Dataset.from_tensor_slices((number, content))
        quick = chunk.map(lambda *pair: sample(*read(*pair)))
        # A chunk with a bad image has no full batch left, and ends empty.
        quick = quick.batch(size, drop_remainder=True).ignore_errors()
        careful = chunk.flat_map(read_or_replace).batch(size, drop_remainder=True)
        result = quick.concatenate(careful).take(1)
        return result.map(lambda batch: finish_batch(batch, config))

    workers = config.num_parallel or os.cpu_count()
    chunks = samples.batch(size, drop_remainder=True).interleave(
        read_chunk,
        cycle_length=workers,
        num_parallel_calls=workers,
        deterministic=config.deterministic,
    )
    if size == config.batch_size:
        return chunks  # Collecting one chunk would copy every image again.

    def merge(*chunks):
        return tf.nest.map_structure(
            lambda t: tf.reshape(t, [config.batch_size, *t.shape[2:]]), chunks
        )

    return chunks.batch(config.batch_size // size, drop_remainder=True).map(merge)


def _no_sample(config, index):
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
    centre = patches[:, :, config.window**2 // 2]
    crop, half = config.crop_size, config.window // 2
    if targets_lib.clamp_margin(config.point_margin, crop) >= half:
        valid = None
    else:
        valid = targets_lib.window_validity(points, crop, crop, config.window)
    hue, chroma = color.rgb_to_hue_chroma(patches)
    usable = tf.cast(ok, tf.float32)[:, None]
    if config.targets == "lab":
        targets = {"ab": targets_lib.lab_target(centre)}
        weights = {"ab": usable * tf.ones([1, config.points])}
    else:
        targets = {
            "hue": targets_lib.value_histograms(hue, valid, config.bins),
            "chroma": targets_lib.value_histograms(chroma, valid, config.bins),
        }
        weights = {
            "hue": usable * targets_lib.hue_weight(centre),
            "chroma": usable * targets_lib.chroma_weight(centre),
        }
    inputs = {"gray": batch["gray"][..., None], "points": tf.cast(points, tf.float32)}
    most = tf.reduce_max(chroma, axis=[1, 2])
    status = tf.where(most <= _ACHROMATIC_CHROMA, ACHROMATIC, OK)
    status = tf.where(ok, status, UNDECODABLE)
    status = tf.where(batch["index"] == PADDING, OK, status)
    return (
        inputs,
        targets,
        weights,
        {
            "index": batch["index"],
            "status": tf.cast(status, tf.int8),
        },
    )


def require_decoded(status, images):
    """Stops an evaluation at the first image that could not be decoded.

    Args:
        status: The fourth element of `pipeline(config, status=True)`.
        images: The collection the pipeline reads.

    Raises:
        ValueError: If an image of the batch is undecodable; it is named.
    """
    bad = tf.boolean_mask(status["index"], status["status"] == UNDECODABLE).numpy()
    if bad.size:
        names = ", ".join(repr(images.name(int(index))) for index in bad)
        raise ValueError(
            "Held-out images can't be decoded, and an evaluation skips none. "
            f"Expected readable images. Received: {names}"
        )
