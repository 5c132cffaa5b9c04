"""Crops of whole images for labeled tasks, as the networks see them.

An image that is smaller than the crop lies in its center, and the rest is 0,
the mean gray, which convolutions pad with too.
"""

import functools

import tensorflow as tf

from selfsup.data.whole_images import as_network_input

# Value of masks that is no class: such pixels count nowhere.
VOID = 255

# Scales of random crops; 1 is the original size.
_MIN_SCALE, _MAX_SCALE = 0.5, 2.0

# Random numbers that a crop takes: scale, position (y, x), mirror.
DRAWS = 4

# Keeps the seeds of evaluation apart from those of training.
_SALT = 0x7E57 << 32

# Four corners, then the center.
_FIXED_POSITIONS = ((0.0, 0.0), (0.0, 1.0), (1.0, 0.0), (1.0, 1.0), (0.5, 0.5))


def crop_corner(size, crop_size, position):
    """Returns the coordinates of a crop's first pixel in the image.

    Args:
        size: `[2]`, int32, height and width of the image.
        crop_size: Side of the crop.
        position: `[2]`, float32 in `[0, 1]`; all crops have equal shares.

    Returns:
        `[2]`, int32 (y, x); negative where the image is the smaller one, so
        that it lies in the crop's center.
    """
    room = tf.convert_to_tensor(size) - crop_size
    drawn = tf.cast(position * tf.cast(room + 1, tf.float32), tf.int32)
    # Numbers close to 1 may round up to the end of the range.
    return tf.where(room >= 0, tf.minimum(drawn, room), -(-room // 2))


def cut(values, crop_size, corner, fill):
    """Cuts a crop out of an image.

    Args:
        values: `[H, W, C]`.
        crop_size: Side `S` of the crop.
        corner: `[2]`, int32; see `crop_corner`.
        fill: Value outside of the image.

    Returns:
        `[S, S, C]`.
    """
    y, x = tf.unstack(tf.maximum(corner, 0))
    part = values[y : y + crop_size, x : x + crop_size]
    before = tf.maximum(-corner, 0)
    after = crop_size - before - tf.shape(part)[:2]
    paddings = tf.pad(tf.stack([before, after], axis=-1), [[0, 1], [0, 0]])
    crop = tf.pad(part, paddings, constant_values=tf.cast(fill, values.dtype))
    return tf.ensure_shape(crop, [crop_size, crop_size, values.shape[-1]])


def mirrored(crop, noise):
    """Mirrors a crop `[S, S, C]` where a number of `[0, 1)` is below one half."""
    return tf.cond(noise < 0.5, lambda: tf.reverse(crop, [1]), lambda: crop)


def paired_crop(image, mask, noise, crop_size, color=False):
    """Cuts the same random crop out of an image and out of its mask.

    At the original scale, mirrored in half of the cases, as the original code
    does; unlike there, what lies outside of the image is void.

    Args:
        image: `[H, W, 3]`, uint8 RGB.
        mask: `[H, W]`, uint8.
        noise: `[4]`, float32 in `[0, 1)`; the first is not used.
        crop_size: Side `S` of the crop.
        color: Whether the network takes RGB instead of gray.

    Returns:
        A pair of `[S, S, 1 or 3]`, float32, 0 outside of the image, and
        `[S, S]`, uint8, `VOID` there.
    """
    corner = crop_corner(tf.shape(image)[:2], crop_size, noise[1:3])
    values = cut(as_network_input(image, color), crop_size, corner, 0.0)
    labels = cut(mask[..., None], crop_size, corner, VOID)
    return mirrored(values, noise[3]), mirrored(labels, noise[3])[..., 0]


def scaled_crop(image, noise, crop_size, color=False):
    """Scales an image at random and cuts a random crop out of it.

    Equal to scaling the whole image bilinearly, with antialiasing, and cropping
    it then; but only the crop is computed. The scale is uniform in [0.5, 2] and
    the same for both sides, and half of the crops are mirrored.

    Args:
        image: `[H, W, 3]`, uint8 RGB.
        noise: `[4]`, float32 in `[0, 1)`.
        crop_size: Side `S` of the crop.
        color: Whether the network takes RGB instead of gray.

    Returns:
        `[S, S, 1 or 3]`, float32, 0 outside of the image.
    """
    values = as_network_input(image, color)
    size = tf.cast(tf.shape(values)[:2], tf.float32)
    scale = _MIN_SCALE + noise[0] * (_MAX_SCALE - _MIN_SCALE)
    scaled_size = tf.maximum(tf.round(size * scale), 1.0)
    corner = crop_corner(tf.cast(scaled_size, tf.int32), crop_size, noise[1:3])
    crop = tf.raw_ops.ScaleAndTranslate(
        images=values[None],
        size=[crop_size, crop_size],
        scale=scaled_size / size,
        translation=-tf.cast(corner, tf.float32),
        kernel_type="triangle",
        antialias=True,
    )
    crop = tf.ensure_shape(crop[0], [crop_size, crop_size, values.shape[-1]])
    return mirrored(crop, noise[3])


def random_crops(image, count, crop_size, seed, color=False):
    """Cuts random crops out of an image as classification is trained with.

    Args:
        image: `[H, W, 3]`, uint8 RGB.
        count: Number of crops `N`.
        crop_size: Side `S` of the crops.
        seed: Pair of integers: the evaluation's seed and the image's number.
        color: Whether the network takes RGB instead of gray.

    Returns:
        `[N, S, S, 1 or 3]`, float32, a pure function of image and seed.
    """
    seed, number = seed
    seed = tf.constant([seed + _SALT, number], tf.int64)
    noise = tf.random.stateless_uniform([count, DRAWS], seed)
    return _crops_function(crop_size, color)(image, noise)


@functools.cache
def _crops_function(crop_size, color):
    """Returns a compiled function from image and draws `[N, 4]` to crops."""
    signature = [
        tf.TensorSpec([None, None, 3], tf.uint8),
        tf.TensorSpec([None, DRAWS], tf.float32),
    ]

    @tf.function(input_signature=signature)
    def crops(image, noise):
        return tf.map_fn(
            lambda draws: scaled_crop(image, draws, crop_size, color),
            noise,
            fn_output_signature=tf.float32,
        )

    return crops


def fixed_crops(image, crop_size, color=False):
    """Cuts ten crops out of an image at its own scale.

    Args:
        image: `[H, W, 3]`, uint8 RGB.
        crop_size: Side `S` of the crops.
        color: Whether the network takes RGB instead of gray.

    Returns:
        `[10, S, S, 1 or 3]`, float32: upper left, upper right, lower left,
        lower right, center, and then the mirror images of these.
    """
    return ten_crops(as_network_input(image, color), crop_size)


def ten_crops(values, crop_size):
    """Cuts the crops of `fixed_crops` out of what a network takes; runs in graphs.

    Args:
        values: `[H, W, C]`, float32.
        crop_size: Side `S` of the crops.

    Returns:
        `[10, S, S, C]`, float32.
    """
    size = tf.shape(values)[:2]
    corners = [crop_corner(size, crop_size, position) for position in _FIXED_POSITIONS]
    crops = tf.stack([cut(values, crop_size, corner, 0.0) for corner in corners])
    return tf.concat([crops, tf.reverse(crops, [2])], axis=0)
