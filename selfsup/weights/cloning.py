"""Copies of models in which some weights and arguments differ."""

import keras

from selfsup.weights import assignment


def clone(model, values=None, *, settings=None, skipped=(), inputs=None):
    """Copies a model, with new layers and weights.

    Args:
        model: A functional model; it is not changed.
        values: Dict from parameter to array, with every parameter of the copy;
            None takes the model's weights.
        settings: Dict from the name of a layer to a dict of arguments that
            differ.
        skipped: Names of layers to leave out, each with one input and one
            output of the same shape.
        inputs: Symbolic inputs of the copy; None makes inputs like the model's.

    Returns:
        A `keras.Model`, not compiled. Initializers, precision and frozen layers
        are those of the model.

    Raises:
        ValueError: If `values` are not those of the copy, see
            `assignment.assign`.
    """
    settings = settings or {}

    def clone_layer(layer):
        config = {**layer.get_config(), **settings.get(layer.name, {})}
        return type(layer).from_config(config)

    def call(layer, *args, **kwargs):
        return args[0] if layer.name in skipped else layer(*args, **kwargs)

    # Keras would also clone the optimizer of a compiled model. This is the same
    # graph, not compiled.
    view = keras.Model(model.input, model.output, name=model.name)
    result = keras.models.clone_model(
        view, input_tensors=inputs, clone_function=clone_layer, call_function=call
    )
    if values is None:
        values = assignment.arrays(model)
    assignment.assign(result, values, origin=f"model {model.name!r}")
    return result
