"""A bias per channel that is also the value expected beyond the border of its map."""

import keras
from keras import ops


@keras.saving.register_keras_serializable(package="selfsup")
class Bias(keras.layers.Layer):
    """Adds a bias per channel and returns the border of the resulting map.

    The layer follows a normalization to zero mean, so its bias is what the map is
    expected to be where nothing is known about it. The second output is
    that expectation after the ReLU which follows: the value with which
    `BiasPaddedConv2D` pads the next convolution.

    The weight `shift` `[C]` is added to the map but not to the border. It is
    zero until a normalization is absorbed into the preceding convolution: then
    it takes over that layer's constant term, and the border stays what it was.

    Args:
        rectify_border: Whether the border is the ReLU of the bias. Switch it
            off where maps are summed before the ReLU, as in residual blocks:
            there the biases must be summed first. Defaults to `True`.
        **kwargs: Base layer arguments (`name`, `dtype`, ...).

    Call arguments:
        inputs: `[B, ..., C]`, float.

    Output:
        Tuple of the biased map `[B, ..., C]` and the border `[C]`, both in the
        layer's compute dtype.

    Raises:
        TypeError: If `rectify_border` is not a bool.
        ValueError: If the number of channels is unknown.

    Example:

    >>> x, border = Bias()(ops.zeros((2, 5, 4, 3)))
    >>> tuple(x.shape), tuple(border.shape)
    ((2, 5, 4, 3), (3,))
    """

    def __init__(self, rectify_border=True, **kwargs):
        super().__init__(**kwargs)
        if not isinstance(rectify_border, bool):
            raise TypeError(
                "Argument `rectify_border` must be a bool. "
                f"Received: rectify_border={rectify_border!r}"
            )
        self.rectify_border = rectify_border

    def build(self, input_shape):
        channels = input_shape[-1]
        if channels is None:
            raise ValueError(
                "The last axis of the input must have a known size. "
                f"Received: input_shape={tuple(input_shape)}"
            )
        # Not cast by the precision policy: see `call`.
        self.bias = self.add_weight(
            shape=(channels,), initializer="zeros", autocast=False, name="bias"
        )
        self.shift = self.add_weight(
            shape=(channels,),
            initializer="zeros",
            trainable=False,
            autocast=False,
            aggregation="mean",  # Replicas could drift apart otherwise.
            name="shift",
        )

    def call(self, inputs):
        # The bias's gradient is a sum over all pixels, which bfloat16 cannot hold: it
        # stops growing at 256 times its terms. Hence the type of the variables.
        # The two vectors are summed first: one pass over the map, not two.
        outputs = ops.cast(inputs, self.variable_dtype) + (self.bias + self.shift)
        border = ops.relu(self.bias) if self.rectify_border else self.bias
        return (
            ops.cast(outputs, self.compute_dtype),
            ops.cast(border, self.compute_dtype),
        )

    def compute_output_shape(self, input_shape):
        return tuple(input_shape), (input_shape[-1],)

    def get_config(self):
        config = super().get_config()
        config.update(rectify_border=self.rectify_border)
        return config
