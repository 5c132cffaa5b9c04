"""Slices of weights: the right values, in place, and no copies afterwards."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from selfsup.weights import slices

import contracts


@pytest.fixture(autouse=True)
def small(monkeypatch):
    monkeypatch.setattr(slices, "LARGE", 40)


def _variable(*shape, dtype="float32"):
    return keras.Variable(contracts.ramp(*shape), dtype=dtype)


def _address(variable):
    """Where the memory of what is read begins."""
    return np.from_dlpack(variable.value.read_value()).ctypes.data


@pytest.mark.parametrize("shape", [(11,), (4, 11), (3, 2, 5, 11)])
def test_last_channels_are_written(shape):
    variable = _variable(*shape)
    expected = np.array(variable.value)
    expected[..., 3:7] = contracts.ramp(*shape[:-1], 4)
    slices.assign_last(variable, 3, contracts.ramp(*shape[:-1], 4))
    np.testing.assert_array_equal(variable.value, expected)


def test_last_channels_in_half_precision():
    variable = _variable(4, 6, dtype="bfloat16")
    slices.assign_last(variable, 2, np.full((4, 4), 3.0))
    np.testing.assert_array_equal(variable.value[:, 2:].numpy(), np.full((4, 4), 3))


def test_a_weight_is_written_in_place_and_read_without_a_copy():
    # Else networks would copy every such kernel whenever they run.
    variable = _variable(64, 64)
    addresses = set()
    for start in range(0, 64, 16):
        slices.assign_last(variable, start, np.ones((64, 16), np.float32))
        addresses.add(_address(variable))
    assert len(addresses) == 1
    # Which TensorFlow's operation alone does not keep.
    tf.raw_ops.ResourceStridedSliceAssign(
        ref=variable.value.handle,
        begin=[0],
        end=[1],
        strides=[1],
        value=tf.ones([1, 64]),
    )
    assert _address(variable) not in addresses


@pytest.mark.parametrize("shape", [(7,), (100,), (9, 3, 2), (3, 4, 7, 13), (1, 90)])
@pytest.mark.parametrize("read", [slices.read_first, slices.read_last])
def test_parts_make_the_whole(read, shape):
    variable = _variable(*shape)
    result = np.full(shape, np.nan, np.float32)
    sizes = []
    for where, array in read(variable):
        if read is slices.read_last:
            where = (..., slice(where, where + array.shape[-1]))
        assert np.isnan(result[where]).all()
        result[where] = array
        sizes.append(array.size)
    np.testing.assert_array_equal(result, variable.value)
    # A single channel may be larger.
    least = 1 if read is slices.read_first else int(np.prod(shape[:-1]))
    assert max(sizes) <= max(40, least)


def test_step():
    assert slices.step_of((100, 10)) == 4
    assert slices.step_of((100, 41)) == 1
    assert slices.step_of((100,)) == 40
    assert slices.step_of((3, 0)) == 40
