"""Convolution padded with the bias of the layer below instead of zeros."""

import keras
from keras import ops

from selfsup.layers.checks import check_positive


@keras.saving.register_keras_serializable(package="selfsup")
class BiasPaddedConv2D(keras.layers.Layer):
    """Convolves a map that is padded with a border vector instead of zeros.

    Zeros are a poor guess at what lies beyond the image: behind a normalization
    to zero mean, the expected value of a map is the ReLU of its bias (footnote 3
    of the paper). That vector comes as a second input, the *border*, from the
    `Bias` layer below, so it is trained, saved and changed along with it.
    Without a border the padding is zero.

    Pads are fixed numbers, unlike with `padding="same"`, whose left pad depends
    on the size of the image if the stride is greater than one. There is no bias;
    a `Bias` layer follows.

    Args:
        filters: Number of output channels.
        kernel_size: Height and width of the kernel, an integer or a pair.
        strides: Vertical and horizontal stride, an integer or a pair. Defaults
            to `1`.
        padding: Pixels added on each side: an integer, a pair
            `(vertical, horizontal)`, or `((top, bottom), (left, right))`.
            Defaults to `0`.
        dilation_rate: Distance of neighboring kernel elements, an integer or a
            pair. Defaults to `1`.
        groups: Number of groups into which the channels are split; each has its
            own filters. Defaults to `1`.
        kernel_initializer: Initializer of the kernel. Defaults to
            `"lecun_uniform"`, which Caffe calls "xavier".
        **kwargs: Base layer arguments (`name`, `dtype`, ...).

    Call arguments:
        inputs: `[B, H, W, C]`, float.
        border: `[C]`, float, or `None` for zeros.

    Output:
        `[B, H', W', filters]`, the layer's compute dtype.

    Raises:
        ValueError: If an argument is out of its range, or the input or the border
            has another shape.

    Example:

    >>> x, border = ops.ones((1, 3, 3, 2)), ops.array([1.0, 1.0])
    >>> conv = BiasPaddedConv2D(1, 3, padding=1, kernel_initializer="ones")
    >>> float(conv(x)[0, 0, 0, 0])  # 4 pixels of the map and 5 of zeros,
    8.0
    >>> float(conv(x, border)[0, 0, 0, 0])  # and 5 of the border.
    18.0
    """

    def __init__(
        self,
        filters,
        kernel_size,
        strides=1,
        padding=0,
        dilation_rate=1,
        groups=1,
        kernel_initializer="lecun_uniform",
        **kwargs,
    ):
        super().__init__(**kwargs)
        self.filters = check_positive("filters", filters)
        self.kernel_size = _pair("kernel_size", kernel_size)
        self.strides = _pair("strides", strides)
        self.padding = _pads(padding)
        self.dilation_rate = _pair("dilation_rate", dilation_rate)
        self.groups = check_positive("groups", groups)
        self.kernel_initializer = keras.initializers.get(kernel_initializer)
        if filters % groups:
            raise ValueError(
                "Argument `filters` must be a multiple of `groups`. "
                f"Received: filters={filters}, groups={groups}"
            )

    def build(self, inputs_shape, border_shape=None):
        channels = inputs_shape[-1]
        if len(inputs_shape) != 4 or channels is None or channels % self.groups:
            raise ValueError(
                "The input must be `[B, H, W, C]` with a known `C` that is a "
                f"multiple of groups={self.groups}. "
                f"Received: inputs_shape={tuple(inputs_shape)}"
            )
        if border_shape is not None and tuple(border_shape) != (channels,):
            raise ValueError(
                "The border must hold one value per input channel, "
                f"`[{channels}]`. Received: border_shape={tuple(border_shape)}"
            )
        self.kernel = self.add_weight(
            shape=(*self.kernel_size, channels // self.groups, self.filters),
            initializer=self.kernel_initializer,
            name="kernel",
        )

    def call(self, inputs, border=None):
        if not any(map(sum, self.padding)):
            return self._convolve(inputs, "valid")
        if border is None and self._is_same_padding():
            # The backend pads on the fly and saves a copy of the map.
            return self._convolve(inputs, "same")
        pads = ((0, 0), *self.padding, (0, 0))
        padded = ops.pad(inputs, pads)
        if border is not None:
            # One beyond the image and zero inside, so that inner pixels stay as
            # they are bit by bit. Subtracting the border, padding with zeros and
            # adding it again would round them. Joining rims to the map is exact
            # too, but took twice as long.
            inside = ops.zeros((1, *ops.shape(inputs)[1:3], 1), inputs.dtype)
            outside = ops.pad(inside, pads, constant_values=1)
            padded = padded + outside * ops.cast(border, inputs.dtype)
        return self._convolve(padded, "valid")

    def _is_same_padding(self):
        # Only at stride 1 are the pads of "same" independent of the image.
        return self.strides == (1, 1) and all(
            (before, after) == (total // 2, total - total // 2)
            for (before, after), total in zip(self.padding, self._span(), strict=True)
        )

    def _span(self):
        return [
            rate * (size - 1)
            for rate, size in zip(self.dilation_rate, self.kernel_size, strict=True)
        ]

    def _convolve(self, inputs, padding):
        # The backends refuse strides together with dilation: there the skipped
        # pixels are computed and dropped.
        subsample = max(self.strides) > 1 and max(self.dilation_rate) > 1

        def conv(x, kernel):
            y = ops.conv(
                x,
                kernel,
                strides=1 if subsample else self.strides,
                padding=padding,
                data_format="channels_last",
                dilation_rate=self.dilation_rate,
            )
            return y[:, :: self.strides[0], :: self.strides[1]] if subsample else y

        if self.groups == 1:
            return conv(inputs, self.kernel)
        # A grouped convolution of Keras on TensorFlow compiles itself with XLA,
        # because TensorFlow has no gradient of it on CPU. Model servers refuse
        # such a graph, so each group is a convolution of its own here.
        maps = ops.split(inputs, self.groups, axis=-1)
        kernels = ops.split(self.kernel, self.groups, axis=-1)
        return ops.concatenate(
            [conv(x, kernel) for x, kernel in zip(maps, kernels, strict=True)],
            axis=-1,
        )

    def compute_output_shape(self, inputs_shape, border_shape=None):
        lengths = [
            None
            if length is None
            else (length + before + after - span - 1) // stride + 1
            for length, (before, after), span, stride in zip(
                inputs_shape[1:3],
                self.padding,
                self._span(),
                self.strides,
                strict=True,
            )
        ]
        return (inputs_shape[0], *lengths, self.filters)

    def get_config(self):
        config = super().get_config()
        config.update(
            filters=self.filters,
            kernel_size=self.kernel_size,
            strides=self.strides,
            padding=self.padding,
            dilation_rate=self.dilation_rate,
            groups=self.groups,
            kernel_initializer=keras.initializers.serialize(self.kernel_initializer),
        )
        return config


def _pair(name, value):
    pair = (value, value) if isinstance(value, int) else tuple(value)
    if len(pair) != 2 or not all(isinstance(v, int) and v > 0 for v in pair):
        raise ValueError(
            f"Argument `{name}` must be a positive integer or a pair of them. "
            f"Received: {name}={value}"
        )
    return pair


def _pads(padding):
    if isinstance(padding, int):
        padding = (padding, padding)
    pads = tuple(
        (side, side) if isinstance(side, int) else tuple(side) for side in padding
    )
    if len(pads) != 2 or not all(
        len(side) == 2 and all(isinstance(v, int) and v >= 0 for v in side)
        for side in pads
    ):
        raise ValueError(
            "Argument `padding` must be a non-negative integer, "
            "`(vertical, horizontal)` or `((top, bottom), (left, right))`. "
            f"Received: padding={padding}"
        )
    return pads
