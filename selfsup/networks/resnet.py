"""ResNet-50 and ResNet-152, version 1, stride in the first 1x1 convolution."""

import functools
import string

import keras

from selfsup import layers
from selfsup.networks import units
from selfsup.networks.architecture import Architecture


def _letters(prefix, count):
    return [prefix + letter for letter in string.ascii_lowercase[:count]]


def _numbers(prefix, count):
    return [f"{prefix}a", *(f"{prefix}b{i}" for i in range(1, count))]


# Names of the blocks of each stage, as in the original Caffe models.
_STAGES50 = _letters("2", 3), _letters("3", 4), _letters("4", 6), _letters("5", 3)
_STAGES152 = _letters("2", 3), _numbers("3", 8), _numbers("4", 36), _letters("5", 3)

# The layers of the hypercolumn. ResNet-152: 11,584 channels, from footnote 2 of
# the paper; ResNet-50 by analogy: 11,072.
_TAPS50 = (
    "conv1_relu",
    *(f"res{block}_relu" for stage in _STAGES50[:3] for block in stage),
    "res5c_relu",
)
_TAPS152 = (
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


def resnet(
    name,
    stages,
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
    """Builds a residual network of bottleneck blocks.

    Args:
        name: Name of the model.
        stages: Names of the blocks of each of the four stages.
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
            how the input is rescaled for imported weights, see
            `units.image_input`.

    Returns:
        A `keras.Model` from `[B, H, W, input_channels]`, float32 in [0, 1] minus
        0.4488, to the last feature map, stride 32.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    >>> blocks = ["2a"], ["3a"], ["4a", "4b"], ["5a"]
    >>> resnet("resnet18", blocks, width=0.05).output.shape
    (None, None, None, 102)
    """
    unit = units.Units(width, padding, normalization, bn_momentum, kernel_initializer)
    units.check_choice("pool1", pool1, ("caffe", "symmetric"))
    inputs, x = units.image_input(input_channels, rescaling)
    x, border = unit.conv(
        x,
        None,
        64,
        7,
        "conv1",
        strides=2,
        padding=3,
        names=units.residual_names("conv1"),
    )
    if pool1 == "caffe":
        x = layers.CeilMaxPooling2D(3, 2, name="pool1")(x)
    else:
        # Zeros are as good as minus infinity here: x is not negative.
        x = keras.layers.ZeroPadding2D(
            1, data_format="channels_last", name="pool1_pad"
        )(x)
        x = keras.layers.MaxPooling2D(3, 2, data_format="channels_last", name="pool1")(
            x
        )
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
        name = f"res{block}_branch{branch}"
        names = units.residual_names(name)
        return unit.conv(x, border, filters, kernel_size, name, names=names, **kwargs)

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


def architecture(name, stages, taps):
    """Returns what must be known of a ResNet.

    Args:
        name: Name of the network.
        stages: Names of the blocks of each of the four stages.
        taps: Layers of the hypercolumn, finest first.

    Returns:
        An `Architecture`.
    """
    builder = functools.partial(resnet, name, stages)
    builder.__doc__ = f"Builds {name}. See `resnet` for the arguments and the result."
    return Architecture(
        name,
        builder,
        options=("pool1",),
        filters=_filters(stages),
        taps=taps,
        input_is_tap=False,
        residual=True,
    )


RESNET50 = architecture("resnet50", _STAGES50, _TAPS50)
RESNET152 = architecture("resnet152", _STAGES152, _TAPS152)

resnet50, resnet152 = RESNET50.builder, RESNET152.builder
