"""Rebalanced networks: unit second moments, the same function."""

import keras
import numpy as np
import pytest

from selfsup import heads, networks, weights
from selfsup.weights import assignment

import contracts
import fakes

_KINDS = [("vgg16", "bias", None)] + [
    ("alexnet", padding, lrn) for padding in ("zeros", "bias") for lrn in (False, True)
]


def _model(name="vgg16", padding="bias", lrn=None, **kwargs):
    options = {"width": 1 / 16, "normalization": "none", "padding": padding, **kwargs}
    options |= {} if lrn is None else {"lrn": lrn}
    model = fakes.randomize(fakes.network(name, **options), bias=0.2)
    for layer in model.layers:
        if lrn and layer.name.startswith("norm"):
            # Caffe's constant is too small to notice on maps of this size.
            layer.alpha = 0.3
    return model


def _relus(model):
    return [x.name for x in model.layers if isinstance(x, keras.layers.ReLU)]


def _moments(model, images):
    """Mean of all squared values of all images, for each ReLU."""
    names = _relus(model)
    image = model.inputs[0]
    maps = keras.Model(image, [model.get_layer(n).output for n in names])
    outputs = [maps(batch) for batch in images]
    return {
        name: np.mean(
            np.concatenate([np.ravel(x[i]) for x in outputs]).astype(np.float64) ** 2
        )
        for i, name in enumerate(names)
    }


@pytest.mark.parametrize("name, padding, lrn", _KINDS)
def test_moments_are_one_and_maps_are_scaled_by_one_number(
    name, padding, lrn, gray_photos
):
    model = _model(name, padding, lrn, fov_blocks=1)
    moments = _moments(model, gray_photos)
    assert all(abs(moment - 1) > 0.2 for moment in moments.values())
    balanced = weights.rebalance(model, gray_photos)
    for n, moment in _moments(balanced, gray_photos).items():
        assert moment == pytest.approx(1, abs=1e-4), n
    # Pools, dropout, normalized maps and the output grow like the ReLU before.
    image, names, factors = fakes.image(2, 49, 38, 1), [], []
    for layer in model.layers[1:]:
        if layer.name in moments:
            factor = moments[layer.name] ** -0.5
        if layer.name.startswith(("relu", "pool", "drop", "norm")):
            if not layer.name.endswith("_border"):
                names.append(layer.name)
                factors.append(factor)
    before, after = (fakes.maps(m, names)(image) for m in (model, balanced))
    for n, factor, x, y in zip(names, factors, before, after, strict=True):
        x = factor * x.numpy()
        atol = 2e-5 * np.abs(x).max()
        np.testing.assert_allclose(y, x, rtol=0, atol=atol, err_msg=n)


def test_weights_follow_the_formula():
    model = _model("alexnet", "bias", True)
    images = fakes.image(4, 60, 60, 1)
    moments = _moments(model, [images])
    before = assignment.arrays(model)
    balanced = weights.rebalance(model, images)
    after = assignment.arrays(balanced)
    m = {name.removeprefix("relu"): v**-0.5 for name, v in moments.items()}
    m["0"] = 1.0
    for i in range(1, 8):
        name, own, below = f"{'conv' if i < 6 else 'fc'}{i}", m[str(i)], m[str(i - 1)]
        for parameter, factor in (
            (f"{name}/kernel", own / below),
            (f"bias{i}/bias", own),
            (f"bias{i}/shift", own),
        ):
            np.testing.assert_allclose(
                after[parameter], factor * before[parameter], rtol=1e-5
            )
    for i in "12":
        for norm in (f"norm{i}", f"norm{i}_border"):
            alpha = balanced.get_layer(norm).alpha
            assert alpha == pytest.approx(0.3 / m[i] ** 2, rel=1e-5)
            assert model.get_layer(norm).alpha == 0.3


def test_batches_of_any_kind_and_size_count_by_their_values():
    model = _model("alexnet", lrn=False)
    images = fakes.image(35, 14, 14, 1)
    expected = assignment.arrays(weights.rebalance(model, images))
    for same in (
        (images[i : i + 7] for i in range(0, 35, 7)),
        [images[:2], images[2:3], keras.ops.convert_to_tensor(images[3:])],
    ):
        balanced = assignment.arrays(weights.rebalance(model, same))
        contracts.assert_close(balanced, expected, rtol=1e-5, atol=0)


def test_model_is_untouched_and_constants_survive_saving(gray_photos):
    model = _model("alexnet", "bias", True, dropout=0.25)
    image = fakes.image(1, 60, 50, 1)
    before, expected = assignment.arrays(model), model(image).numpy()
    balanced = weights.rebalance(model, gray_photos)
    again = contracts.save_and_load(balanced)
    np.testing.assert_array_equal(again(image), balanced(image))
    for name in ("norm1", "norm2_border"):
        alpha = again.get_layer(name).alpha
        assert alpha == balanced.get_layer(name).alpha != 0.3
    assert networks.describe(again) == networks.describe(model)
    # A backbone built anew takes over the weights together with the constants.
    fresh = networks.build(networks.describe(model))
    weights.load(fresh, again)
    for other in (fresh, weights.adapt(again)):
        np.testing.assert_array_equal(other(image), balanced(image))
    contracts.assert_close(assignment.arrays(model), before, rtol=0, atol=0)
    np.testing.assert_array_equal(model(image), expected)


def test_rebalancing_again_changes_nothing(gray_photos):
    once = weights.rebalance(_model("alexnet", "bias", True), gray_photos)
    twice = weights.rebalance(once, gray_photos)
    for name, value in assignment.arrays(once).items():
        np.testing.assert_allclose(
            assignment.arrays(twice)[name], value, rtol=1e-4, err_msg=name
        )


def test_absorbed_networks_are_rebalanced(gray_photos):
    model = fakes.randomize(fakes.network("vgg16", width=1 / 16, padding="bias"))
    balanced = weights.rebalance(weights.absorb(model), gray_photos)
    factor = _moments(model, gray_photos)["relu7"] ** -0.5
    image = fakes.image(2, 33, 47, 1)
    expected = factor * model(image).numpy()
    np.testing.assert_allclose(
        balanced(image), expected, rtol=0, atol=1e-4 * expected.max()
    )


def _extended(kind, backbone):
    taps = networks.taps(backbone)
    sizes = {"hidden": 6, "hidden_stddev": 0.1}
    if kind == "colorizer":
        return heads.colorizer(backbone, taps, bins=3, **sizes)
    if kind == "last tap":
        return heads.colorizer(backbone, taps[-1:], loss="lab", **sizes)
    if kind == "segmenter":
        return heads.segmenter(backbone, taps, classes=3, **sizes)
    return heads.classifier(backbone, classes=3)


@pytest.mark.parametrize(
    "name, lrn, kind",
    [
        ("vgg16", None, "colorizer"),
        ("alexnet", False, "last tap"),
        ("alexnet", True, "segmenter"),
        ("alexnet", True, "classifier"),
    ],
)
def test_models_with_a_head_keep_their_outputs(name, lrn, kind, gray_photos):
    model = _extended(kind, _model(name, "bias", lrn, fov_blocks=1))
    inputs = {"gray": fakes.image(2, 32, 41, 1)}
    if kind != "classifier":
        points = [[0.0, 0.0], [31.0, 40.0], [13.0, 2.5], [7.0, 39.0]]
        inputs["points"] = np.float32([points, points[::-1]])
    balanced = weights.rebalance(model, gray_photos)
    assert balanced.name == model.name
    assert _moments(balanced, gray_photos)["relu8_1"] == pytest.approx(1, abs=1e-4)
    before, after = model(inputs), balanced(inputs)
    assert before.keys() == after.keys()
    for output, x in before.items():
        np.testing.assert_allclose(after[output], x, rtol=1e-4, atol=1e-4)


def test_unknown_layers_are_named_where_the_size_matters():
    backbone = _model("alexnet")
    images = fakes.image(2, 20, 20, 1)

    def extended(*extra):
        x = backbone.output
        for layer in extra:
            x = layer(x)
        return keras.Model(backbone.input, x)

    with pytest.raises(ValueError, match="Received: layer squash"):
        squash = keras.layers.Activation("sigmoid", name="squash")
        weights.rebalance(extended(squash), images)
    # Behind a kernel that undoes the factors it does not.
    model = extended(keras.layers.Dense(3), keras.layers.Activation("sigmoid"))
    balanced = weights.rebalance(model, images)
    np.testing.assert_allclose(balanced(images), model(images), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("value, text", [(-1e3, "0"), (np.inf, "inf")])
def test_layers_without_a_moment_are_named(value, text):
    model = _model("alexnet", width=fakes.WIDTH)
    for name in ("bias2", "bias4"):
        bias = model.get_layer(name).bias
        bias.assign(np.full(bias.shape, value, "float32"))
    with pytest.raises(ValueError, match=f"Received: relu2 {text}") as caught:
        weights.rebalance(model, fakes.image(2, 20, 20, 1))
    if value == -1e3:
        # The layers between live by their own biases.
        assert str(caught.value).endswith("Received: relu2 0, relu4 0")


def test_resnets_are_refused(resnet50):
    with pytest.raises(ValueError, match="Only a VGG.*Received: model='resnet50'"):
        weights.rebalance(resnet50, fakes.image(1, 20, 20, 1))


@pytest.mark.parametrize(
    "name, normalization, message",
    [
        ("vgg16", "plain", "absorb.*model='vgg16' with normalization='plain'"),
        ("alexnet", "affine", "normalization='affine'"),
    ],
)
def test_normalized_networks_are_refused(name, normalization, message):
    model = fakes.network(name, normalization=normalization)
    with pytest.raises(ValueError, match=message):
        weights.rebalance(model, fakes.image(1, 20, 20, 1))


@pytest.mark.parametrize(
    "images, received",
    [
        ([np.zeros((8, 8, 1), "float32")], r"float32 of shape \(8, 8, 1\)"),
        (np.zeros((2, 8, 8, 3), "float32"), r"float32 of shape \(2, 8, 8, 3\)"),
        (np.zeros((0, 8, 8, 1), "float32"), "none"),
        (np.zeros((2, 8, 8, 1), "uint8"), r"uint8 of shape \(2, 8, 8, 1\)"),
        ([{"gray": np.zeros((2, 8, 8, 1), "float32")}], r"object of shape \(\)"),
        ([], "none"),
        ([np.full((2, 8, 8, 1), np.nan, "float32")], "float32 of shape"),
    ],
)
def test_images_that_do_not_fit_are_described(images, received):
    with pytest.raises(ValueError, match=f"Received: {received}"):
        weights.rebalance(_model("alexnet", width=fakes.WIDTH), images)
