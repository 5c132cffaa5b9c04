"""VGG-16, fully convolutional."""

import keras

from selfsup import layers
from selfsup.networks import units

_STAGES = (64, 64), (128, 128), (256, 256, 256), (512, 512, 512), (512, 512, 512)

# The layers of the hypercolumn, after the input: 12,416 channels at width 1.
TAPS = (
    *(f"relu{i}_{j}" for i, s in enumerate(_STAGES, 1) for j in range(1, len(s) + 1)),
    "drop6",
    "drop7",
)

# Filters of each convolution at width 1.
FILTERS = {
    **{f"conv{i}_{j}": n for i, s in enumerate(_STAGES, 1) for j, n in enumerate(s, 1)},
    "fc6": 4096,
    "fc7": 4096,
}


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
            what imported weights want of the input, see `units.image_input`.

    Returns:
        A `keras.Model` from `[B, H, W, input_channels]` (in [0, 1] minus
        0.4488) to the last feature map, stride 32.

    Raises:
        ValueError: If an argument is out of its range.
    """
    unit = units.Units(width, padding, normalization, bn_momentum, kernel_initializer)
    units.check_choice("fc6_padding", fc6_padding, ("same", "valid"))
    inputs, x = units.image_input(input_channels, rescaling)
    border = None
    for i, stage in enumerate(_STAGES, 1):
        for j, filters in enumerate(stage, 1):
            name = f"conv{i}_{j}"
            x, border = unit.conv(
                x,
                border,
                unit.channels(filters),
                3,
                name,
                padding=1,
                suffixes=units.sequential_names(name),
            )
        x = layers.CeilMaxPooling2D(2, 2, name=f"pool{i}")(x)
    for name, kernel_size, pad in (
        ("fc6", 7, 3 if fc6_padding == "same" else 0),
        ("fc7", 1, 0),
    ):
        x, border = unit.conv(
            x,
            border,
            unit.channels(FILTERS[name]),
            kernel_size,
            name,
            padding=pad,
            suffixes=units.sequential_names(name),
        )
        x = keras.layers.Dropout(dropout, name=name.replace("fc", "drop"))(x)
    x, border = unit.field_of_view(x, border, fov_blocks)
    return keras.Model(inputs, x, name="vgg16")
