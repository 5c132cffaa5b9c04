"""Refuses graphs that a model server cannot run.

A SavedModel with an operation that the server lacks often loads there, and fails
only when it is called.
"""

import pathlib

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


def check(folder):
    """Refuses a SavedModel that a model server cannot run.

    Args:
        folder: The folder of the SavedModel.

    Raises:
        ValueError: If its graph holds operations that need Python, files or XLA;
            all are listed.
    """
    content = saved_model_pb2.SavedModel()
    content.ParseFromString(pathlib.Path(folder, "saved_model.pb").read_bytes())
    (graph,) = (meta_graph.graph_def for meta_graph in content.meta_graphs)
    functions = graph.library.function
    nodes = [*graph.node, *(node for f in functions for node in f.node_def)]
    found = {node.op for node in nodes} & _DENIED
    # The attribute may also be present and false.
    if any(_XLA in part.attr and part.attr[_XLA].b for part in (*nodes, *functions)):
        found.add(_XLA)
    if found:
        raise ValueError(
            "The exported graph does not run in a model server. Expected operations "
            f"without Python, files and XLA. Received: {', '.join(sorted(found))}"
        )
