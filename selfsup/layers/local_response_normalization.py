"""Local response normalization across channels."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="selfsup")
class LocalResponseNormalization(keras.layers.Layer):
    """Divides each value by the energy of its neighboring channels.

    `y[c] = x[c] / (bias + alpha * sum(x[c - r : c + r + 1] ** 2)) ** beta`, with
    `r` the `depth_radius`; channels that do not exist count as zero. The
    defaults are AlexNet's. Caffe's `alpha` is divided by its `local_size`
    (`2 * depth_radius + 1`), so its `1e-4` over five channels is `2e-5` here.

    Args:
        depth_radius: Number of channels on each side. Defaults to `2`.
        alpha: Weight of each squared value. Defaults to `2e-5`.
        beta: Exponent. Defaults to `0.75`.
        bias: Added to the energy, positive. Defaults to `1.0`.
        **kwargs: Base layer arguments (`name`, `dtype`, ...).

    Call arguments:
        inputs: `[..., C]`, float, of any rank: a border vector `[C]` is
            normalized like the map that it belongs to.

    Output:
        The input's shape, in the layer's compute dtype.

    Raises:
        ValueError: If an argument is out of its range.

    Example:

    >>> norm = LocalResponseNormalization(alpha=1.0, beta=0.5, bias=7.0)
    >>> [float(value) for value in norm(ops.array([0.0, 3.0, 0.0]))]  # 3 / (7 + 9)**0.5
    [0.0, 0.75, 0.0]
    """

    def __init__(self, depth_radius=2, alpha=2e-5, beta=0.75, bias=1.0, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(depth_radius, int) or depth_radius < 0:
            raise ValueError(
                "Argument `depth_radius` must be a non-negative integer. "
                f"Received: depth_radius={depth_radius}"
            )
        if not alpha >= 0:
            raise ValueError(
                "Argument `alpha` must not be negative, or the energy could be. "
                f"Received: alpha={alpha}"
            )
        if not bias > 0:
            raise ValueError(
                "Argument `bias` must be positive, or zeros would divide by zero. "
                f"Received: bias={bias}"
            )
        self.depth_radius = depth_radius
        self.alpha = alpha
        self.beta = beta
        self.bias = bias

    def call(self, inputs):
        # bfloat16 has no digits left for 1 + 2e-5 * x.
        x = ops.cast(inputs, "float32")
        channels = x.shape[-1]
        width = [(0, 0)] * (len(x.shape) - 1) + [(self.depth_radius,) * 2]
        squares = ops.pad(ops.square(x), width)
        energy = squares[..., :channels]
        for start in range(1, 2 * self.depth_radius + 1):
            energy = energy + squares[..., start : start + channels]
        scale = ops.power(self.bias + self.alpha * energy, -self.beta)
        return ops.cast(x * scale, self.compute_dtype)

    def compute_output_shape(self, input_shape):
        return input_shape

    def get_config(self):
        config = super().get_config()
        config.update(
            depth_radius=self.depth_radius,
            alpha=self.alpha,
            beta=self.beta,
            bias=self.bias,
        )
        return config
