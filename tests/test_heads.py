"""Colorizer and segmenter at points and on whole images, and the classifier."""

import warnings

import keras
import numpy as np
import pytest

from selfsup import heads, networks

import contracts
import fakes
import neutral


def _segmenter(name="vgg16", hypercolumn=True, network=None, **kwargs):
    backbone = fakes.network(name, **(network or {}))
    taps = networks.taps(backbone)
    kwargs = {"classes": 4, "hidden": 6, **kwargs}
    return heads.segmenter(backbone, taps if hypercolumn else taps[-1:], **kwargs)


def _points(height, width, stride=1):
    """Centers of the squares of a grid, `[1, rows * columns, 2]`."""
    rows, columns = (np.arange(-(-n // stride)) for n in (height, width))
    grid = np.stack(np.meshgrid(rows, columns, indexing="ij"), axis=-1)
    return (grid * stride + (stride - 1) / 2).reshape(1, -1, 2).astype("float32")


def _assert_dense_equals_sparse(model, dense, size, stride):
    (name,) = set(model.input) - {"points"}
    image = fakes.image(1, *size, model.input[name].shape[-1])
    sparse = model({name: image, "points": _points(*size, stride)})
    whole = dense(image)
    assert sorted(whole) == sorted(sparse)
    rows, columns = (-(-n // stride) for n in size)
    for name, values in sparse.items():
        expected = values.numpy().reshape(1, rows, columns, -1)
        # Sums over the taps come in another order.
        np.testing.assert_allclose(
            whole[name], expected, rtol=1e-4, atol=1e-5 * np.abs(expected).max()
        )


# The dense head.


@pytest.mark.parametrize(
    "hypercolumn, alignment, loss",
    [
        (True, "centers", "histogram"),
        (True, "corner", "lab"),
        (False, "centers", "lab"),
        (False, "corner", "histogram"),
    ],
)
def test_dense_equals_sparse_at_every_pixel(hypercolumn, alignment, loss):
    model = neutral.colorizer(hypercolumn=hypercolumn, alignment=alignment, loss=loss)
    fakes.randomize(model, bias=0.3)
    loaded = contracts.save_and_load(model)
    for stride, sizes in (
        (1, [(1, 1), (33, 47)]),
        (2, [(2, 7), (64, 31)]),
        (4, [(33, 46)]),
    ):
        dense = heads.dense(loaded, stride)
        for size in sizes:
            _assert_dense_equals_sparse(model, dense, size, stride)


@pytest.mark.parametrize(
    "name, network",
    [
        ("alexnet", {"padding": "bias"}),
        ("resnet", {"normalization": "affine"}),
        ("vgg16", {"padding": "bias", "fov_blocks": 2}),
    ],
    ids=lambda x: x if isinstance(x, str) else "",
)
def test_dense_equals_sparse_on_every_network(name, network, small_resnet):
    model = fakes.randomize(neutral.colorizer(name, network=network), bias=0.3)
    for stride in (1, 4):
        # Larger than a tile of the dense head.
        _assert_dense_equals_sparse(model, heads.dense(model, stride), (35, 67), stride)


@pytest.mark.parametrize(
    "hypercolumn, alignment, network",
    [
        (True, "centers", {"fov_blocks": 2}),
        (True, "corner", {"input_channels": 3, "padding": "bias"}),
        (False, "centers", {"fov_blocks": 1, "input_channels": 3}),
    ],
)
def test_dense_equals_sparse_for_classes(hypercolumn, alignment, network):
    model = _segmenter("vgg16", hypercolumn, network, alignment=alignment)
    fakes.randomize(model, bias=0.3)
    loaded = contracts.save_and_load(model)
    for stride, size in ((1, (33, 47)), (2, (1, 7)), (4, (34, 69))):
        dense = heads.dense(loaded, stride)
        assert dense.name == "dense_segmenter"
        _assert_dense_equals_sparse(model, dense, size, stride)


def test_dense_shares_the_weights():
    model = fakes.randomize(neutral.colorizer())
    dense = heads.dense(model)
    assert {id(w) for w in dense.weights} == {id(w) for w in model.weights}
    image = fakes.image(1, 9, 9, 1)
    before = dense(image)["hue"].numpy()
    model.get_layer("prediction_h").bias.assign_add(np.ones(5))
    np.testing.assert_allclose(dense(image)["hue"], before + 1, rtol=1e-5, atol=1e-5)


def test_dense_is_saved_and_loaded():
    dense = heads.dense(fakes.randomize(neutral.colorizer()), stride=2)
    loaded = contracts.save_and_load(dense)
    image = fakes.image(1, 13, 10, 1)
    expected = contracts.to_numpy(dense(image))
    contracts.assert_close(contracts.to_numpy(loaded(image)), expected)


@pytest.mark.parametrize("stride", [1, 2, 4])
def test_dense_shapes_and_names(stride):
    dense = heads.dense(neutral.colorizer(), stride)
    assert dense.name == "dense_colorizer"
    assert set(dense.output) == {"hue", "chroma"}
    assert dense.output["hue"].shape == (None, None, None, 5)
    output = dense(fakes.image(2, 10, 13, 1))["hue"]
    assert output.shape == (2, -(-10 // stride), -(-13 // stride), 5)


def test_dense_works_in_the_precision_of_the_model():
    policy = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy("mixed_bfloat16")
        model = neutral.colorizer()
    finally:
        keras.config.set_dtype_policy(policy)
    fakes.randomize(model, bias=0.1)
    dense = heads.dense(model)
    assert dense.get_layer("dense_head").compute_dtype == "bfloat16"
    image = fakes.image(1, 21, 17, 1)
    sparse = model({"gray": image, "points": _points(21, 17)})
    for name, values in dense(image).items():
        assert sparse[name].dtype == values.dtype == "float32"
        expected = sparse[name].numpy().reshape(values.shape)
        assert np.abs(values - expected).max() < 0.05 * np.abs(expected).max()


@pytest.mark.parametrize("stride", [0, 3, 8, None])
def test_bad_stride_is_named(stride):
    with pytest.raises(ValueError, match=f"1, 2 or 4. Received: stride={stride}"):
        heads.dense(neutral.colorizer(), stride)


def test_dense_refuses_other_models():
    with pytest.raises(ValueError, match="hypercolumn.*Received: model='vgg16'"):
        heads.dense(fakes.network("vgg16"))


# The colorizer.


def test_outputs_are_logits():
    model = fakes.randomize(neutral.colorizer())
    points = np.float32([[[3, 4], [0, 8]]])
    for values in model({"gray": fakes.image(1, 9, 9, 1), "points": points}).values():
        assert values.shape == (1, 2, 5)
        assert values.numpy().min() < 0
        assert not np.allclose(values.numpy().sum(-1), 1, atol=0.1)
    for layer in ("prediction_h", "prediction_c"):
        assert model.get_layer(layer).activation is keras.activations.linear


def test_names_inputs_and_outputs():
    model = neutral.colorizer()
    assert {name: x.shape for name, x in model.input.items()} == {
        "gray": (None, None, None, 1),
        "points": (None, None, 2),
    }
    assert set(model.output) == {"hue", "chroma"}
    names = {layer.name for layer in model.layers}
    assert {"h_fc1", "prediction_h", "prediction_c"} <= names
    assert set(neutral.colorizer(loss="lab").output) == {"ab"}
    rgb = neutral.colorizer(network={"input_channels": 3})
    assert set(rgb.input) == {"rgb", "points"}
    assert set(heads.dense(rgb)(fakes.image(1, 8, 8, 3))) == {"hue", "chroma"}


def test_head_starts_as_in_caffe():
    model = neutral.colorizer(hidden=256)
    kernel = model.get_layer("h_fc1").kernel.numpy()
    assert kernel.std() == pytest.approx(1e-4, rel=0.05)
    assert not model.get_layer("h_fc1").bias.numpy().any()
    assert model.get_layer("h_drop1").rate == 0.5
    bound = np.sqrt(3 / 256)  # xavier
    assert np.abs(model.get_layer("prediction_h").kernel).max() <= bound
    assert np.abs(model.get_layer("prediction_h").kernel).max() > 0.9 * bound


def test_one_tap_reads_the_last_map_alone():
    model = neutral.colorizer(hypercolumn=False)
    (tap,) = networks.taps(fakes.network("vgg16"))[-1:]
    assert model.get_layer("h_fc1").kernel.shape == (tap.channels, 6)
    assert model.get_layer("hypercolumn").strides == [32]
    assert model.get_layer("hypercolumn").offsets == [15.5]


def test_bad_arguments_are_named():
    with pytest.raises(ValueError, match="histogram, lab. Received: loss='kl'"):
        neutral.colorizer(loss="kl")
    with pytest.raises(ValueError, match=r"at least one .*Received: taps=\(\)"):
        heads.colorizer(fakes.network("vgg16"), ())
    with pytest.raises(ValueError, match="Received: alignment='corners'"):
        neutral.colorizer(alignment="corners")
    with pytest.raises(ValueError, match="positive integer. Received: bins=0"):
        neutral.colorizer(bins=0)


# The segmenter.


def test_segmenter_has_the_head_of_the_colorizer():
    model = _segmenter(hidden=256, network={"input_channels": 3})
    assert model.name == "segmenter"
    assert set(model.input) == {"rgb", "points"}
    assert {name: x.shape for name, x in model.output.items()} == {
        "classes": (None, None, 4)
    }
    kernel = model.get_layer("h_fc1").kernel.numpy()
    assert kernel.std() == pytest.approx(1e-4, rel=0.05)
    assert not model.get_layer("h_fc1").bias.numpy().any()
    bound = np.sqrt(3 / 256)  # xavier
    assert np.abs(model.get_layer("prediction").kernel).max() <= bound
    wider = _segmenter(hidden_stddev=0.1).get_layer("h_fc1").kernel.numpy()
    assert wider.std() == pytest.approx(0.1, rel=0.05)


def test_segmenter_gives_logits_and_drops_in_training_only():
    model = fakes.randomize(_segmenter(dropout=0.5, network={"dropout": 0.0}))
    assert model.get_layer("prediction").activation is keras.activations.linear
    points = np.float32([[[3, 4], [0, 8], [7, 1]]])
    inputs = {"gray": fakes.image(1, 9, 9, 1), "points": points}
    logits = model(inputs)["classes"].numpy()
    assert logits.min() < 0
    np.testing.assert_array_equal(model(inputs)["classes"], logits)
    assert not np.allclose(model(inputs, training=True)["classes"], logits)


def test_classes_are_in_float32_under_mixed_precision():
    policy = keras.config.dtype_policy()
    try:
        keras.config.set_dtype_policy("mixed_bfloat16")
        models = _segmenter(), heads.classifier(fakes.network("resnet"), classes=3)
    finally:
        keras.config.set_dtype_policy(policy)
    for model in models:
        assert model.layers[1].compute_dtype == "bfloat16"
        assert model.output["classes"].dtype == "float32"


def test_segmenter_names_bad_arguments():
    with pytest.raises(ValueError, match="positive integer. Received: classes=0"):
        _segmenter(classes=0)
    with pytest.raises(ValueError, match="positive integer. Received: classes=2.5"):
        _segmenter(classes=2.5)
    with pytest.raises(ValueError, match="positive integer. Received: hidden=-1"):
        _segmenter(hidden=-1)
    with pytest.raises(ValueError, match=r"at least one .*Received: taps=\[\]"):
        heads.segmenter(fakes.network("vgg16"), [], classes=2)


# The classifier.


@pytest.mark.parametrize(
    "name, network, size",
    [
        ("resnet", {"input_channels": 3}, (70, 41)),
        ("vgg16", {}, (65, 100)),
        # The crop just fits fc6: a map of one pixel.
        ("vgg16", {"fc6_padding": "valid"}, (224, 224)),
    ],
)
def test_classifier_is_linear_in_the_mean_of_the_last_map(name, network, size):
    backbone = fakes.network(name, **network)
    model = fakes.randomize(heads.classifier(backbone, classes=3), bias=0.3)
    image = fakes.image(2, *size, network.get("input_channels", 1))
    features = backbone(image).numpy().astype("float64")
    if network.get("fc6_padding") == "valid":
        assert features.shape[1:3] == (1, 1)
    else:
        assert min(features.shape[1:3]) > 1
    # A loop over the positions, in place of a mean.
    total = np.zeros((2, features.shape[-1]))
    for row, column in np.ndindex(features.shape[1:3]):
        total += features[:, row, column]
    prediction = model.get_layer("prediction")
    kernel, bias = prediction.kernel.numpy(), prediction.bias.numpy()
    mean = total / np.prod(features.shape[1:3])
    expected = mean @ kernel + bias
    assert np.ptp(expected, axis=0).min() > 1e-3
    (tensor,) = model.inputs
    np.testing.assert_allclose(
        model({tensor.name: image})["classes"], expected, rtol=1e-4, atol=1e-4
    )


def test_classifier_names_inputs_and_outputs():
    for channels, name in ((1, "gray"), (3, "rgb")):
        backbone = fakes.network("resnet", input_channels=channels)
        model = heads.classifier(backbone, classes=3)
        assert model.name == "classifier"
        assert {key: x.shape for key, x in model.input.items()} == {
            name: (None, None, None, channels)
        }
        assert {key: x.shape for key, x in model.output.items()} == {
            "classes": (None, 3)
        }
        assert not model.get_layer("prediction").bias.numpy().any()


def test_classifier_is_saved_and_loaded():
    model = fakes.randomize(heads.classifier(fakes.network("resnet"), classes=3))
    loaded = contracts.save_and_load(model)
    assert set(loaded.input) == {"gray"} and set(loaded.output) == {"classes"}
    inputs = {"gray": fakes.image(2, 40, 33, 1)}
    np.testing.assert_array_equal(loaded(inputs)["classes"], model(inputs)["classes"])


@pytest.mark.parametrize("classes", [0, -3, 2.0, None])
def test_classifier_names_bad_arguments(classes):
    backbone = fakes.network("resnet")
    with pytest.raises(ValueError, match=f"integer. Received: classes={classes}"):
        heads.classifier(backbone, classes)


# Jigsaw.


@pytest.mark.parametrize("name", ["alexnet", "vgg16", "resnet"])
def test_a_jigsaw_reads_the_patches_in_their_order(name):
    backbone = fakes.network(name)
    model = fakes.randomize(heads.jigsaw(backbone, 7, hidden=5), bias=0.1)
    # As many pixels as in the preset `sample`.
    patches = fakes.image(2, 9, 18, 18, 1)
    features = [np.mean(backbone(patches[:, i]), axis=(1, 2)) for i in range(9)]
    kernel, bias = model.get_layer("h_fc1").get_weights()
    hidden = np.maximum(np.concatenate(features, axis=-1) @ kernel + bias, 0)
    kernel, bias = model.get_layer("prediction").get_weights()
    actual = model({"patches": patches})["label"]
    np.testing.assert_allclose(actual, hidden @ kernel + bias, rtol=1e-4, atol=1e-5)


def test_jigsaw_is_saved_and_loaded():
    model = fakes.randomize(heads.jigsaw(fakes.network("alexnet"), 3, hidden=4))
    loaded = contracts.save_and_load(model)
    inputs = {"patches": fakes.image(2, 9, 12, 13, 1)}
    np.testing.assert_array_equal(loaded(inputs)["label"], model(inputs)["label"])


@pytest.mark.parametrize("bad", [{"permutations": 0}, {"hidden": 2.0}], ids=str)
def test_jigsaw_names_bad_arguments(bad):
    with pytest.raises(ValueError, match="integer. Received: "):
        heads.jigsaw(fakes.network("alexnet"), **{"permutations": 2, **bad})


# Training.


# Keras' own choice is XLA, which takes its time.
@pytest.mark.slow
@pytest.mark.parametrize("jit", [False, "auto"])
def test_a_users_own_fit_learns(jit):
    import tensorflow as tf

    model = neutral.compiled_colorizer(keras.optimizers.Adam(1e-2), jit)
    data = tf.data.Dataset.from_tensors(neutral.color_batch()).repeat(10)
    with warnings.catch_warnings():
        # Of TensorFlow and Keras themselves.
        warnings.simplefilter("ignore", DeprecationWarning)
        history = model.fit(data, epochs=3, shuffle=False, verbose=0).history
    assert history["loss"][-1] < history["loss"][0]
    assert np.isfinite(history["loss"]).all()


def test_compiled_loss_is_the_papers():
    model = neutral.compiled_colorizer()
    inputs, targets, weights = neutral.color_batch()
    # No division by the sum of the weights.
    total = 0.0
    for name, factor in (("hue", 5), ("chroma", 1)):
        logits = model(inputs)[name].numpy().astype("float64")
        log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
        q = targets[name]
        kl = (q * (np.log(q) - log_p)).sum(-1)
        total += factor * (weights[name] * kl).mean()
    actual = model.compute_loss(inputs, targets, model(inputs), weights)
    assert float(actual) == pytest.approx(total, rel=1e-5)
