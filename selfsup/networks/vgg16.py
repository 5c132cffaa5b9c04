"""VGG-16, fully convolutional."""

import keras

from selfsup import layers
from selfsup.networks import units
from selfsup.networks.architecture import Architecture

_STAGES = (64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512)

# Filters of each convolution at width 1.
_FILTERS = {
    **{f"conv{i}_{j}": n for i, s in enumerate(_STAGES, 1) for j, n in enumerate(s, 1)},
    **units.FC_FILTERS,
}

# The layers of the hypercolumn, after the input: 12,416 channels at width 1.
_TAPS = (
    *(f"relu{i}_{j}" for i, s in enumerate(_STAGES, 1) for j in range(1, len(s) + 1)),
    "drop6",
    "drop7",
)


def vgg16(
    input_channels=1,
    width=1.0,
    padding="zeros",
    normalization="plain",
    fov_blocks=0,
    *,
    fc6_padding="same",
    dropout=0.5,
    bn_momentum=0.999,
    kernel_initializer="lecun_uniform",
    rescaling=None,
):
    """Builds VGG-16 with its fully connected layers as convolutions.

    Args:
        input_channels: 1 for gray, 3 for RGB.
        width: Factor on every number of channels.
        padding: `"zeros"`, or `"bias"` for bias padding.
        normalization: `"plain"`, `"affine"` or `"none"`.
        fov_blocks: Number of field-of-view blocks at the end, 0 to 2.
        fc6_padding: `"same"` keeps the map's size, `"valid"` makes a
            224 x 224 image one vector.
        dropout: Rate after fc6 and fc7.
        bn_momentum: Momentum of the running statistics.
        kernel_initializer: Initializer of every kernel.
        rescaling: Pair (scale, offset), each a number or one for each channel:
            how the input is rescaled for imported weights, see
            `units.image_input`.

    Returns:
        A `keras.Model` from `[B, H, W, input_channels]`, float32 in [0, 1] minus
        0.4488, to the last feature map, stride 32.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    >>> vgg16(width=0.05, fov_blocks=1).output.shape
    (None, None, None, 52)
    """
    unit = units.Units(width, padding, normalization, bn_momentum, kernel_initializer)
    units.check_choice("fc6_padding", fc6_padding, ("same", "valid"))
    inputs, x = units.image_input(input_channels, rescaling)
    border = None
    for i, stage in enumerate(_STAGES, 1):
        for j, filters in enumerate(stage, 1):
            x, border = unit.conv(x, border, filters, 3, f"conv{i}_{j}", padding=1)
        x = layers.CeilMaxPooling2D(2, 2, name=f"pool{i}")(x)
    fc6_pad = 3 if fc6_padding == "same" else 0
    x, border = unit.fully_connected(x, border, 7, fc6_pad, dropout)
    x, border = unit.field_of_view(x, border, fov_blocks)
    return keras.Model(inputs, x, name="vgg16")


VGG16 = Architecture(
    name="vgg16",
    builder=vgg16,
    options=("fc6_padding", "dropout"),
    filters=_FILTERS,
    taps=_TAPS,
)
