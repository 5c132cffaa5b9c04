"""The same weights with other arguments: what is kept and what is new."""

import numpy as np
import pytest

from selfsup import heads, networks, weights
from selfsup.weights import assignment

import contracts
import fakes


def _model(name="vgg16", **kwargs):
    return fakes.randomize(fakes.network(name, **kwargs))


def _assert_same_weights(one, other, names):
    one, other = assignment.arrays(one), assignment.arrays(other)
    for name in names:
        np.testing.assert_array_equal(one[name], other[name], err_msg=name)


@pytest.mark.parametrize(
    "name, arguments",
    [
        ("vgg16", {"padding": "bias", "normalization": "affine", "fov_blocks": 1}),
        ("alexnet", {"lrn": True, "dropout": 0.25, "bn_momentum": 0.75}),
        ("resnet50", {"pool1": "symmetric", "padding": "bias"}),
    ],
)
def test_without_changes_the_new_model_is_equal_and_the_old_one_untouched(
    name, arguments
):
    model = _model(name, **arguments)
    before = assignment.arrays(model)
    adapted = weights.adapt(model)
    assert networks.describe(adapted) == networks.describe(model)
    image = fakes.image(1, 45, 52, 1)
    expected = model(image).numpy()
    np.testing.assert_array_equal(adapted(image), expected)
    fakes.randomize(adapted, seed=1)
    np.testing.assert_array_equal(model(image), expected)
    contracts.assert_close(assignment.arrays(model), before, rtol=0, atol=0)


def test_new_blocks_are_fresh_and_the_rest_is_copied():
    model = _model(fov_blocks=1)
    adapted = weights.adapt(model, fov_blocks=2, kernel_initializer="he_normal")
    old = assignment.arrays(model)
    _assert_same_weights(model, adapted, old)
    fresh = {n for n in assignment.arrays(adapted) if n not in old}
    assert {name.partition("/")[0] for name in fresh} == {
        "conv9_1",
        "batch_conv9_1",
        "bias9_1",
    }
    # He's normal distribution is cut at two standard deviations of its parent.
    kernel = adapted.get_layer("conv9_1").kernel.numpy()
    deviation = np.sqrt(2 / np.prod(kernel.shape[:-1]))
    assert kernel.std() == pytest.approx(deviation, rel=0.1)
    image = fakes.image(1, 70, 64, 1)
    np.testing.assert_array_equal(fakes.maps(adapted, ["relu8_1"])(image), model(image))


def test_blocks_are_dropped_when_the_changes_say_so():
    model = _model(fov_blocks=2, padding="bias")
    image = fakes.image(1, 70, 64, 1)
    for blocks, last in ((1, "relu8_1"), (0, "drop7")):
        adapted = weights.adapt(model, fov_blocks=blocks)
        np.testing.assert_array_equal(adapted(image), fakes.maps(model, [last])(image))


def test_valid_fc6_has_the_weights_of_same():
    same = _model("alexnet", padding="bias")
    valid = weights.adapt(same, fc6_padding="valid", dropout=0.0)
    description = networks.describe(valid)
    assert (description["fc6_padding"], description["dropout"]) == ("valid", 0.0)
    image = fakes.image(1, 227, 227, 1)
    # At the center of the padded map no pad is seen.
    np.testing.assert_allclose(
        valid(image)[:, 0, 0], same(image)[:, 2, 2], rtol=1e-5, atol=1e-5
    )


def test_a_normalization_may_be_added():
    model = _model(normalization="none")
    adapted = weights.adapt(model, normalization="affine")
    _assert_same_weights(model, adapted, assignment.arrays(model))
    # Fresh statistics are 0 and 1, the fresh scale is 1; sixteen epsilons.
    image = fakes.image(1, 20, 20, 1)
    np.testing.assert_allclose(adapted(image), model(image), rtol=1e-3, atol=1e-3)


def test_changed_constants_are_kept_and_saved():
    model = _model("alexnet", lrn=True, padding="bias")
    for name in ("norm1", "norm1_border"):
        model.get_layer(name).alpha = 0.5
        model.get_layer(name).depth_radius = 1
    model.get_layer("batch_conv3").epsilon = 0.1
    model.get_layer("drop6").rate = 0.0
    model.get_layer("conv2").trainable = False
    model.get_layer("bias2").trainable = False
    adapted = contracts.save_and_load(weights.adapt(model, fov_blocks=1))
    for name in ("norm1", "norm1_border"):
        norm = adapted.get_layer(name)
        assert (norm.alpha, norm.depth_radius, norm.beta) == (0.5, 1, 0.75)
    assert adapted.get_layer("norm2").alpha == 2e-5
    assert adapted.get_layer("batch_conv3").epsilon == 0.1
    assert [adapted.get_layer(n).rate for n in ("drop6", "drop7")] == [0.0, 0.5]
    frozen = {x.name for x in adapted.layers if not x.trainable and x.weights}
    assert frozen == {"conv2", "bias2"}
    image = fakes.image(1, 70, 64, 1)
    np.testing.assert_array_equal(fakes.maps(adapted, ["drop7"])(image), model(image))


def test_changed_arguments_win_over_the_models_own_constants():
    model = _model("alexnet", dropout=0.5, bn_momentum=0.9)
    adapted = weights.adapt(model, dropout=0.25, bn_momentum=0.5)
    assert [adapted.get_layer(n).rate for n in ("drop6", "drop7")] == [0.25, 0.25]
    momenta = {x.momentum for x in adapted.layers if hasattr(x, "momentum")}
    assert momenta == {0.5}
    # A rate that was 0 can be raised: the layer is made anew.
    raised = weights.adapt(weights.adapt(model, dropout=0.0), dropout=0.5)
    assert np.ptp(raised(fakes.image(1, 40, 40, 1), training=True)) > 0


@pytest.mark.parametrize(
    "arguments, changes, message",
    [
        ({}, {"input_channels": 3}, r"conv1_1/kernel \(3, 3, 1, 2\) instead of"),
        ({}, {"width": 1 / 16}, "of another shape: conv1_1/kernel"),
        ({}, {"network": "alexnet"}, "unexpected: conv1_1/kernel"),
        (
            {},
            {"normalization": "none"},
            "unexpected: batch_conv1_1/moving_mean",
        ),
        (
            {"normalization": "affine"},
            {"normalization": "plain"},
            "unexpected: batch_conv1_1/gamma",
        ),
        ({}, {"fov_blocks": 3}, "Received: fov_blocks=3"),
    ],
)
def test_what_does_not_fit_is_refused(arguments, changes, message):
    with pytest.raises(ValueError, match=message):
        weights.adapt(_model(**arguments), **changes)


def test_heads_are_not_dropped_silently():
    backbone = fakes.network("vgg16")
    model = heads.colorizer(backbone, networks.taps(backbone), bins=3, hidden=5)
    with pytest.raises(ValueError, match="unexpected: h_fc1/kernel, h_fc1/bias"):
        weights.adapt(model, fov_blocks=1)


def test_unknown_arguments_are_refused():
    with pytest.raises(TypeError, match="padding_mode"):
        weights.adapt(fakes.network("vgg16"), padding_mode="bias")
