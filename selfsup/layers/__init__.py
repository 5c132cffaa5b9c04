"""Layers that Keras lacks.

They are registered with Keras when this package is imported, so that models which
contain them can be loaded.
"""

from selfsup.layers.bias import Bias
from selfsup.layers.bias_padded_conv import BiasPaddedConv2D
from selfsup.layers.ceil_max_pooling import CeilMaxPooling2D
from selfsup.layers.dense_head import DenseHead
from selfsup.layers.dense_hypercolumn import DenseHypercolumn
from selfsup.layers.local_response_normalization import LocalResponseNormalization
from selfsup.layers.sparse_hypercolumn import SparseHypercolumn

__all__ = [
    "Bias",
    "BiasPaddedConv2D",
    "CeilMaxPooling2D",
    "DenseHead",
    "DenseHypercolumn",
    "LocalResponseNormalization",
    "SparseHypercolumn",
]
