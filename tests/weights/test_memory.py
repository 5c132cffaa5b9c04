"""Large weights are read and written in place, and not copied afterwards."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from selfsup.weights import memory

import contracts


def _variable(*shape, dtype="float32"):
    return keras.Variable(contracts.ramp(*shape), dtype=dtype)


def _address(variable):
    """Returns where the memory of the values begins."""
    return np.from_dlpack(variable.value.read_value()).ctypes.data


@pytest.mark.parametrize("shape", [(11,), (4, 11), (3, 2, 5, 11)])
def test_channels_are_written(shape):
    variable = _variable(*shape)
    expected = np.array(variable.value)
    expected[..., 3:7] = contracts.ramp(*shape[:-1], 4)
    memory.assign_channels(variable, 3, contracts.ramp(*shape[:-1], 4))
    np.testing.assert_array_equal(variable.value, expected)


def test_last_channels_in_half_precision():
    variable = _variable(4, 6, dtype="bfloat16")
    memory.assign_channels(variable, 2, np.full((4, 4), 3.0))
    np.testing.assert_array_equal(variable.value[:, 2:].numpy(), np.full((4, 4), 3))


def test_a_weight_is_written_in_place_and_read_without_a_copy():
    # Else networks would copy every such kernel whenever they run.
    variable = _variable(64, 64)
    addresses = set()
    for start in range(0, 64, 16):
        memory.assign_channels(variable, start, np.ones((64, 16), np.float32))
        addresses.add(_address(variable))
    assert len(addresses) == 1
    # TensorFlow's operation alone makes later reads copy the weight.
    tf.raw_ops.ResourceStridedSliceAssign(
        ref=variable.value.handle,
        begin=[0],
        end=[1],
        strides=[1],
        value=tf.ones([1, 64]),
    )
    assert _address(variable) not in addresses


@pytest.mark.parametrize("dtype", ["float32", "bfloat16", "int32"])
def test_a_view_has_the_values_and_the_memory_of_the_weight(dtype):
    variable = keras.Variable(np.arange(4096).reshape(64, 64) % 100, dtype=dtype)
    view = memory.view(variable)
    assert view.ctypes.data == memory.view(variable).ctypes.data
    assert not view.flags.owndata
    assert view.dtype == variable.value.numpy().dtype
    np.testing.assert_array_equal(view, variable.value.numpy())


def test_weights_that_were_assigned_from_a_view_stay_apart():
    one, two = _variable(64, 64), _variable(64, 64)
    values = one.value.numpy()
    two.assign(memory.view(one))
    view = memory.view(one)
    one.value.assign_add(tf.ones([64, 64]))
    np.testing.assert_array_equal(two.value, values)
    np.testing.assert_array_equal(view, values)
    memory.assign_channels(two, 0, np.zeros((64, 3), np.float32))
    two.value.assign_sub(tf.ones([64, 64]))
    np.testing.assert_array_equal(one.value, values + 1)
