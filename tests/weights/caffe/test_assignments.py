"""Single weights by hand: the blobs they are made of, and their values."""

import keras
import numpy as np
import pytest

from selfsup.weights.caffe import assignments, blobs, names

import caffe_files
import contracts

_UNIT = names.Unit("fc6", "batch_fc6", "scale_fc6", "bias6")


def _variables(**shapes):
    return {
        name.replace("__", "/"): keras.Variable(np.zeros(shape, np.float32))
        for name, shape in shapes.items()
    }


def _fill(tmp_path, layers, planned, variables):
    """Returns how each weight was made."""
    path = caffe_files.write(tmp_path / "x.h5", layers)
    with blobs.opened(path) as file:
        assert {name for one in planned for name in one.expected} == set(file.shapes)
        return {
            one.parameter: one.run(file, variables[one.parameter]) for one in planned
        }


@pytest.mark.parametrize("bgr", [False, True])
@pytest.mark.parametrize("matrix", [False, True])
def test_kernel(bgr, matrix, tmp_path):
    variables = _variables(fc6__kernel=(5, 4, 3, 2), bias6__bias=2, bias6__shift=2)
    oihw = contracts.ramp(2, 3, 5, 4)
    blob = oihw.reshape(2, -1) if matrix else oihw
    how = _fill(
        tmp_path,
        {"fc6": [blob, [7.0, 8.0]]},
        assignments.of_unit(_UNIT, variables, bgr=bgr),
        variables,
    )
    kernel = variables["fc6/kernel"].numpy()
    for o, i, y, x in np.ndindex(oihw.shape):
        assert kernel[y, x, 2 - i if bgr else i, o] == oihw[o, i, y, x]
    np.testing.assert_array_equal(variables["bias6/bias"], [7, 8])
    assert how["fc6/kernel"] == (
        f"{'matrix' if matrix else 'OIHW'} to HWIO{', BGR to RGB' if bgr else ''}"
    )
    assert how["bias6/bias"] == "copied" and how["bias6/shift"] == "zeros"


def test_scaled_normalization(tmp_path):
    variables = _variables(
        fc6__kernel=(1, 1, 1, 2),
        batch_fc6__gamma=2,
        batch_fc6__moving_mean=2,
        batch_fc6__moving_variance=2,
        bias6__bias=2,
        bias6__shift=2,
    )
    layers = {
        "fc6": [np.ones((2, 1, 1, 1))],
        "batch_fc6": [[2, 4], [6, 8], [4]],
        "scale_fc6": [[2, 3], [5, 7]],
    }
    how = _fill(
        tmp_path,
        layers,
        assignments.of_unit(_UNIT, variables, "affine", biased=False),
        variables,
    )
    values = {name: variable.numpy().tolist() for name, variable in variables.items()}
    assert values["batch_fc6/gamma"] == [2, 3] and values["bias6/bias"] == [5, 7]
    assert values["batch_fc6/moving_mean"] == [0.5, 1]
    assert values["batch_fc6/moving_variance"] == [1.5, 2]
    assert how["batch_fc6/moving_mean"] == "divided by the factor 4"


def test_absorbed_normalization(tmp_path):
    variables = _variables(fc6__kernel=(1, 1, 1, 2), bias6__bias=2, bias6__shift=2)
    layers = {
        "fc6": [np.ones((2, 1, 1, 1)), [1, 2]],
        "batch_fc6": [[6, 8], np.array([4 - 1e-5, 16 - 1e-5]) * 2, [2]],
        "scale_fc6": [[2, 3], [5, 7]],
    }
    _fill(
        tmp_path,
        layers,
        assignments.of_unit(_UNIT, variables, "affine", absorbed=True),
        variables,
    )
    # gamma / sigma is 2 / 2 and 3 / 4; (b - mean) of it is (1 - 3) and (2 - 4) 3/4.
    np.testing.assert_allclose(variables["fc6/kernel"].numpy().ravel(), [1, 0.75])
    np.testing.assert_allclose(variables["bias6/bias"], [5 - 2, 7 - 1.5])


@pytest.mark.parametrize("square", [False, True])
def test_inner_product_that_sees_the_image(square, tmp_path):
    variables = _variables(h_fc1__kernel=(5, 2), h_fc1__bias=2)
    matrix = np.array([[1, 2, 3, 4, 5], [10, 20, 30, 40, 50.0]])
    layers = {"x": [matrix.reshape(2, 5, 1, 1) if square else matrix, [0.5, 0.25]]}
    how = _fill(
        tmp_path,
        layers,
        assignments.of_dense(
            "h_fc1",
            "x",
            variables,
            image_channels=3,
            rescaling=(2.0, [1.0, 0.1, 0.01]),
        ),
        variables,
    )
    # Blue, green, red become red, green, blue, twice as large.
    np.testing.assert_array_equal(
        variables["h_fc1/kernel"].numpy().T, [[6, 4, 2, 4, 5], [60, 40, 20, 40, 50]]
    )
    # Red has weight 3 and offset 1, green 2 and 0.1, blue 1 and 0.01.
    np.testing.assert_allclose(variables["h_fc1/bias"], [3.71, 32.35], rtol=1e-6)
    assert how == {
        "h_fc1/kernel": "transposed, the image's BGR to RGB, the image's part rescaled",
        "h_fc1/bias": "plus 1, 0.1, 0.01 times the image's part of the kernel",
    }


def test_shapes_that_fit():
    assert assignments.fits((3, 4), [(3, 4)])
    assert assignments.fits((1, 1, 1, 7), [(7,)])
    assert assignments.fits((), [(1,)])
    assert not assignments.fits((4, 3), [(3, 4)])
    assert not assignments.fits((7, 1), [(7,)])
    assert assignments.fits((7, 2), [(7,), (7, 2)])
