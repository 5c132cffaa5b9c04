"""The repeated unit of all networks: convolution, normalization, bias, ReLU."""

import dataclasses

import keras
from keras import ops

from selfsup import layers

PADDINGS = ("zeros", "bias")
NORMALIZATIONS = ("plain", "affine", "none")

# Of batch normalization, as in Caffe.
EPSILON = 1e-5

# Convolutions of the field-of-view blocks and of the layers that were fully
# connected, with their filters at width 1.
FOV_FILTERS = {"conv8_1": 1024, "conv9_1": 1024}
FC_FILTERS = {"fc6": 4096, "fc7": 4096}


@dataclasses.dataclass(frozen=True)
class Units:
    """Settings shared by all units of a network, and the units themselves.

    A unit takes and returns a pair `(x, border)`: the feature map
    `[B, H, W, C]` and the `[C]` vector that the next convolution pads with,
    or None where padding is zeros.

    Args:
        width: Factor on every number of channels.
        padding: `"zeros"`, or `"bias"` to pad with the border.
        normalization: `"plain"` (batch normalization without scale and
            offset, paper section 4), `"affine"` (with a scale; the offset is
            the unit's bias) or `"none"`.
        bn_momentum: Momentum of the running statistics.
        kernel_initializer: Initializer of every kernel. Caffe's "xavier" is
            Keras' `lecun_uniform`.

    Raises:
        ValueError: If an argument is out of its range.
    """

    width: float = 1.0
    padding: str = "zeros"
    normalization: str = "plain"
    bn_momentum: float = 0.999
    kernel_initializer: str = "lecun_uniform"

    def __post_init__(self):
        if not 0 < self.width <= 16:
            raise ValueError(
                f"Argument `width` must lie in (0, 16]. Received: width={self.width}"
            )
        if not 0 <= self.bn_momentum < 1:
            raise ValueError(
                "Argument `bn_momentum` must lie in [0, 1). "
                f"Received: bn_momentum={self.bn_momentum}"
            )
        check_choice("padding", self.padding, PADDINGS)
        check_choice("normalization", self.normalization, NORMALIZATIONS)

    def channels(self, filters):
        """Returns `filters` scaled by the width, even so that two groups fit."""
        return 2 * max(1, round(filters * self.width / 2))

    def conv(
        self,
        x,
        border,
        filters,
        kernel_size,
        name,
        *,
        strides=1,
        padding=0,
        groups=1,
        names=None,
        relu=True,
    ):
        """Adds one unit.

        Args:
            x: `[B, H, W, C]`.
            border: `[C]` or None.
            filters: Number of output channels at width 1.
            kernel_size: Height and width of the kernel.
            name: Name of the convolution, as in Caffe.
            strides: Stride in pixels.
            padding: Pixels on each side, or a pair (before, after).
            groups: Number of groups.
            names: Names of the normalization, bias and ReLU layers. Defaults to
                `sequential_names(name)`.
            relu: Whether the unit ends in a ReLU. Without, its border is the
                bare bias: residual branches are summed before their ReLU.

        Returns:
            A pair `(x, border)`.
        """
        batch_name, bias_name, relu_name = names or sequential_names(name)
        x = self._convolve(
            x, border, filters, kernel_size, name, strides, padding, groups
        )
        if self.normalization != "none":
            x = keras.layers.BatchNormalization(
                center=False,
                scale=self.normalization == "affine",
                epsilon=EPSILON,
                momentum=self.bn_momentum,
                name=batch_name,
            )(x)
        x, border = layers.Bias(rectify_border=relu, name=bias_name)(x)
        if relu:
            x = keras.layers.ReLU(name=relu_name)(x)
        return x, (border if self.padding == "bias" else None)

    def _convolve(
        self, x, border, filters, kernel_size, name, strides, padding, groups
    ):
        filters = self.channels(filters)
        before, after = (padding, padding) if isinstance(padding, int) else padding
        padded = before + after > 0
        # Grouped convolutions are ours with zero padding too: Keras' own
        # compile themselves with XLA on a CPU, which model servers refuse.
        if groups > 1 or (padded and border is not None):
            conv = layers.BiasPaddedConv2D(
                filters,
                kernel_size,
                strides=strides,
                padding=((before, after), (before, after)),
                groups=groups,
                kernel_initializer=self.kernel_initializer,
                name=name,
            )
            return conv(x) if border is None else conv(x, border)
        same = (
            strides == 1
            and before == (kernel_size - 1) // 2
            and (before + after == kernel_size - 1)
        )
        if padded and not same:
            x = keras.layers.ZeroPadding2D(
                ((before, after), (before, after)),
                data_format="channels_last",
                name=f"{name}_pad",
            )(x)
        return keras.layers.Conv2D(
            filters,
            kernel_size,
            strides=strides,
            # With stride 1 "same" is a fixed pad, whatever the size.
            padding="same" if same else "valid",
            data_format="channels_last",
            use_bias=False,
            kernel_initializer=self.kernel_initializer,
            name=name,
        )(x)

    def fully_connected(self, x, border, kernel_size, padding, dropout):
        """Adds fc6 and fc7 as convolutions, each followed by dropout.

        Args:
            x: `[B, H, W, C]`.
            border: `[C]` or None.
            kernel_size: Height and width of fc6's kernel.
            padding: Pixels on each side of fc6's input, or a pair.
            dropout: Rate.

        Returns:
            A pair `(x, border)`.
        """
        for name, size, pad in (("fc6", kernel_size, padding), ("fc7", 1, 0)):
            x, border = self.conv(x, border, FC_FILTERS[name], size, name, padding=pad)
            x = keras.layers.Dropout(dropout, name=name.replace("fc", "drop"))(x)
        return x, border

    def field_of_view(self, x, border, blocks):
        """Adds blocks of 2x2 max pooling and a 3x3 convolution to 1,024.

        Each block widens the receptive field, by 5 pixels of its input
        (paper section 5, "FoV").

        Args:
            x: `[B, H, W, C]`.
            border: `[C]` or None.
            blocks: Number of blocks, 0 to 2.

        Returns:
            A pair `(x, border)`.

        Raises:
            ValueError: If `blocks` is not 0, 1 or 2.
        """
        if blocks not in (0, 1, 2):
            raise ValueError(
                "Argument `fov_blocks` must be 0, 1 or 2. "
                f"Received: fov_blocks={blocks}"
            )
        for name, filters in list(FOV_FILTERS.items())[:blocks]:
            pool = name.replace("conv", "pool").removesuffix("_1")
            x = layers.CeilMaxPooling2D(2, 2, name=pool)(x)
            x, border = self.conv(x, border, filters, 3, name, padding=1)
        return x, border


def sequential_names(name):
    """Returns Caffe's names of the layers after `conv1_1`, `fc6` and the like.

    Args:
        name: Name of the convolution.

    Returns:
        Names of the normalization, bias and ReLU layers.

    Example:

    >>> sequential_names("conv1_1")
    ('batch_conv1_1', 'bias1_1', 'relu1_1')
    """
    suffix = name.removeprefix("conv").removeprefix("fc")
    return f"batch_{name}", f"bias{suffix}", f"relu{suffix}"


def residual_names(name):
    """Returns Caffe's names of the layers after a convolution of a ResNet.

    Args:
        name: Name of the convolution.

    Returns:
        Names of the normalization, bias and ReLU layers.

    Example:

    >>> residual_names("res2a_branch2b")
    ('bn2a_branch2b', 'bias2a_branch2b', 'res2a_branch2b_relu')
    >>> residual_names("conv1")
    ('bn_conv1', 'bias_conv1', 'conv1_relu')
    """
    suffix = name.removeprefix("res") if name.startswith("res") else f"_{name}"
    return f"bn{suffix}", f"bias{suffix}", f"{name}_relu"


def rectified_sum(*borders):
    """Returns the border after a residual sum, or None without borders.

    Args:
        *borders: `[C]` vectors, or None where padding is zeros.

    Returns:
        `[C]`: what the ReLU of the summed branches holds outside the image.
    """
    if any(border is None for border in borders):
        return None
    return ops.relu(ops.add(*borders))


def image_input(channels, rescaling=None):
    """Returns the input of a network, `gray` or `rgb` of any size, and its values.

    All networks take values in [0, 1] minus 0.4488. Weights that were trained
    with another convention get it from a layer, `rescaling`, which is saved
    with the model, so its users need not know.

    Args:
        channels: 1 or 3.
        rescaling: Pair (scale, offset): the network sees `scale * input +
            offset`. Each is a number or a sequence with one for each channel.

    Returns:
        A pair: the symbolic input `[B, H, W, channels]`, and what the first
        convolution takes: the input itself without `rescaling`.

    Raises:
        ValueError: If `channels` is neither 1 nor 3, or `rescaling` is no such
            pair.
    """
    if channels not in (1, 3):
        raise ValueError(
            "Argument `input_channels` must be 1 (gray) or 3 (RGB). "
            f"Received: input_channels={channels}"
        )
    inputs = keras.Input(
        (None, None, channels), dtype="float32", name="gray" if channels == 1 else "rgb"
    )
    if rescaling is None:
        return inputs, inputs
    scale, offset = _checked(rescaling, channels)
    # Nested: Keras takes a flat list for another axis where its setting says
    # `channels_first`.
    scale = [[scale]] if isinstance(scale, list) else scale
    return inputs, keras.layers.Rescaling(scale, offset, name="rescaling")(inputs)


def _checked(rescaling, channels):
    try:
        # Plain numbers, as the layer's configuration is written to JSON.
        scale, offset = (_numbers(value, channels) for value in rescaling)
    except (TypeError, ValueError) as error:
        raise ValueError(
            "Argument `rescaling` must be a pair (scale, offset), each a number or "
            f"{channels} of them. Received: rescaling={rescaling!r}"
        ) from error
    return scale, offset


def _numbers(value, channels):
    if not hasattr(value, "__len__"):
        return float(value)
    numbers = [float(number) for number in value]
    if len(numbers) != channels:
        raise ValueError(f"{len(numbers)} numbers")
    return numbers


def check_choice(name, value, choices):
    """Raises a ValueError unless `value` is one of `choices`."""
    if value not in choices:
        raise ValueError(
            f"Argument `{name}` must be one of {', '.join(choices)}. "
            f"Received: {name}={value!r}"
        )
