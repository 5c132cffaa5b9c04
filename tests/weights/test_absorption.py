"""Absorbed equals not absorbed, edges included."""

import keras
import numpy as np
import pytest

from selfsup import heads, networks, weights
from selfsup.weights import assignment

import contracts
import fakes

_KINDS = [
    (name, padding, normalization, lrn)
    for name, lrn in (("vgg16", None), ("alexnet", False), ("alexnet", True))
    for padding in ("zeros", "bias")
    for normalization in ("plain", "affine")
]


def _model(name, padding, normalization, lrn, **kwargs):
    options = {} if lrn is None else {"lrn": lrn}
    options |= {"padding": padding, "normalization": normalization, **kwargs}
    model = fakes.randomize(fakes.network(name, **options), bias=0.5)
    if lrn:
        # Caffe's constant is too small to notice on maps of this size.
        for layer in model.layers:
            if layer.name.startswith("norm"):
                layer.alpha = 0.1
    return model


def _relus(model):
    return [x.name for x in model.layers if isinstance(x, keras.layers.ReLU)]


# Each network with both paddings and both normalizations.
@pytest.mark.parametrize(
    "name, padding, normalization, lrn", [_KINDS[i] for i in (0, 3, 5, 6, 8, 11)]
)
def test_every_map_is_what_it_was(name, padding, normalization, lrn, gray_photos):
    model = _model(name, padding, normalization, lrn, fov_blocks=2)
    absorbed = weights.absorb(model)
    names = [*_relus(model), model.layers[-1].name]
    before, after = (fakes.maps(m, names) for m in (model, absorbed))
    sizes = [(1, 11, 11, 1), (2, 37, 64, 1)]
    for image in [*(fakes.image(*size) for size in sizes), *gray_photos]:
        for n, x, y in zip(names, before(image), after(image), strict=True):
            # Rounding errors of up to 18 layers, relative to the whole map.
            scale = np.abs(x).max()
            np.testing.assert_allclose(y, x, rtol=0, atol=2e-5 * scale, err_msg=n)


@pytest.mark.parametrize("name, padding, normalization, lrn", _KINDS[1::3])
def test_result_is_the_network_without_normalization(name, padding, normalization, lrn):
    model = _model(name, padding, normalization, lrn, dropout=0.25, bn_momentum=0.9)
    absorbed = weights.absorb(model)
    description = {
        **networks.describe(model),
        "normalization": "none",
        "bn_momentum": 0.999,
    }
    assert networks.describe(absorbed) == description
    built = networks.build(description)
    assert [x.name for x in absorbed.layers] == [x.name for x in built.layers]
    assert [w.path for w in absorbed.weights] == [w.path for w in built.weights]
    assert [x.alpha for x in absorbed.layers if hasattr(x, "alpha")] == [
        x.alpha for x in model.layers if hasattr(x, "alpha")
    ]
    assert networks.taps(absorbed) == networks.taps(model)


@pytest.mark.parametrize("normalization", ["plain", "affine"])
def test_weights_follow_the_formula_and_biases_stay(normalization):
    model = _model("alexnet", "bias", normalization, True)
    before = assignment.arrays(model)
    after = assignment.arrays(weights.absorb(model))
    for name in ("conv1", "conv2", "fc7"):  # Plain, of two groups, 1x1.
        bias = name.replace("conv", "bias").replace("fc", "bias")
        mean = before[f"batch_{name}/moving_mean"]
        variance = before[f"batch_{name}/moving_variance"]
        for i in range(len(mean)):
            gamma = before[f"batch_{name}/gamma"][i] if normalization == "affine" else 1
            sigma = (variance[i] + 1e-5) ** 0.5
            np.testing.assert_allclose(
                after[f"{name}/kernel"][..., i],
                before[f"{name}/kernel"][..., i] * gamma / sigma,
                rtol=1e-6,
            )
            shift = before[f"{bias}/shift"][i] - gamma * mean[i] / sigma
            assert after[f"{bias}/shift"][i] == pytest.approx(shift, rel=1e-5)
        # So the borders are what they were.
        np.testing.assert_array_equal(after[f"{bias}/bias"], before[f"{bias}/bias"])


def test_model_is_untouched_and_the_result_can_be_saved():
    model = _model("alexnet", "bias", "affine", True)
    image = fakes.image(1, 40, 33, 1)
    before, expected = assignment.arrays(model), model(image).numpy()
    names = [x.name for x in model.layers]
    absorbed = weights.absorb(model)
    again = contracts.save_and_load(absorbed)
    np.testing.assert_array_equal(again(image), absorbed(image))
    fakes.randomize(absorbed, seed=3)
    contracts.assert_close(assignment.arrays(model), before, rtol=0, atol=0)
    np.testing.assert_array_equal(model(image), expected)
    assert [x.name for x in model.layers] == names


@pytest.mark.parametrize("name", ["vgg16", "alexnet"])
def test_absorbing_twice_is_absorbing_once(name):
    once = weights.absorb(_model(name, "bias", "plain", None))
    twice = weights.absorb(once)
    contracts.assert_close(
        assignment.arrays(twice), assignment.arrays(once), rtol=0, atol=0
    )
    assert not {id(v) for v in twice.weights} & {id(v) for v in once.weights}


def test_models_with_a_head_keep_it():
    backbone = fakes.network("vgg16", padding="bias")
    model = heads.colorizer(
        backbone, networks.taps(backbone), bins=3, hidden=5, hidden_stddev=0.1
    )
    fakes.randomize(model, bias=0.5)
    points = np.float32([[[0, 0], [3, 4], [19, 19], [11, 2]]])
    inputs = {"gray": fakes.image(1, 20, 20, 1), "points": points}
    absorbed = weights.absorb(model)
    assert networks.describe(absorbed)["normalization"] == "none"
    contracts.assert_close(absorbed(inputs), model(inputs), rtol=1e-4, atol=1e-4)


def test_resnet_keeps_its_normalization(resnet50):
    with pytest.raises(ValueError, match="ResNet keeps its norm.*model='resnet50'"):
        weights.absorb(resnet50)
