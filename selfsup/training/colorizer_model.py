"""The model that a configuration describes, and the losses it is trained on."""

import dataclasses

import tensorflow as tf
from absl import logging

from selfsup import data, heads, losses, networks
from selfsup.training.loop import Term
from selfsup.training.optimizers import run_momentum
from selfsup.training.strategies import precision

# Hue counts five times (the released prototxt's loss_weight).
_LOSS_WEIGHTS = {"hue": 5.0, "chroma": 1.0, "ab": 1.0}
_LOSSES = {
    "hue": losses.HistogramKL,
    "chroma": losses.HistogramKL,
    "ab": losses.LabL2,
}


def build_colorizer(config, steps=None):
    """Builds the backbone and the point model that a configuration describes.

    Args:
        config: A `ColorizerConfig`.
        steps: Length of the run, where it is known: running statistics of a
            short run must forget its beginning.

    Returns:
        A pair `(backbone, colorizer)` of models that share their layers.
    """
    network = networks.ARCHITECTURES[config.network]
    options = {"dropout": config.dropout} if "dropout" in network.options else {}
    with precision(config.precision):
        backbone = network.builder(
            width=config.width,
            padding=config.padding,
            normalization=config.normalization,
            bn_momentum=run_momentum(config.bn_momentum, steps),
            **options,
        )
        taps = networks.taps(backbone)
        model = heads.colorizer(
            backbone,
            taps if config.hypercolumn else taps[-1:],
            config.bins,
            loss=config.loss,
            hidden=config.hidden,
            dropout=config.dropout,
            hidden_stddev=config.hidden_stddev,
        )
    return backbone, model


def loss_terms(config, model, input_config, images):
    """Returns the losses of a colorizer's outputs and their weights.

    Args:
        config: A `ColorizerConfig`.
        model: The colorizer, fresh: the scale of the Lab loss is found on it.
        input_config: The `data.PipelineConfig` of the training images.
        images: The training images.

    Returns:
        A dict from output to `Term`.
    """
    if config.loss == "lab":
        scale = lab_scale(config, model, input_config, images)
        logging.info("Lab loss scaled by %.4g to the histogram loss's gradient", scale)
        return {"ab": Term(losses.LabL2(scale), _LOSS_WEIGHTS["ab"])}
    return {
        name: Term(losses.HistogramKL(), _LOSS_WEIGHTS[name]) for name in model.output
    }


def lab_scale(config, model, input_config, images):
    """Finds the factor that makes the Lab loss start like the histogram loss.

    The backbone is the same, the hidden layers are equal at the start, and the
    losses are taken on the same first batch: the factor is the quotient of the
    norms of their gradients on the backbone's kernels. The paper says that the
    losses were "scaled similarly" and no more.

    Args:
        config: A `ColorizerConfig` with `loss="lab"`.
        model: The Lab colorizer, fresh.
        input_config: Its `data.PipelineConfig`.
        images: The training images.

    Returns:
        A float.
    """
    _, histogram_model = build_colorizer(dataclasses.replace(config, loss="histogram"))
    for layer in histogram_model.layers:
        if not layer.name.startswith("prediction"):
            layer.set_weights(model.get_layer(layer.name).get_weights())
    norms = []
    for loss, current in (("histogram", histogram_model), ("lab", model)):
        batches = data.pipeline(
            dataclasses.replace(input_config, targets=loss), images=images
        )
        inputs, targets, weights = next(iter(batches.take(1)))
        with tf.GradientTape() as tape:
            outputs = current(inputs, training=False)
            total = sum(
                _LOSS_WEIGHTS[name]
                * _LOSSES[name]()(target, outputs[name], weights[name])
                for name, target in targets.items()
            )
        kernels = [
            variable.value
            for layer in current.layers
            if not layer.name.startswith(("prediction", "h_fc1"))
            for variable in layer.trainable_variables
            if len(variable.shape) > 1
        ]
        norms.append(tf.linalg.global_norm(tape.gradient(total, kernels)))
    return float(norms[0] / norms[1])
