"""What every layer must satisfy, whatever it computes.

A layer's test is a line of data:

    check_layer(layers.Bias(), [ramp(2, 5, 4, 3)])
"""

import json
import pathlib
import tempfile
import warnings

import keras
import numpy as np
from keras import ops, tree


def ramp(*shape, low=-1.0, high=1.0):
    """Returns a float32 array of values that all differ, in a fixed wild order."""
    values = np.linspace(low, high, int(np.prod(shape)))
    return np.random.default_rng(0).permutation(values).astype("float32").reshape(shape)


def to_numpy(values):
    """Returns a nested structure of float32 arrays."""
    return tree.map_structure(
        lambda x: ops.convert_to_numpy(ops.cast(x, "float32")), values
    )


def assert_close(actual, expected, rtol=1e-5, atol=1e-6):
    """Raises unless the leaves of two structures hold the same numbers."""
    for x, y in zip(tree.flatten(actual), tree.flatten(expected), strict=True):
        np.testing.assert_allclose(x, y, rtol=rtol, atol=atol)


def fill_weights(layer):
    """Gives each weight values that differ and don't depend on the backend."""
    for variable in layer.weights:
        variable.assign(ramp(*variable.shape, low=-0.5, high=0.5))


def outputs_and_gradients(layer, inputs):
    """Fills the weights of a layer and returns flat lists of float32 arrays.

    The gradients are those of the mean square of the outputs, by the trainable weights
    and by the inputs.
    """
    tensors = tree.map_structure(ops.convert_to_tensor, inputs)
    layer(*tensors)
    fill_weights(layer)
    values = [v.value for v in layer.trainable_variables]
    rest = [v.value for v in layer.non_trainable_variables]

    def compute(values, tensors):
        outputs, _ = layer.stateless_call(values, rest, *tensors)
        return _loss(outputs), outputs

    if keras.backend.backend() == "jax":
        import jax

        both = jax.value_and_grad(compute, argnums=(0, 1), has_aux=True)
        (_, outputs), gradients = jax.jit(both)(values, tensors)
        gradients = tree.flatten(gradients)
    else:
        import tensorflow as tf

        flat = tree.flatten(tensors)
        with tf.GradientTape() as tape:
            tape.watch(flat)
            outputs = layer(*tensors)
            loss = _loss(outputs)
        gradients = tape.gradient(loss, [*values, *flat], unconnected_gradients="zero")
    return to_numpy(tree.flatten(outputs)), to_numpy(gradients)


def check_layer(layer, inputs):
    """Raises unless the layer keeps every promise of a Keras layer.

    These are: the config survives JSON; the symbolic shape and dtype are those of
    the eager output, with every size but the channels unknown; compiled and eager
    values agree; mixed_bfloat16 gives about the same values; a model is saved and
    loaded without custom objects and answers alike; gradients are finite.

    Args:
        layer: A layer that was not called yet.
        inputs: List of the call's arguments, arrays or lists of them.

    Returns:
        The output as float32 arrays.
    """
    layer_output = layer(*tree.map_structure(ops.convert_to_tensor, inputs))
    fill_weights(layer)
    _check_config(layer)
    model = _build_model(layer, inputs)
    flat = tree.flatten(inputs)
    output = model(flat)
    _check_spec(model.output, output)
    tree.assert_same_structure(layer_output, output)
    expected = to_numpy(output)
    assert_close(to_numpy(_compiled(model, flat)), expected)
    _check_saving(model, flat, expected)
    _check_mixed_precision(layer, inputs, expected)
    _check_gradients(model, flat)
    return expected


def save_and_load(model):
    """Returns what comes back from a `.keras` file, without custom objects."""
    with tempfile.TemporaryDirectory() as folder, warnings.catch_warnings():
        # Variables of TensorFlow 2.21 don't know NumPy's `copy` argument.
        warnings.filterwarnings("ignore", "__array__ impl", DeprecationWarning)
        path = pathlib.Path(folder) / "model.keras"
        model.save(path)
        return keras.saving.load_model(path)


def _copy(layer, **changes):
    config = json.loads(json.dumps(keras.saving.serialize_keras_object(layer)))
    config["config"].update(changes)
    return keras.saving.deserialize_keras_object(config)


def _check_config(layer):
    config = _plain(layer.get_config())
    assert _plain(_copy(layer).get_config()) == config
    assert _plain(type(layer).from_config(layer.get_config()).get_config()) == config


def _plain(config):
    return json.loads(json.dumps(config))  # Tuples become lists.


def _symbolic(array):
    if array.ndim == 1:
        return keras.Input(batch_shape=array.shape)
    return keras.Input((*[None] * (array.ndim - 2), array.shape[-1]))


def _build_model(layer, inputs):
    symbols = tree.map_structure(_symbolic, inputs)
    return keras.Model(tree.flatten(symbols), layer(*symbols))


def _check_spec(symbols, values):
    tree.assert_same_structure(symbols, values)
    for symbol, value in zip(tree.flatten(symbols), tree.flatten(values), strict=True):
        assert keras.backend.standardize_dtype(value.dtype) == symbol.dtype
        assert len(symbol.shape) == len(value.shape)
        for claim, length in zip(symbol.shape, value.shape, strict=True):
            assert claim in (None, length)
        assert symbol.shape[-1] is not None


def _check_saving(model, flat, expected):
    assert_close(to_numpy(save_and_load(model)(flat)), expected, rtol=0, atol=0)


def _check_mixed_precision(layer, inputs, expected):
    half = _copy(layer, dtype="mixed_bfloat16")
    model = _build_model(half, inputs)
    for variable, value in zip(half.weights, layer.weights, strict=True):
        variable.assign(value.value)
    output = model(tree.flatten(inputs))
    _check_spec(model.output, output)
    assert all(v.dtype == "float32" for v in half.weights)
    # bfloat16 keeps 8 bits; sums of a few dozen values of either sign lose some.
    scale = max(np.abs(x).max() for x in tree.flatten(expected))
    assert_close(to_numpy(output), expected, rtol=0, atol=0.03 * scale)


def _loss(outputs):
    return sum(
        ops.mean(ops.square(ops.cast(x, "float32"))) for x in tree.flatten(outputs)
    )


def _compiled(model, flat):
    import tensorflow as tf

    return tf.function(model, input_signature=[_specs(flat)])(flat)


def _specs(flat):
    """Returns signatures of flat inputs with every size unknown."""
    import tensorflow as tf

    return [
        tf.TensorSpec(
            x.shape if x.ndim == 1 else [None] * (x.ndim - 1) + [x.shape[-1]],
            tf.float32,
        )
        for x in flat
    ]


def _check_gradients(model, flat):
    import tensorflow as tf

    @tf.function(input_signature=[_specs(flat)])
    def differentiate(flat):
        variables = [v.value for v in model.trainable_variables]
        with tf.GradientTape() as tape:
            tape.watch(flat)
            loss = _loss(model(flat))
        of_variables, of_inputs = tape.gradient(loss, (variables, flat))
        assert all(g is not None for g in of_variables)
        return of_variables, [g for g in of_inputs if g is not None]

    gradients = tree.flatten(differentiate(flat))
    assert gradients
    assert all(np.isfinite(ops.convert_to_numpy(g)).all() for g in gradients)
