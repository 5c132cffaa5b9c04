"""ResNet-50 and ResNet-152, version 1, stride in the first 1x1 convolution."""

import string

import keras

from selfsup import layers
from selfsup.networks import units


def _letters(prefix, count):
    return [prefix + letter for letter in string.ascii_lowercase[:count]]


def _numbers(prefix, count):
    return [f"{prefix}a", *(f"{prefix}b{i}" for i in range(1, count))]


# Names of the blocks of each stage, as in the original Caffe models.
_RESNET50 = _letters("2", 3), _letters("3", 4), _letters("4", 6), _letters("5", 3)
_RESNET152 = _letters("2", 3), _numbers("3", 8), _numbers("4", 36), _letters("5", 3)

# The layers of the hypercolumn. ResNet-152: 11,584 channels, from footnote 2 of
# the paper; ResNet-50 by analogy: 11,072.
RESNET50_TAPS = (
    "conv1_relu",
    *(f"res{block}_relu" for stage in _RESNET50[:3] for block in stage),
    "res5c_relu",
)
RESNET152_TAPS = (
    "conv1_relu",
    *(f"res2{block}_relu" for block in "abc"),
    *(f"res3b{block}_relu" for block in (1, 4, 7)),
    *(f"res4b{block}_relu" for block in (5, 10, 15, 20, 25, 30, 35)),
    "res5c_relu",
)


def _filters(stages):
    """Returns the filters of each convolution at width 1."""
    filters = {"conv1": 64}
    for index, blocks in enumerate(stages):
        narrow = 64 * 2**index
        filters[f"res{blocks[0]}_branch1"] = 4 * narrow
        for block in blocks:
            for branch, count in (("2a", narrow), ("2b", narrow), ("2c", 4 * narrow)):
                filters[f"res{block}_branch{branch}"] = count
    return filters


RESNET50_FILTERS = _filters(_RESNET50)
RESNET152_FILTERS = _filters(_RESNET152)


def resnet50(
    input_channels=1,
    width=1.0,
    padding="zeros",
    normalization="plain",
    fov_blocks=0,
    *,
    pool1="caffe",
    bn_momentum=0.999,
    kernel_initializer="lecun_uniform",
    rescaling=None,
):
    """Builds ResNet-50. Arguments and result are those of `resnet152`."""
    unit = units.Units(width, padding, normalization, bn_momentum, kernel_initializer)
    return _resnet(
        "resnet50", _RESNET50, input_channels, unit, fov_blocks, pool1, rescaling
    )


def resnet152(
    input_channels=1,
    width=1.0,
    padding="zeros",
    normalization="plain",
    fov_blocks=0,
    *,
    pool1="caffe",
    bn_momentum=0.999,
    kernel_initializer="lecun_uniform",
    rescaling=None,
):
    """Builds ResNet-152.

    Args:
        input_channels: 1 for gray, 3 for RGB.
        width: Factor on every number of channels.
        padding: `"zeros"`, or `"bias"` for bias padding.
        normalization: `"plain"`, `"affine"` or `"none"`.
        fov_blocks: Number of field-of-view blocks at the end, 0 to 2.
        pool1: `"caffe"` pools without padding and keeps partial windows at
            the end; `"symmetric"` pads one pixel on each side, as
            `keras.applications` does.
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
    return _resnet(
        "resnet152", _RESNET152, input_channels, unit, fov_blocks, pool1, rescaling
    )


def _resnet(name, stages, input_channels, unit, fov_blocks, pool1, rescaling=None):
    units.check_choice("pool1", pool1, ("caffe", "symmetric"))
    inputs, x = units.image_input(input_channels, rescaling)
    x, border = unit.conv(
        x,
        None,
        unit.channels(64),
        7,
        "conv1",
        strides=2,
        padding=3,
        suffixes=("bn_conv1", "bias_conv1", "conv1_relu"),
    )
    if pool1 == "caffe":
        x = layers.CeilMaxPooling2D(3, 2, name="pool1")(x)
    else:
        # Zeros are as good as minus infinity here: x is not negative.
        x = keras.layers.ZeroPadding2D(1, name="pool1_pad")(x)
        x = keras.layers.MaxPooling2D(3, 2, name="pool1")(x)
    for index, blocks in enumerate(stages):
        for block in blocks:
            first = block == blocks[0]
            x, border = _bottleneck(
                unit,
                x,
                border,
                block,
                filters=64 * 2**index,
                strides=2 if first and index > 0 else 1,
                project=first,
            )
    x, border = unit.field_of_view(x, border, fov_blocks)
    return keras.Model(inputs, x, name=name)


def _bottleneck(unit, x, border, block, filters, strides, project):
    def conv(x, border, branch, filters, kernel_size, **kwargs):
        name = f"{block}_branch{branch}"
        return unit.conv(
            x,
            border,
            unit.channels(filters),
            kernel_size,
            f"res{name}",
            suffixes=(f"bn{name}", f"bias{name}", f"res{name}_relu"),
            **kwargs,
        )

    shortcut, shortcut_border = x, border
    if project:
        shortcut, shortcut_border = conv(
            x, border, "1", 4 * filters, 1, strides=strides, relu=False
        )
    x, border = conv(x, border, "2a", filters, 1, strides=strides)
    x, border = conv(x, border, "2b", filters, 3, padding=1)
    x, border = conv(x, border, "2c", 4 * filters, 1, relu=False)
    x = keras.layers.Add(name=f"res{block}")([shortcut, x])
    x = keras.layers.ReLU(name=f"res{block}_relu")(x)
    return x, units.rectified_sum(shortcut_border, border)
