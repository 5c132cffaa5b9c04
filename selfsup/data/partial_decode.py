"""One image to one sample: scale, crop and mirror in one partial decode.

Scaling an image's shortest side to `s` and cutting a crop of `c` pixels out is
cutting a window of `c * short / s` pixels out of the source and scaling that
to `c`. Only the window is decoded. Windows are whole pixels, so the scale
differs from `s` by half a source pixel in the window at most.

Color is needed at the sampled points alone: the window is turned gray before
it is scaled (both are linear, so their order does not matter), and the patches
around the points are interpolated from the window's pixels directly.
"""

import tensorflow as tf

from selfsup import targets as targets_lib
from selfsup.data import decoding, orientation, scans, strips
from selfsup.data.whole_images import as_network_input

# Reductions that the JPEG decoder makes on the fly.
_RATIOS = (1, 2, 4, 8)


def sample_image(encoded, seed, config):
    """Cuts a sample out of an encoded image.

    Args:
        encoded: `[]`, string.
        seed: `[2]`, int64; decides window, mirror and points.
        config: A `PipelineConfig`.

    Returns:
        Dict of `gray` `[crop, crop]`, float32, the networks' input; `patches`
        `[P, window, window, 3]`, float32 of 0 to 255, around the points;
        `points` `[P, 2]`, int32 (y, x).
    """
    # One draw for everything: an op costs more than its numbers.
    noise = tf.random.stateless_uniform([4 + 2 * config.points], seed)
    points = targets_lib.points_from_noise(
        tf.reshape(noise[4:], [config.points, 2]),
        config.crop_size,
        config.crop_size,
        config.point_margin,
    )
    if config.augment:
        side = random_side(noise[0], config.min_side, config.max_side)
        position, mirror = noise[1:3], noise[3] < 0.5
    else:
        side = tf.constant((config.min_side + config.max_side) / 2.0)
        position, mirror = tf.constant([0.5, 0.5]), tf.constant(False)
    if not config.mirror:
        mirror = tf.constant(False)
    window = read_window(encoded, side, position, config.crop_size)
    return {
        "gray": resize_input(window, mirror, config.crop_size)[..., 0],
        "patches": resize_patches(
            window, points, mirror, config.crop_size, config.window
        ),
        "points": points,
    }


def random_side(noise, min_side, max_side):
    """Returns a whole number of `min_side` to `max_side`, as float32."""
    side = tf.floor(noise * (max_side - min_side + 1)) + min_side
    return tf.minimum(side, max_side)


def crop_window(height, width, side, position, crop_size):
    """Returns the source window that a crop of a scaled image shows.

    Args:
        height: `[]`, int32, height of the source.
        width: `[]`, int32, width of the source.
        side: `[]`, float32, length the shortest side is scaled to; at least
            `crop_size`.
        position: `[2]`, float32 in `[0, 1)`, the position of the crop (y, x); 0.5
            is the center.
        crop_size: Side of the crop.

    Returns:
        `[3]`, int32: top, left, and the side of the square window.
    """
    source = tf.stack([height, width])
    short = tf.reduce_min(source)
    size = tf.cast(tf.round(tf.cast(short, tf.float32) * (crop_size / side)), tf.int32)
    size = tf.clip_by_value(size, 1, short)
    room = source - size
    corner = tf.cast(position * tf.cast(room + 1, tf.float32), tf.int32)
    return tf.concat([tf.minimum(corner, room), size[None]], axis=0)


def reduction(height, width, side):
    """Returns the power of two up to 8 that an image can be reduced by first.

    The reduced image's shortest side is still at least `side`, so no detail of
    the crop is lost; and large photographs are averaged instead of aliased.
    """
    short = tf.cast(tf.minimum(height, width), tf.float32)
    fits = short >= side * tf.constant(_RATIOS[1:], tf.float32)
    return tf.reduce_sum(tf.cast(fits, tf.int32))


def read_window(encoded, side, position, crop_size):
    """Decodes the window of an image that a crop shows.

    Args:
        encoded: `[]`, string.
        side: `[]`, float32, length the shortest side is scaled to.
        position: `[2]`, float32 in `[0, 1)`, the position of the crop.
        crop_size: Side of the crop.

    Returns:
        `[S, S, 3]`, uint8 RGB.
    """

    fast = decoding.is_jpeg(encoded) & ~orientation.may_be_turned(encoded)
    shape = tf.cond(
        fast,
        lambda: tf.io.extract_jpeg_shape(encoded)[:2],
        lambda: tf.zeros([2], tf.int32),
    )
    choice = reduction(shape[0], shape[1], side)
    ratio = tf.bitwise.left_shift(1, choice)
    # The decoder rounds the reduced size up.
    reduced = (shape + ratio - 1) // ratio
    y, x, size = tf.unstack(
        crop_window(reduced[0], reduced[1], side, position, crop_size)
    )

    def from_jpeg(ratio):
        return tf.raw_ops.DecodeAndCropJpeg(
            contents=encoded,
            crop_window=tf.stack([y, x, size, size]),
            channels=3,
            ratio=ratio,
            dct_method=decoding.DCT_METHOD,
        )

    # Inlined, the many ops of this rare branch would cost time as dead nodes.
    @tf.function(autograph=False, experimental_attributes={"_noinline": True})
    def from_any():
        image = decoding.decode(encoded)
        shape = tf.shape(image)
        ratio = tf.bitwise.left_shift(1, reduction(shape[0], shape[1], side))
        reduced = shape[:2] // ratio
        window = crop_window(reduced[0], reduced[1], side, position, crop_size)
        y, x, size = tf.unstack(window * ratio)
        window = image[y : y + size, x : x + size]
        return tf.cond(ratio > 1, lambda: _block_means(window, ratio), lambda: window)

    # The whole decoder has an error ready for files that must not be decoded.
    pixels = tf.reduce_prod(tf.cast(shape, tf.int64))
    fast &= (pixels > 0) & (pixels <= decoding.MAX_PIXELS)
    fast = tf.cond(fast, lambda: scans.are_few(encoded), lambda: False)
    branches = [lambda ratio=ratio: from_jpeg(ratio) for ratio in _RATIOS]
    window = tf.switch_case(tf.where(fast, choice, len(_RATIOS)), [*branches, from_any])
    return tf.ensure_shape(window, [None, None, 3])


def _block_means(image, ratio):
    def means(rows):
        height, width = tf.shape(rows)[0] // ratio, tf.shape(rows)[1] // ratio
        blocks = tf.reshape(rows, tf.stack([height, ratio, width, ratio, 3]))
        averages = tf.reduce_mean(tf.cast(blocks, tf.float32), axis=[1, 3])
        return tf.cast(tf.round(averages), tf.uint8)

    return strips.mapped(means, image, ratio)


def resize_input(window, mirror, crop_size, color_input=False):
    """Scales a window to the crop's size, as the networks take it.

    Args:
        window: `[S, S, 3]`, uint8 RGB.
        mirror: `[]`, bool, whether to mirror it.
        crop_size: Side of the crop.
        color_input: Whether the network takes color.

    Returns:
        `[crop, crop, 1]` (`[crop, crop, 3]` for color), float32 in `[0, 1]` minus the
        networks' mean.
    """
    values = as_network_input(window, color_input)
    # Before it grows, and only if it must be: mirroring is slow.
    values = tf.cond(mirror, lambda: tf.reverse(values, [1]), lambda: values)
    values = tf.raw_ops.ResizeBilinear(
        images=values[None],
        size=[crop_size, crop_size],
        half_pixel_centers=True,
    )
    return tf.ensure_shape(
        values[0], [crop_size, crop_size, window.shape[-1] if color_input else 1]
    )


def resize_patches(window, points, mirror, crop_size, patch_size):
    """Interpolates patches of the scaled window from the window itself.

    Equal to scaling the window to the crop's size, mirroring it and reading
    the patches there.

    Args:
        window: `[S, S, 3]`, uint8 RGB.
        points: `[P, 2]`, int32 (y, x) in the mirrored crop.
        mirror: `[]`, bool, whether the crop is mirrored.
        crop_size: Side of the crop.
        patch_size: Side of the patches, odd.

    Returns:
        `[P, patch, patch, 3]`, float32 of 0 to 255; arbitrary outside the crop.
    """
    half = patch_size // 2
    points = tf.cast(points, tf.float32)
    ends = tf.concat([points - half, points + half], axis=-1)
    # Boxes that run from right to left are read in that order.
    flip = tf.cast(tf.stack([False, mirror, False, mirror]), tf.float32)
    ends = flip * (crop_size - 1.0) + (1.0 - 2.0 * flip) * ends
    size = tf.cast(tf.shape(window)[0], tf.float32)
    # Half-pixel centers: (y, x) of the first and of the last pixel of a patch.
    ends = (ends + 0.5) * (size / crop_size) - 0.5
    # Pixels of the crop may lie outside the outermost centers of the window,
    # where the op has nothing; so the border is repeated. This is rare enough
    # in crops with a margin, and slow enough, to be made conditional.
    outside = (tf.reduce_min(ends) < 0.0) | (tf.reduce_max(ends) > size - 1.0)
    border = tf.cast(outside, tf.float32)
    window = tf.cond(
        outside,
        lambda: tf.pad(window, [[1, 1], [1, 1], [0, 0]], mode="SYMMETRIC"),
        lambda: window,
    )
    # The op's unit is the distance of the outermost centers.
    unit = tf.maximum(size - 1.0 + 2.0 * border, 1.0)
    return tf.raw_ops.CropAndResize(
        image=window[None],
        boxes=(ends + border) / unit,
        box_ind=tf.zeros(tf.shape(points)[:1], tf.int32),
        crop_size=[patch_size, patch_size],
    )
