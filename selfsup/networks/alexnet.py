"""AlexNet as in Caffe's reference model, fully convolutional."""

import keras

from selfsup import layers
from selfsup.networks import units
from selfsup.networks.architecture import Architecture

# name, filters, kernel size, stride, pad, groups, followed by LRN and a pool
_CONVOLUTIONS = (
    ("conv1", 96, 11, 4, 0, 1, True),  # 227 -> 55 -> 27
    ("conv2", 256, 5, 1, 2, 2, True),  # 27 -> 13
    ("conv3", 384, 3, 1, 1, 1, False),
    ("conv4", 384, 3, 1, 1, 2, False),
    ("conv5", 256, 3, 1, 1, 2, False),
)

# Filters of each convolution at width 1.
_FILTERS = {**{name: n for name, n, *_ in _CONVOLUTIONS}, **units.FC_FILTERS}

# The layers of the hypercolumn, after the input: 9,568 channels at width 1.
_TAPS = ("relu1", "relu2", "relu3", "relu4", "relu5", "drop6", "drop7")


def alexnet(
    input_channels=1,
    width=1.0,
    padding="zeros",
    normalization="plain",
    fov_blocks=0,
    *,
    lrn=False,
    fc6_padding="same",
    dropout=0.5,
    bn_momentum=0.999,
    kernel_initializer="lecun_uniform",
    rescaling=None,
):
    """Builds AlexNet with two groups in conv2, conv4 and conv5.

    Local response normalization sits between the ReLU and the pool, as in the
    authors' released weights. Images must have at least 11 pixels on each side:
    conv1 is not padded.

    Args:
        input_channels: 1 for gray, 3 for RGB.
        width: Factor on every number of channels.
        padding: `"zeros"`, or `"bias"` for bias padding.
        normalization: `"plain"`, `"affine"` or `"none"`.
        fov_blocks: Number of field-of-view blocks at the end, 0 to 2.
        lrn: Whether conv1 and conv2 are followed by local response
            normalization.
        fc6_padding: `"same"` keeps the map's size, `"valid"` makes a
            227 x 227 image one vector.
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

    >>> alexnet(width=0.05, lrn=True).output.shape
    (None, None, None, 204)
    """
    unit = units.Units(width, padding, normalization, bn_momentum, kernel_initializer)
    units.check_choice("fc6_padding", fc6_padding, ("same", "valid"))
    inputs, x = units.image_input(input_channels, rescaling)
    border = None
    for name, filters, kernel_size, strides, pad, groups, pooled in _CONVOLUTIONS:
        x, border = unit.conv(
            x,
            border,
            filters,
            kernel_size,
            name,
            strides=strides,
            padding=pad,
            groups=groups,
        )
        if pooled and lrn:
            norm = name.replace("conv", "norm")
            x = layers.LocalResponseNormalization(name=norm)(x)
            if border is not None:
                border = layers.LocalResponseNormalization(name=f"{norm}_border")(
                    border
                )
        if pooled or name == "conv5":
            x = layers.CeilMaxPooling2D(3, 2, name=name.replace("conv", "pool"))(x)
    # An even kernel has no center: TensorFlow's SAME, and so the authors' code,
    # pads one pixel more after than before.
    fc6_pad = (2, 3) if fc6_padding == "same" else 0
    x, border = unit.fully_connected(x, border, 6, fc6_pad, dropout)
    x, border = unit.field_of_view(x, border, fov_blocks)
    return keras.Model(inputs, x, name="alexnet")


ALEXNET = Architecture(
    name="alexnet",
    builder=alexnet,
    options=("lrn", "fc6_padding", "dropout"),
    filters=_FILTERS,
    taps=_TAPS,
    crop_size=227,
    min_size=11,
)
