"""Whether a graph runs in a model server: what it may consist of.

A SavedModel with an operation that the server lacks often loads there, and fails
only when it is called.
"""

import pathlib

import tensorflow as tf
from tensorflow.core.protobuf import saved_model_pb2

# All operations that exports consist of. Each is known to the library of
# TensorFlow 2.19.1 (its `TF_GetAllOpList`), an older server that is still in use.
# Before a name is added, look it up there: the list of the TensorFlow at hand
# would not do, since it grows.
STOCK_OPS = frozenset(
    """
    Abs Acos Add AddN AddV2 All Any ArgMax ArgMin AsString Asin Assert
    AssignVariableOp Atan Atan2 AvgPool BatchMatMulV2 BiasAdd Bincount Bitcast
    BitwiseAnd BitwiseOr BitwiseXor BroadcastTo Case Cast Ceil ClipByValue
    ConcatOffset ConcatV2 Const Conv2D Conv2DBackpropInput Cos Cumsum DecodeImage
    DecodeJpeg DecodePng DecodeRaw DepthToSpace DepthwiseConv2dNative Diag
    DisableCopyOnRead DivNoNan Einsum Elu Empty EncodePng EnsureShape Equal Erf Exp
    ExpandDims Expm1 ExtractJpegShape Fill Floor FloorDiv FloorMod FusedBatchNormV3
    GatherNd GatherV2 Greater GreaterEqual Identity IdentityN If IsFinite IsNan
    L2Loss LRN LeakyRelu LeftShift Less LessEqual Log Log1p LogSoftmax LogicalAnd
    LogicalNot LogicalOr MatMul MatrixDiagV3 Max MaxPool Maximum Mean
    MergeV2Checkpoints Min Minimum MirrorPad Mod Mul Neg NoOp NotEqual OneHot
    OnesLike Pack Pad PadV2 PartitionedCall Placeholder Pow Prod Range Rank
    ReadVariableOp RealDiv Reciprocal RegexFullMatch Relu Relu6 Reshape ResizeArea
    ResizeBicubic ResizeBilinear ResizeNearestNeighbor RestoreV2 ReverseV2
    RightShift Rint Roll Round Rsqrt SaveV2 ScaleAndTranslate ScatterNd Select
    SelectV2 Selu Shape ShardedFilename Sigmoid Sign Sin Size Slice Softmax Softplus
    SpaceToDepth Split SplitV Sqrt Square SquaredDifference Squeeze
    StatefulPartitionedCall StatelessCase StatelessIf StatelessWhile
    StaticRegexFullMatch StopGradient StridedSlice StringFormat StringJoin
    StringLength Sub Substr Sum Tan Tanh TensorListFromTensor TensorListGetItem
    TensorListReserve TensorListSetItem TensorListStack Tile TopKV2 Transpose Unique
    Unpack VarHandleOp VarIsInitializedOp Where While ZerosLike
    """.split()
)

# Marks what shall be compiled by XLA, which servers have switched off.
_XLA = "_XlaMustCompile"

# Types that the server's REST interface can write.
_OUTPUT_TYPES = (tf.float32, tf.string)

_METHOD = "tensorflow/serving/predict"


def check(folder):
    """Refuses a SavedModel that a model server could not run.

    Args:
        folder: The folder of the SavedModel.

    Raises:
        ValueError: If its graph holds an operation that is not stock, or wants to
            be compiled by XLA, or a signature has no leading dimension for the
            batch or an output of another type than float32 and string; all are
            listed.
    """
    content = saved_model_pb2.SavedModel()
    content.ParseFromString(pathlib.Path(folder, "saved_model.pb").read_bytes())
    found = []
    for graph in content.meta_graphs:
        found += _unknown(graph.graph_def)
        for name, signature in graph.signature_def.items():
            if not name.startswith("__"):
                found += _faults(name, signature)
    if found:
        raise ValueError(
            "The exported graph does not run in a model server. Expected operations "
            "of TensorFlow 2.19 without XLA, and batches in and out. "
            f"Received: {'; '.join(sorted(set(found)))}"
        )


def _unknown(graph):
    nodes, attributes = list(graph.node), []
    for function in graph.library.function:
        nodes += function.node_def
        attributes.append(function.attr)
    attributes += [node.attr for node in nodes]
    found = [node.op for node in nodes if node.op not in STOCK_OPS]
    # An attribute may also be there and say no.
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
