"""Strict assignment: what it assigns, what it refuses, what it reports."""

import keras
import numpy as np
import pytest

from selfsup.weights import assignment

import fakes


def _model():
    return fakes.network("vgg16", fov_blocks=1)


def _values(model, seed=1):
    rng = np.random.default_rng(seed)
    return {
        name: rng.normal(size=variable.shape).astype("float32")
        for name, variable in assignment.parameters(model).items()
    }


def _assert_holds(model, values):
    held = assignment.arrays(model)
    assert held.keys() == values.keys()
    for name, value in values.items():
        np.testing.assert_array_equal(held[name], value, err_msg=name)


def test_parameters_are_named_by_layer_and_weight():
    names = list(assignment.parameters(_model()))
    assert names[:5] == [
        "conv1_1/kernel",
        "batch_conv1_1/moving_mean",
        "batch_conv1_1/moving_variance",
        "bias1_1/bias",
        "bias1_1/shift",
    ]
    assert len(names) == 5 * 16


def test_nested_models_are_refused():
    inputs = keras.Input((None, None, 1))
    nested = keras.Model(inputs, _model()(inputs), name="nested")
    with pytest.raises(ValueError, match="Received: model='nested' with two weights"):
        assignment.parameters(nested)


def test_every_weight_gets_its_own_array():
    model = _model()
    values = _values(model)
    report = assignment.assign(model, dict(reversed(values.items())))
    _assert_holds(model, values)
    assert [row.parameter for row in report.rows] == list(values)
    assert {row.how for row in report.rows} == {"copied"}


def test_arrays_are_copies():
    model = _model()
    values = assignment.arrays(model)
    values["conv1_1/kernel"][:] = 7
    assert not np.any(model.get_layer("conv1_1").kernel.numpy() == 7)


def test_all_mistakes_are_listed_and_nothing_is_assigned():
    model = _model()
    before = assignment.arrays(model)
    values = _values(model)
    del values["conv2_1/kernel"], values["bias5_3/shift"]
    values["fc8/kernel"] = np.zeros((1, 1))
    values["conv1_1/kernel"] = np.zeros((3, 3, 3, 2))
    values["bias1_1/bias"] = np.zeros(())
    with pytest.raises(ValueError) as caught:
        assignment.assign(model, values, origin="some.file")
    message = str(caught.value)
    assert "The weights from some.file are not those of the model 'vgg16'" in message
    assert message.endswith(
        "Received: missing: conv2_1/kernel, bias5_3/shift; unexpected: fc8/kernel; "
        "of another shape: conv1_1/kernel (3, 3, 3, 2) instead of (3, 3, 1, 2), "
        "bias1_1/bias () instead of (2,)"
    )
    _assert_holds(model, before)


def test_long_lists_are_cut_to_ten_and_a_count():
    model = _model()
    with pytest.raises(ValueError, match="missing: conv1_1/kernel") as caught:
        assignment.assign(model, {})
    listed = str(caught.value).partition("missing: ")[2].split(", ")
    assert len(listed) == 11
    assert listed[-1] == "and 70 more"
    almost = _values(model)
    for name in list(almost)[:10]:
        del almost[name]
    with pytest.raises(ValueError, match="missing: ") as caught:
        assignment.assign(model, almost)
    assert "more" not in str(caught.value)


def test_report_is_a_table_with_a_summary():
    inputs = keras.Input((2,))
    model = keras.Model(inputs, keras.layers.Dense(3, name="fc")(inputs))
    report = assignment.assign(
        model,
        {"fc/kernel": np.ones((2, 3)), "fc/bias": np.ones(3)},
        {"fc/kernel": ("ip/0", "transposed")},
        origin="net.h5",
    )
    assert str(report).splitlines() == [
        "parameter  shape   source   how",
        "fc/kernel  (2, 3)  ip/0     transposed",
        "fc/bias    (3,)    fc/bias  copied",
        "2 parameters of 9 values from net.h5: 1 transposed, 1 copied",
    ]


def test_weights_keep_their_type():
    model = _model()
    values = {name: value.astype("float64") for name, value in _values(model).items()}
    assignment.assign(model, values)
    assert {v.dtype for v in model.weights} == {"float32"}
