"""Color spaces of the method: gray, hue and chroma, Lab, and the way back.

All functions are pure TensorFlow, take float32 in `[0, 1]` (RGB is sRGB as
stored in files) and work on any leading shape.
"""

import math

import tensorflow as tf

# Mean gray of the input convention; `gray - GRAY_MEAN` is what networks see.
GRAY_MEAN = 0.4488

# sRGB with the D65 white point (IEC 61966-2-1); the constants of the original
# code, which are also scikit-image's.
_XYZ_FROM_RGB = (
    (0.412453, 0.357580, 0.180423),
    (0.212671, 0.715160, 0.072169),
    (0.019334, 0.119193, 0.950227),
)
_RGB_FROM_XYZ = (
    (3.24048134, -1.53715152, -0.49853633),
    (-0.96925495, 1.87599000, 0.04155593),
    (0.05564664, -0.20404134, 1.05731107),
)
_WHITE = (0.95047, 1.0, 1.08883)
_LAB_EPSILON = 0.008856
_LAB_SLOPE = 7.787

# Ways to take one hue, and one chroma, from a histogram.
HUE_MODES = ("expectation_faded", "expectation", "mode")
CHROMA_MODES = ("median", "expectation", "mode")

# Below this length of the mean hue vector color fades out. The original takes
# 0.03 of the vector averaged over 32 bins, which is 0.96 of the summed one.
_FULL_CHROMA_CONCENTRATION = 0.96


def rgb_to_gray(rgb):
    """Returns the plain mean of R, G and B, the input of every network.

    Not luma and not Lab's L: the original code averages the three channels.

    Args:
        rgb: `[..., 3]`, float32 in `[0, 1]`.

    Returns:
        `[..., 1]`, float32 in `[0, 1]`, no mean subtracted.

    Example:

    >>> rgb_to_gray([[0.9, 0.3, 0.3]]).numpy().round(2).tolist()
    [[0.5]]
    """
    return tf.reduce_mean(tf.convert_to_tensor(rgb, tf.float32), -1, keepdims=True)


def rgb_to_hue_chroma(rgb):
    """Returns the hexcone hue and the chroma `max - min` of each pixel.

    Hue is HSV's; ties of the maximum go to R, then to G. Achromatic pixels
    have hue 0.

    Args:
        rgb: `[..., 3]`, float32 in `[0, 1]`.

    Returns:
        A pair `(hue, chroma)`, each `[...]`, float32; hue in `[0, 1)`, chroma
        in `[0, 1]`.

    Example:

    >>> hue, chroma = rgb_to_hue_chroma([[0.0, 1.0, 1.0]])
    >>> hue.numpy().tolist(), chroma.numpy().tolist()
    ([0.5], [1.0])
    """
    r, g, b = tf.unstack(tf.convert_to_tensor(rgb, tf.float32), num=3, axis=-1)
    value = tf.maximum(tf.maximum(r, g), b)
    chroma = value - tf.minimum(tf.minimum(r, g), b)
    sector = tf.where(
        r >= value,
        tf.math.divide_no_nan(g - b, chroma),
        tf.where(
            g >= value,
            2.0 + tf.math.divide_no_nan(b - r, chroma),
            4.0 + tf.math.divide_no_nan(r - g, chroma),
        ),
    )
    hue = sector / 6.0
    hue = tf.where(hue < 0.0, hue + 1.0, hue)
    # A tiny negative hue rounds up to 1, which is the same color as 0.
    hue = tf.where((chroma > 0.0) & (hue < 1.0), hue, 0.0)
    return hue, chroma


def rgb_to_lab(rgb):
    """Converts sRGB to CIE Lab (D65).

    Args:
        rgb: `[..., 3]`, float32 in `[0, 1]`.

    Returns:
        `[..., 3]`, float32: L in `[0, 100]`, a in about `[-87, 99]`, b in
        about `[-108, 95]`.
    """
    rgb = tf.convert_to_tensor(rgb, tf.float32)
    linear = tf.where(
        rgb > 0.04045, ((tf.maximum(rgb, 0.04045) + 0.055) / 1.055) ** 2.4, rgb / 12.92
    )
    xyz = tf.linalg.matvec(tf.constant(_XYZ_FROM_RGB), linear) / _WHITE
    cube_root = tf.maximum(xyz, _LAB_EPSILON) ** (1.0 / 3.0)
    f = tf.where(xyz > _LAB_EPSILON, cube_root, _LAB_SLOPE * xyz + 16.0 / 116.0)
    fx, fy, fz = tf.unstack(f, num=3, axis=-1)
    return tf.stack([116.0 * fy - 16.0, 500.0 * (fx - fy), 200.0 * (fy - fz)], axis=-1)


def lab_to_rgb(lab):
    """Converts CIE Lab (D65) to sRGB, clipped to the gamut.

    Args:
        lab: `[..., 3]`, float32, as `rgb_to_lab` returns it.

    Returns:
        `[..., 3]`, float32 in `[0, 1]`.
    """
    lightness, a, b = tf.unstack(tf.convert_to_tensor(lab, tf.float32), 3, axis=-1)
    fy = (lightness + 16.0) / 116.0
    f = tf.stack([fy + a / 500.0, fy, fy - b / 200.0], axis=-1)
    threshold = _LAB_EPSILON ** (1.0 / 3.0)
    xyz = tf.where(f > threshold, f**3, (f - 16.0 / 116.0) / _LAB_SLOPE)
    xyz = tf.maximum(xyz, 0.0) * _WHITE
    linear = tf.linalg.matvec(tf.constant(_RGB_FROM_XYZ), xyz)
    power = 1.055 * tf.maximum(linear, 0.0031308) ** (1.0 / 2.4) - 0.055
    return tf.clip_by_value(
        tf.where(linear > 0.0031308, power, 12.92 * linear), 0.0, 1.0
    )


def with_gray(rgb, gray):
    """Moves colors to a given gray, shrinking chroma only where it must.

    The differences between the channels are kept, or shrunk by the largest
    common factor for which the color stays inside `[0, 1]`.

    Args:
        rgb: `[..., 3]`, float32; may lie outside `[0, 1]`.
        gray: `[..., 1]`, float32 in `[0, 1]`.

    Returns:
        `[..., 3]`, float32 in `[0, 1]`, whose mean over the channels is `gray`.
    """
    rgb = tf.convert_to_tensor(rgb, tf.float32)
    gray = tf.convert_to_tensor(gray, tf.float32)
    difference = rgb - rgb_to_gray(rgb)
    up = tf.reduce_max(difference, -1, keepdims=True)
    down = -tf.reduce_min(difference, -1, keepdims=True)
    # The tiny term only keeps achromatic pixels from 0 / 0.
    scale = tf.minimum((1.0 - gray) / (up + 1e-12), gray / (down + 1e-12))
    return tf.clip_by_value(gray + tf.minimum(scale, 1.0) * difference, 0.0, 1.0)


def gray_hue_chroma_to_rgb(gray, hue, chroma):
    """Builds the color of given gray, hue and chroma; inverse of the above.

    Args:
        gray: `[..., 1]`, float32 in `[0, 1]`.
        hue: `[...]`, float32, one turn is 1.
        chroma: `[...]`, float32 in `[0, 1]`; shrinks where the gamut ends.

    Returns:
        `[..., 3]`, float32 in `[0, 1]`, whose mean is `gray`.
    """
    hue = tf.convert_to_tensor(hue, tf.float32)[..., None]
    turn = tf.math.floormod(hue * 6.0 + tf.constant([0.0, 4.0, 2.0]), 6.0)
    pure = tf.clip_by_value(tf.abs(turn - 3.0) - 1.0, 0.0, 1.0)
    return with_gray(tf.convert_to_tensor(chroma)[..., None] * pure, gray)


def gray_ab_to_rgb(gray, ab):
    """Builds the color of given gray and Lab's a and b.

    L is taken from the neutral color of that gray; then the mean of R, G and
    B is brought to `gray`, so the brightness of the input is kept.

    Args:
        gray: `[..., 1]`, float32 in `[0, 1]`.
        ab: `[..., 2]`, float32.

    Returns:
        `[..., 3]`, float32 in `[0, 1]`, whose mean is `gray`.
    """
    gray = tf.convert_to_tensor(gray, tf.float32)
    lightness = rgb_to_lab(tf.repeat(gray, 3, axis=-1))[..., :1]
    return with_gray(lab_to_rgb(tf.concat([lightness, ab], -1)), gray)


def histograms_to_rgb(
    gray, hue, chroma, hue_mode="expectation_faded", chroma_mode="median"
):
    """Decodes predicted histograms into colors that keep the gray.

    Hue `expectation` is the angle of the mean of the bins' unit vectors; with
    `expectation_faded` chroma also fades where that mean is short, that is
    where the hue is undecided. Chroma `median` is the bin in which the
    cumulative mass reaches one half (paper section 3; ECCV paper section 3.3).

    Args:
        gray: `[..., 1]`, float32 in `[0, 1]`.
        hue: `[..., K]`, float32, probabilities.
        chroma: `[..., K]`, float32, probabilities.
        hue_mode: `"expectation_faded"`, `"expectation"` or `"mode"`.
        chroma_mode: `"median"`, `"expectation"` or `"mode"`.

    Returns:
        `[..., 3]`, float32 in `[0, 1]`, whose mean over channels is `gray`.

    Raises:
        ValueError: If a mode is unknown.
    """
    hue_value, fade = decode_hue(hue, hue_mode)
    return gray_hue_chroma_to_rgb(
        gray, hue_value, fade * decode_chroma(chroma, chroma_mode)
    )


def decode_hue(hue, mode="expectation_faded"):
    """Reduces hue histograms to one hue and the factor its chroma fades by.

    Args:
        hue: `[..., K]`, float32, probabilities.
        mode: `"expectation_faded"`, `"expectation"` or `"mode"`.

    Returns:
        A pair `(hue, fade)`, each `[...]`, float32 in `[0, 1]`.

    Raises:
        ValueError: If `mode` is unknown.
    """
    _check_mode("hue_mode", mode, HUE_MODES)
    hue = tf.convert_to_tensor(hue, tf.float32)
    centers = _bin_centers(hue)
    if mode == "mode":
        value = tf.gather(centers, tf.argmax(hue, axis=-1))
        return value, tf.ones_like(value)
    angles = 2.0 * math.pi * centers
    x = tf.reduce_sum(hue * tf.cos(angles), axis=-1)
    y = tf.reduce_sum(hue * tf.sin(angles), axis=-1)
    value = tf.math.floormod(tf.atan2(y, x) / (2.0 * math.pi), 1.0)
    if mode == "expectation":
        return value, tf.ones_like(value)
    concentration = tf.sqrt(x * x + y * y)
    return value, tf.minimum(concentration / _FULL_CHROMA_CONCENTRATION, 1.0)


def decode_chroma(chroma, mode="median"):
    """Reduces chroma histograms to one chroma.

    Args:
        chroma: `[..., K]`, float32, probabilities.
        mode: `"median"`, `"expectation"` or `"mode"`.

    Returns:
        `[...]`, float32 in `[0, 1]`.

    Raises:
        ValueError: If `mode` is unknown.
    """
    _check_mode("chroma_mode", mode, CHROMA_MODES)
    chroma = tf.convert_to_tensor(chroma, tf.float32)
    centers = _bin_centers(chroma)
    if mode == "expectation":
        return tf.reduce_sum(chroma * centers, axis=-1)
    if mode == "mode":
        return tf.gather(centers, tf.argmax(chroma, axis=-1))
    below = tf.cumsum(chroma, axis=-1)[..., :-1] < 0.5
    return tf.gather(centers, tf.reduce_sum(tf.cast(below, tf.int32), axis=-1))


def _bin_centers(histogram):
    bins = histogram.shape[-1]
    return (tf.range(bins, dtype=tf.float32) + 0.5) / bins


def _check_mode(name, mode, modes):
    if mode not in modes:
        raise ValueError(
            f"Argument `{name}` names no decoding mode. Expected one of "
            f"{', '.join(modes)}. Received: {name}={mode!r}"
        )
