"""What the network has to predict, and where: histograms, weights, Lab.

Runs inside tf.data. A window around each sampled point is described by the
histograms of its hue and of its chroma (paper section 3); the original code's
choices are kept: hard bins, flat weights, windows clipped at the borders.

    points = points_from_noise(tf.random.uniform([128, 2]), 352, 352, margin=32)
    target = histograms(image, points)  # {"hue": [P, K], "chroma": [P, K]}
"""

import tensorflow as tf

from selfsup import color

# Lab's a and b of the sRGB gamut lie in [-108, 99]: divided by this they fill
# [-1, 1], the range that a linear output starts in.
LAB_SCALE = 110.0


def histograms(image, points, bins=32, window=7):
    """Builds the hue and chroma histograms of windows around points.

    Every pixel of the window votes with weight 1 for bin `floor(v * bins)`;
    the value 1 belongs to the last bin. Windows end at the image's borders.
    Achromatic pixels have hue 0 and so vote for hue bin 0.

    Args:
        image: `[H, W, 3]`, float32 RGB in `[0, 1]`.
        points: `[P, 2]`, integer (y, x) inside the image.
        bins: Number of bins `K`.
        window: Side of the window in pixels, odd.

    Returns:
        `{"hue", "chroma"}`, each `[P, K]`, float32, summing to 1.

    Raises:
        ValueError: If `bins` or `window` is out of range.

    Example:

    >>> red = tf.constant([1.0, 0.0, 0.0]) * tf.ones([8, 8, 1])
    >>> target = histograms(red, [[4, 4]], bins=2)
    >>> target["hue"].numpy().tolist(), target["chroma"].numpy().tolist()
    ([[1.0, 0.0]], [[0.0, 1.0]])
    """
    check_histogram_arguments(bins, window)
    patches, valid = gather_patches(image, points, window)
    return patch_histograms(patches, valid, bins)


def check_histogram_arguments(bins, window):
    """Raises `ValueError` unless bins and window describe a histogram."""
    if bins < 2:
        raise ValueError(
            "Argument `bins` is the number of histogram bins. Expected an integer "
            f"of at least 2. Received: bins={bins}"
        )
    if window < 1 or window % 2 == 0:
        raise ValueError(
            "Argument `window` is the side of a window with a center pixel. "
            f"Expected an odd positive integer. Received: window={window}"
        )


def window_validity(points, height, width, window):
    """Finds which pixels of the windows around points lie inside the image.

    Args:
        points: `[..., P, 2]`, int32 (y, x).
        height: Height of the image.
        width: Width of the image.
        window: Side of the window.

    Returns:
        `[..., P, window**2]`, bool, rows of the window one after another.
    """
    half = window // 2
    pixels = points[..., None] + tf.range(-half, half + 1)  # [..., P, 2, window]
    inside = (pixels >= 0) & (pixels < [[height], [width]])
    grid = inside[..., 0, :, None] & inside[..., 1, None, :]
    return tf.reshape(grid, tf.concat([tf.shape(grid)[:-2], [window**2]], axis=0))


def gather_patches(image, points, window=7):
    """Reads the windows around points.

    Args:
        image: `[H, W, C]`.
        points: `[P, 2]`, integer (y, x) inside the image.
        window: Side of the window in pixels, odd.

    Returns:
        A pair of `[P, window**2, C]`, the pixels with those outside the image
        replaced by the nearest inside, and `[P, window**2]`, bool, True
        inside.
    """
    image = tf.convert_to_tensor(image)
    points = tf.cast(points, tf.int32)
    size = tf.shape(image)[:2]
    valid = window_validity(points, size[0], size[1], window)
    offsets = tf.range(window, dtype=tf.int32) - window // 2
    offsets = tf.stack(tf.meshgrid(offsets, offsets, indexing="ij"), axis=-1)
    pixels = points[:, None, :] + tf.reshape(offsets, [-1, 2])
    return tf.gather_nd(image, tf.clip_by_value(pixels, 0, size - 1)), valid


def patch_histograms(patches, valid, bins=32):
    """Builds hue and chroma histograms of sets of pixels.

    Args:
        patches: `[..., N, 3]`, float32 RGB in `[0, 1]`.
        valid: `[..., N]`, bool; other pixels have no vote.
        bins: Number of bins `K`.

    Returns:
        `{"hue", "chroma"}`, each `[..., K]`, float32, summing to 1; uniform
        where no pixel is valid.
    """
    hue, chroma = color.rgb_to_hue_chroma(patches)
    return {
        "hue": value_histograms(hue, valid, bins),
        "chroma": value_histograms(chroma, valid, bins),
    }


def value_histograms(values, valid, bins=32):
    """Builds hard, flat, normalized histograms over the last axis.

    Args:
        values: `[..., N]`, float32 in `[0, 1]`.
        valid: `[..., N]`, bool; other values have no vote. None: all have one.
        bins: Number of bins `K`.

    Returns:
        `[..., K]`, float32, summing to 1; uniform where no value is valid.
    """
    index = tf.minimum(tf.cast(values * bins, tf.int32), bins - 1)
    if valid is not None:
        # The counting op ignores indices beyond the last bin.
        index = tf.where(valid, index, bins)
    shape = tf.shape(index)
    rows = tf.reshape(index, [-1, shape[-1]])
    counts = tf.raw_ops.DenseBincount(
        input=rows, size=bins, weights=tf.zeros([0, 0], tf.float32)
    )
    if valid is None:
        normalized = counts / tf.cast(shape[-1], tf.float32)
    else:
        total = tf.reduce_sum(counts, axis=-1, keepdims=True)
        normalized = tf.where(total > 0.0, counts / tf.maximum(total, 1.0), 1.0 / bins)
    result = tf.reshape(normalized, tf.concat([shape[:-1], [bins]], axis=0))
    return tf.ensure_shape(result, [*index.shape[:-1], bins])


def hue_weight(rgb):
    """Returns the weight of the hue loss: the chroma of the center pixel.

    Args:
        rgb: `[..., 3]`, float32 RGB in `[0, 1]` at the points.

    Returns:
        `[...]`, float32 in `[0, 1]`.
    """
    return tf.reduce_max(rgb, axis=-1) - tf.reduce_min(rgb, axis=-1)


def chroma_weight(rgb):
    """Returns the weight of the chroma loss: a trapezoid over lightness.

    `min(1, 3 L, 3 (1 - L))` with `L` the mean of R, G and B: near black and
    white the chroma can't be large, whatever it is.

    Args:
        rgb: `[..., 3]`, float32 RGB in `[0, 1]` at the points.

    Returns:
        `[...]`, float32 in `[0, 1]`.
    """
    lightness = tf.squeeze(color.rgb_to_gray(rgb), axis=-1)
    return tf.clip_by_value(3.0 * tf.minimum(lightness, 1.0 - lightness), 0.0, 1.0)


def lab_target(rgb):
    """Returns the targets of Lab regression: a and b divided by 110.

    The paper regresses a and b and gives no scale. Multiply a prediction by
    `LAB_SCALE` to have Lab's units again.

    Args:
        rgb: `[..., 3]`, float32 RGB in `[0, 1]` at the points.

    Returns:
        `[..., 2]`, float32 in `[-1, 1]`.
    """
    return color.rgb_to_lab(rgb)[..., 1:] / LAB_SCALE


def clamp_margin(margin, size):
    """Returns the largest margin up to `margin` that leaves a point to draw."""
    return min(margin, (size - 1) // 2)


def points_from_noise(noise, height, width, margin=0):
    """Turns uniform numbers into integer points at a distance from the border.

    Args:
        noise: `[..., 2]`, float32 in `[0, 1)`.
        height: Height of the image, an integer.
        width: Width of the image, an integer.
        margin: Points lie in `[margin, size - margin)`. A margin that would
            leave no pixel is lowered to the largest that leaves one.

    Returns:
        `[..., 2]`, int32 (y, x).
    """
    low = [clamp_margin(margin, height), clamp_margin(margin, width)]
    span = tf.constant([height - 2 * low[0], width - 2 * low[1]])
    offset = tf.cast(noise * tf.cast(span, tf.float32), tf.int32)
    # A uniform number just below 1 may round up to the end of the range.
    return tf.minimum(offset, span - 1) + low
