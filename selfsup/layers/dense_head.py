"""Prediction at every pixel without building the hypercolumns."""

import keras
from keras import ops

from selfsup.layers import bilinear, checks


@keras.saving.register_keras_serializable(package="selfsup")
class DenseHead(keras.layers.Layer):
    """Applies a head on hypercolumns to a whole image, at little memory.

    Gives the numbers of `DenseHypercolumn`, then `hidden`, then each of
    `outputs`, but never holds the hypercolumns. Sampling is linear and so is
    the first half of `hidden`, and their order does not matter: a tap that is
    coarser than the output is multiplied by its own rows of the kernel at its
    own resolution, where it has few pixels; taps of one stride and offset are
    summed, and the sum is enlarged. The work proceeds in tiles of the output, so
    that memory does not grow with the image times the width of `hidden`.

    Args:
        hidden: `keras.layers.Dense` with `U` units. Its kernel `[sum(C_i), U]`
            has the taps in order. Shared with the sparse head if it is the same
            object.
        outputs: Dictionary of names to `keras.layers.Dense`.
        strides: Stride of each tap, in pixels of the image.
        offsets: Pixel of the image at which each tap's first pixel is centered.
        alignment: `"centers"`, or `"corner"` to take all offsets as zero.
            Defaults to `"centers"`.
        output_stride: Pixels of the image per pixel of the output. Defaults to
            `1`.
        tile_size: Largest height and width of a tile, in pixels of the output.
            Memory grows with its square; small tiles project the coarse taps
            several times. Defaults to `64`.
        **kwargs: Base layer arguments (`name`, `dtype`, ...).

    Call arguments:
        features: List of taps `[B, H_i, W_i, C_i]`, float.
        image: `[B, H, W, ...]`, of which only the size matters.

    Output:
        Dictionary of names to `[B, ceil(H / r), ceil(W / r), K]`, float32, with
        `r` the `output_stride` and `K` the units of that output.

    Raises:
        TypeError: If `hidden` and `outputs` are not Dense layers.
        ValueError: If another argument is out of its range, or the kernel of
            `hidden` does not fit the maps.

    Example:

    >>> fine, coarse = ops.zeros((2, 8, 8, 3)), ops.zeros((2, 4, 4, 5))
    >>> hidden, classes = keras.layers.Dense(16), keras.layers.Dense(21)
    >>> head = DenseHead(hidden, {"classes": classes}, [1, 2], offsets=[0.0, 0.5])
    >>> tuple(head([fine, coarse], image=fine)["classes"].shape)
    (2, 8, 8, 21)
    """

    def __init__(
        self,
        hidden,
        outputs,
        strides,
        offsets,
        alignment="centers",
        output_stride=1,
        tile_size=64,
        **kwargs,
    ):
        super().__init__(**kwargs)
        if not isinstance(outputs, dict) or not outputs:
            raise TypeError(
                "Argument `outputs` must be a dictionary of names to Dense layers. "
                f"Received: outputs={outputs!r}"
            )
        for layer in (hidden, *outputs.values()):
            if not isinstance(layer, keras.layers.Dense):
                raise TypeError(
                    "Arguments `hidden` and `outputs` must hold Dense layers. "
                    f"Received: {layer!r}"
                )
        bilinear.check_taps(strides, offsets, alignment)
        checks.check_positive("output_stride", output_stride)
        checks.check_positive("tile_size", tile_size)
        self.hidden = hidden
        self.output_layers = dict(outputs)
        self.strides = list(strides)
        self.offsets = list(offsets)
        self.alignment = alignment
        self.output_stride = output_stride
        self.tile_size = tile_size

    def build(self, features_shape, image_shape):
        bilinear.check_features(features_shape, self.strides)
        channels = sum(shape[-1] for shape in features_shape)
        if not self.hidden.built:
            self.hidden.build((None, channels))
        if self.hidden.kernel.shape[0] != channels:
            raise ValueError(
                "The kernel of `hidden` must have one row per channel of the taps, "
                f"{channels}. Received: kernel of shape "
                f"{tuple(self.hidden.kernel.shape)}"
            )
        for layer in self.output_layers.values():
            if not layer.built:
                layer.build((None, self.hidden.units))

    def call(self, features, image):
        height, width = (
            bilinear.output_length(n, self.output_stride) for n in ops.shape(image)[1:3]
        )
        # Tiles of equal size: a fixed size would waste nearly half of the work
        # on an image that is one pixel larger than a tile.
        down, across = (-(-n // self.tile_size) for n in (height, width))
        rows, columns = -(-height // down), -(-width // across)
        kernels = self._split_kernel(features)

        def predict_tile(_, tile):
            index = (
                (tile // across) * rows + ops.arange(rows),
                (tile % across) * columns + ops.arange(columns),
            )
            # Pixels beyond the image repeat its last one and are cut off below.
            last = (height - 1, width - 1)
            positions = [
                bilinear.output_position(ops.minimum(i, n), self.output_stride)
                for i, n in zip(index, last, strict=True)
            ]
            values = self._predict(features, kernels, positions)
            return values, values

        # Unlike `ops.map`, `ops.scan` never computes several tiles at once on
        # TensorFlow. It wants a carry shaped like the result; nobody reads it.
        batch = ops.shape(image)[0]
        units = [layer.units for layer in self.output_layers.values()]
        nothing = ops.zeros((batch, rows, columns, sum(units)), "float32")
        _, tiles = ops.scan(predict_tile, nothing, ops.arange(down * across))

        tiles = ops.reshape(tiles, (down, across, batch, rows, columns, sum(units)))
        whole = ops.reshape(
            ops.transpose(tiles, (2, 0, 3, 1, 4, 5)),
            (batch, down * rows, across * columns, sum(units)),
        )[:, :height, :width]
        ends = [sum(units[:i]) for i in range(1, len(units))]
        parts = ops.split(whole, ends, axis=-1) if ends else [whole]
        return dict(zip(self.output_layers, parts, strict=True))

    def _split_kernel(self, features):
        kernel = ops.convert_to_tensor(self.hidden.kernel)
        kernels, start = [], 0
        for x in features:
            kernels.append(
                ops.cast(kernel[start : start + x.shape[-1]], self.compute_dtype)
            )
            start += x.shape[-1]
        return kernels

    def _predict(self, features, kernels, positions):
        offsets = bilinear.aligned_offsets(self.offsets, self.alignment)
        groups = {}
        for x, kernel, *tap in zip(
            features, kernels, self.strides, offsets, strict=True
        ):
            groups.setdefault(tuple(tap), []).append((x, kernel))
        total = 0.0
        for (stride, offset), taps in groups.items():
            group_positions = [
                bilinear.tap_position(p, stride, offset) for p in positions
            ]
            if stride > self.output_stride:
                total = total + self._project_then_sample(taps, group_positions, stride)
            else:
                total = total + self._sample_then_project(taps, group_positions)
        if self.hidden.use_bias:
            total = total + ops.cast(self.hidden.bias, "float32")
        column = self.hidden.activation(total)
        return ops.concatenate(
            [
                ops.cast(layer(column), "float32")
                for layer in self.output_layers.values()
            ],
            axis=-1,
        )

    def _sample_then_project(self, taps, positions):
        # The output has no more pixels than such a tap.
        total = 0.0
        for x, kernel in taps:
            for axis, position in enumerate(positions, start=1):
                x = bilinear.sample_axis(x, position, axis)
            total = total + self._project(x, kernel)
        return total

    def _project_then_sample(self, taps, positions, stride):
        # Rows and columns of the tap that the tile needs. Repeating the edge of
        # a map equals clamping the positions, so maps are cut to the same
        # window and summed whatever their own sizes are.
        indices, weights = [], []
        for position in positions:
            first = ops.floor(position[0])
            count = _window_length(ops.shape(position)[0], self.output_stride / stride)
            index = first + ops.cast(ops.arange(count), "float32")
            indices.append(index)
            # Bilinear weights of each output pixel, `[N, count]`.
            weights.append(ops.relu(1.0 - ops.abs(position[:, None] - index[None, :])))
        total = 0.0
        for x, kernel in taps:
            for axis, index in enumerate(indices, start=1):
                last = ops.cast(ops.shape(x)[axis] - 1, "float32")
                index = ops.cast(ops.clip(index, 0.0, last), bilinear.index_dtype())
                x = ops.take(x, index, axis=axis)
            total = total + self._project(x, kernel)
        batch, height, width, units = ops.shape(total)
        # Matrix products write the enlarged map once; a sum of two gathered
        # neighbors is several times slower.
        total = ops.matmul(
            weights[0], ops.reshape(total, (batch, height, width * units))
        )
        return ops.matmul(weights[1], ops.reshape(total, (batch, -1, width, units)))

    def _project(self, x, kernel):
        # Summed over the taps in float32, as one product would be.
        x = ops.cast(x, self.compute_dtype)
        return ops.cast(ops.matmul(x, kernel), "float32")

    def compute_output_spec(self, features, image):
        shapes = self.compute_output_shape([x.shape for x in features], image.shape)
        return {
            name: keras.KerasTensor(shape, dtype="float32")
            for name, shape in shapes.items()
        }

    def compute_output_shape(self, features_shape, image_shape):
        bilinear.check_features(features_shape, self.strides)
        size = [bilinear.output_length(n, self.output_stride) for n in image_shape[1:3]]
        return {
            name: (image_shape[0], *size, layer.units)
            for name, layer in self.output_layers.items()
        }

    def get_config(self):
        config = super().get_config()
        serialize = keras.saving.serialize_keras_object
        config.update(
            hidden=serialize(self.hidden),
            outputs={name: serialize(x) for name, x in self.output_layers.items()},
            strides=self.strides,
            offsets=self.offsets,
            alignment=self.alignment,
            output_stride=self.output_stride,
            tile_size=self.tile_size,
        )
        return config

    @classmethod
    def from_config(cls, config):
        config = dict(config)
        deserialize = keras.saving.deserialize_keras_object
        config["hidden"] = deserialize(config["hidden"])
        config["outputs"] = {
            name: deserialize(x) for name, x in config["outputs"].items()
        }
        return cls(**config)


def _window_length(length, step):
    # Pixels of a tap between the neighbors of the first and the last position;
    # one more because the first may lie anywhere between two pixels.
    if isinstance(length, int):
        return int((length - 1) * step) + 3
    return ops.cast(ops.cast(length - 1, "float32") * step, "int32") + 3
