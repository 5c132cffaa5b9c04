"""The built model and its losses are those of the configuration."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from selfsup import data, losses, networks, training
from selfsup.training import colorizer_model


def test_histogram_losses_count_hue_five_times():
    config = training.ColorizerConfig.from_preset(width=0.03, hidden=8)
    _, model = training.build_colorizer(config)
    terms = colorizer_model.loss_terms(config, model, None, None)
    assert {name: term.weight for name, term in terms.items()} == {
        "hue": 5.0,
        "chroma": 1.0,
    }
    assert all(isinstance(term.loss, losses.HistogramKL) for term in terms.values())


@pytest.mark.parametrize("hypercolumn", [True, False])
def test_settings_reach_the_model(hypercolumn):
    config = training.ColorizerConfig.from_preset(
        width=0.03, hidden=12, bins=7, dropout=0.25, hypercolumn=hypercolumn
    )
    backbone, model = training.build_colorizer(config)
    channels = [tap.channels for tap in networks.taps(backbone)]
    expected = sum(channels) if hypercolumn else channels[-1]
    assert model.get_layer("h_fc1").kernel.shape == (expected, 12)
    assert {output.shape[-1] for output in model.output.values()} == {7}
    rates = [model.get_layer(n).rate for n in ("drop6", "drop7", "h_drop1")]
    assert rates == [0.25] * 3
    assert model.get_layer("batch_conv1_1").momentum == config.bn_momentum


def test_bfloat16_colorizer_keeps_float32_weights_and_logits():
    config = training.ColorizerConfig.from_preset(
        width=0.03, hidden=8, precision="bfloat16"
    )
    _, model = training.build_colorizer(config)
    assert {w.dtype for w in model.trainable_weights} == {"float32"}
    outputs = model({"gray": np.zeros((1, 32, 32, 1)), "points": np.zeros((1, 2, 2))})
    assert {output.dtype for output in outputs.values()} == {tf.float32}
    assert model.get_layer("conv3_1").compute_dtype == "bfloat16"


def test_lab_loss_starts_with_the_histogram_losses_gradient():
    config = training.ColorizerConfig.from_preset(
        network="alexnet",
        width=0.03,
        hidden=8,
        crop_size=32,
        batch_size=4,
        loss="lab",
        hidden_stddev=1e-3,
        dropout=0.0,
    )
    _, model = training.build_colorizer(config)
    input_config = training.pipeline_config(config)
    images = data.images_of(input_config)

    def lab_scale():
        # The other head is drawn anew, and the same every time.
        keras.utils.set_random_seed(0)
        return colorizer_model.lab_scale(config, model, input_config, images)

    scale = lab_scale()
    assert 0 < scale < np.inf
    # The gradient is a product of the prediction layer and what lies below:
    # half the kernel, about half the gradient, twice the factor. About, as the
    # loss's own derivative moves a little with the prediction.
    layer = model.get_layer("prediction_ab")
    layer.kernel.assign(0.5 * layer.kernel.numpy())
    doubled = lab_scale()
    assert doubled == pytest.approx(2 * scale, rel=0.02)
