"""Layers of models that have models inside."""

import keras


def all_layers(model):
    """Lists the layers of a model and of the models in it, each once.

    Args:
        model: A `keras.Model`.

    Returns:
        A list of layers; a model inside stands before its layers.
    """
    found = {}
    for layer in model.layers:
        inside = all_layers(layer) if isinstance(layer, keras.Model) else []
        found |= dict.fromkeys([layer, *inside])
    return list(found)
