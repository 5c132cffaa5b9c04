"""Refuses graphs that a model server cannot run.

A SavedModel with an operation that the server lacks often loads there, and fails
only when it is called.
"""

import pathlib

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

# Operations that need Python or a compiler, which servers lack or have switched
# off, and those that read files or write them.
_DENIED = {
    "EagerPyFunc",
    "PrintV2",
    "PyFunc",
    "PyFuncStateless",
    "ReadFile",
    "WriteFile",
    "XlaCallModule",
}

# Marks what must be compiled by XLA.
_XLA = "_XlaMustCompile"

# Types that the server's REST interface can write.
_OUTPUT_TYPES = (tf.float32, tf.string)

_METHOD = "tensorflow/serving/predict"


def check(folder):
    """Refuses a SavedModel that a model server cannot run.

    Args:
        folder: The folder of the SavedModel.

    Raises:
        ValueError: If its graph holds an operation that needs Python, files or
            XLA, or a signature has no leading dimension for the batch or an
            output of another type than float32 and string; all are listed.
    """
    content = saved_model_pb2.SavedModel()
    content.ParseFromString(pathlib.Path(folder, "saved_model.pb").read_bytes())
    found = []
    for graph in content.meta_graphs:
        found += _denied(graph.graph_def)
        for name, signature in graph.signature_def.items():
            if not name.startswith("__"):
                found += _faults(name, signature)
    if found:
        raise ValueError(
            "The exported graph does not run in a model server. Expected operations "
            "without Python, files and XLA, and batches in and out. "
            f"Received: {'; '.join(sorted(set(found)))}"
        )


def _denied(graph):
    nodes, attributes = list(graph.node), []
    for function in graph.library.function:
        nodes += function.node_def
        attributes.append(function.attr)
    attributes += [node.attr for node in nodes]
    found = [node.op for node in nodes if node.op in _DENIED]
    # The attribute may also be present and false.
    return found + [_XLA for attr in attributes if _XLA in attr and attr[_XLA].b]


def _faults(name, signature):
    if signature.method_name != _METHOD:
        yield f"{name} is called by {signature.method_name!r}"
    for tensors in (signature.inputs, signature.outputs):
        for key, tensor in tensors.items():
            dims = tensor.tensor_shape.dim
            if not dims or dims[0].size != -1:
                yield f"{name} has {key} without a dimension for the batch"
    for key, tensor in signature.outputs.items():
        if tensor.dtype not in (dtype.as_datatype_enum for dtype in _OUTPUT_TYPES):
            yield f"{name} has {key} of type {tf.dtypes.as_dtype(tensor.dtype).name}"
