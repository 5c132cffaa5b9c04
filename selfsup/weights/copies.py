"""Copies of models in which some weights and settings differ."""

import keras

from selfsup.weights import transfer


def copy(model, values=None, *, settings=None, skipped=(), inputs=None):
    """Builds the graph of a model anew, with layers and weights of its own.

    Args:
        model: A functional model, which stays as it is.
        values: Dict from parameter to array, every one of the copy; None takes
            those of the model.
        settings: Dict from the name of a layer to settings that differ, a dict.
        skipped: Names of layers that are left out, each with one input and one
            output of the same shape.
        inputs: Symbolic inputs of the copy; None makes some like the model's.

    Returns:
        A `keras.Model`, not compiled. Initializers, precision and layers that
        don't train are those of the model.
    """
    settings = settings or {}

    def clone(layer):
        config = {**layer.get_config(), **settings.get(layer.name, {})}
        return type(layer).from_config(config)

    def call(layer, *args, **kwargs):
        return args[0] if layer.name in skipped else layer(*args, **kwargs)

    # Of a compiled model Keras would clone the optimizer too. This is another
    # view of the same graph, not compiled.
    view = keras.Model(model.input, model.output, name=model.name)
    result = keras.models.clone_model(
        view, input_tensors=inputs, clone_function=clone, call_function=call
    )
    if values is None:
        values = transfer.arrays(model)
    transfer.assign(result, values, origin=f"model {model.name!r}")
    return result
