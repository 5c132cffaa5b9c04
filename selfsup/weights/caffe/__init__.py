"""Import and export of Caffe's HDF5 weights, `.caffemodel.h5`.

Synopsis:

    model, report = caffe.load("vgg16.caffemodel.h5")
    print(report)
    weights.save(model, "vgg16.keras")
    caffe.save(model, "again.caffemodel.h5")
"""

from selfsup.weights.caffe.loading import load
from selfsup.weights.caffe.saving import save

__all__ = ["load", "save"]
