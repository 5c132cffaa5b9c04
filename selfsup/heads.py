"""Heads on a backbone, and what kind of model they make."""

from typing import NamedTuple

import keras
from keras import ops

from selfsup import layers, networks
from selfsup.layers.checks import check_positive

# Names of the outputs. `CLASSES` are the classes of a point, or all those that an
# image shows; `LABEL` is the only one that it has.
HUE, CHROMA, AB, CLASSES, LABEL = "hue", "chroma", "ab", "classes", "label"

# Patches of a jigsaw puzzle.
PATCHES = 9

# Layers that make the outputs, named as in Caffe where it has them.
_PREDICTIONS = {
    HUE: "prediction_h",
    CHROMA: "prediction_c",
    AB: "prediction_ab",
    CLASSES: "prediction",
    LABEL: "prediction",
}
_COLORS = {"histogram": (HUE, CHROMA), "lab": (AB,)}


class Kind(NamedTuple):
    """What all models of a kind have in common.

    Attributes:
        inputs: The sets of inputs that such a model may have.
        outputs: The sets of outputs that it may have.
        activation: What turns its logits into probabilities: `"softmax"`,
            `"sigmoid"`, or None where the outputs are no probabilities.
    """

    inputs: tuple
    outputs: tuple
    activation: str | None


# Kinds of models with a head; all others are backbones. A workdir holds a model of
# kind K as `K.keras`.
KINDS = {
    "colorizer": Kind(({"gray", "points"},), ({HUE, CHROMA}, {AB}), "softmax"),
    "segmenter": Kind(({"gray", "points"}, {"rgb", "points"}), ({CLASSES},), "softmax"),
    "classifier": Kind(({"gray"}, {"rgb"}), ({CLASSES},), "sigmoid"),
    "single_label_classifier": Kind(({"gray"}, {"rgb"}), ({LABEL},), "softmax"),
    "jigsaw": Kind(({"patches"},), ({LABEL},), "softmax"),
}
BACKBONE = "backbone"


def kind(model, origin=None):
    """Returns of which kind a model is.

    Its inputs and outputs decide, so models loaded from a file are recognized.

    Args:
        model: A Keras model.
        origin: What the error calls it; None for its name.

    Returns:
        A key of `KINDS`, or `"backbone"`.

    Raises:
        ValueError: If it is a model of none of these kinds.

    Example:

    >>> kind(classifier(networks.vgg16(width=0.05), classes=20))
    'classifier'
    """
    # A sequential model that was loaded has no `output`.
    output = getattr(model, "output", None)
    outputs = set(output) if isinstance(output, dict) else set()
    inputs = {tensor.name for tensor in model.inputs}
    for name, facts in KINDS.items():
        if inputs in facts.inputs and outputs in facts.outputs:
            return name
    if inputs in ({"gray"}, {"rgb"}) and not outputs and networks.is_network(model):
        return BACKBONE
    raise ValueError(
        f"The model is of no known kind. Expected one of {', '.join(KINDS)} or "
        f"{BACKBONE}. Received: {origin or model.name} with inputs "
        f"{', '.join(sorted(inputs))} and {len(model.outputs)} outputs "
        f"({', '.join(sorted(outputs)) or 'without names'})"
    )


def check_kind(model, expected, origin=None):
    """Raises a ValueError unless a model is of one of some kinds.

    Args:
        model: A Keras model.
        expected: Names of kinds.
        origin: What the error calls the model; None for its name.

    Returns:
        The kind of the model.
    """
    found = kind(model, origin)
    if found not in expected:
        raise ValueError(
            f"The model is of another kind. Expected a {' or '.join(expected)}. "
            f"Received: {origin or model.name}, a {found}"
        )
    return found


def colorizer(
    backbone,
    taps,
    bins=32,
    *,
    loss="histogram",
    hidden=1024,
    dropout=0.5,
    hidden_stddev=1e-4,
    alignment="centers",
):
    """Builds a model that predicts the color at sampled points.

    A hypercolumn reads the taps at each point; one hidden layer and one linear
    layer for each output follow (paper section 3). With a single tap there is
    no hypercolumn, only that layer, read at the same points.

    Args:
        backbone: A model of `selfsup.networks`.
        taps: Sequence of `Tap`, usually `networks.taps(backbone)`; its last
            element alone for training without hypercolumn.
        bins: Bins `K` of each histogram.
        loss: `"histogram"` for hue and chroma, `"lab"` for a and b.
        hidden: Units of the hidden layer.
        dropout: Rate after the hidden layer.
        hidden_stddev: Standard deviation of the hidden layer's initial kernel. With
            the original's 1e-4 the outputs start close to zero.
        alignment: `"centers"`, or `"corner"` for the authors' TensorFlow op.

    Returns:
        A `keras.Model` with inputs `{"gray": [B, H, W, 1], "points":
        [B, P, 2]}` (`"rgb"` for a color backbone; points are (y, x) in
        pixels) and float32 outputs `{"hue": [B, P, K], "chroma": [B, P, K]}`,
        which are logits, or `{"ab": [B, P, 2]}`.

    Raises:
        ValueError: If `loss` is unknown, `taps` is empty or a number is out of
            its range.

    Example:

    >>> backbone = networks.vgg16(width=0.05)
    >>> model = colorizer(backbone, networks.taps(backbone), bins=32)
    >>> {name: output.shape for name, output in model.output.items()}
    {'hue': (None, None, 32), 'chroma': (None, None, 32)}
    """
    if loss not in _COLORS:
        raise ValueError(
            f"Argument `loss` must be one of {', '.join(_COLORS)}. "
            f"Received: loss={loss!r}"
        )
    outputs = {name: bins if loss == "histogram" else 2 for name in _COLORS[loss]}
    check_positive("bins", bins)
    return _point_model(
        "colorizer", backbone, taps, outputs, hidden, dropout, hidden_stddev, alignment
    )


def segmenter(
    backbone,
    taps,
    classes,
    *,
    hidden=1024,
    dropout=0.5,
    hidden_stddev=1e-4,
    alignment="centers",
):
    """Builds a model that predicts the class at sampled points.

    The head is that of `colorizer` with one output (paper section 5). Use
    `dense` for whole images.

    Args:
        backbone: A model of `selfsup.networks`.
        taps: Sequence of `Tap`, usually `networks.taps(backbone)`.
        classes: Number of classes `K`.
        hidden: Units of the hidden layer.
        dropout: Rate after the hidden layer.
        hidden_stddev: Standard deviation of the hidden layer's initial kernel.
        alignment: `"centers"`, or `"corner"` for the authors' TensorFlow op.

    Returns:
        A `keras.Model` with inputs `{"gray": [B, H, W, 1], "points":
        [B, P, 2]}` (`"rgb"` for a color backbone) and the float32 output
        `{"classes": [B, P, K]}`, logits.

    Raises:
        ValueError: If `taps` is empty or a number is out of its range.

    Example:

    >>> backbone = networks.vgg16(width=0.05, fov_blocks=2)
    >>> model = segmenter(backbone, networks.taps(backbone), classes=21)
    >>> dense(model).output["classes"].shape
    (None, None, None, 21)
    """
    check_positive("classes", classes)
    outputs = {CLASSES: classes}
    return _point_model(
        "segmenter", backbone, taps, outputs, hidden, dropout, hidden_stddev, alignment
    )


def classifier(backbone, classes, *, multi_label=True):
    """Builds a model that predicts which classes, or which class, an image shows.

    The scores are linear in the last feature map and averaged over it: one
    vector where the crop just fits fc6 ("valid"), the pooled map of a ResNet.

    Args:
        backbone: A model of `selfsup.networks`.
        classes: Number of classes `K`.
        multi_label: Whether an image may show several classes, or none. The kind
            is then `classifier`, else `single_label_classifier`.

    Returns:
        A `keras.Model` with the input `{"gray": [B, H, W, 1]}` (`"rgb"` for a
        color backbone) and the float32 output `{"classes": [B, K]}`, logits of
        independent classes, or `{"label": [B, K]}`, logits of exclusive ones.

    Raises:
        ValueError: If `classes` is out of its range.

    Example:

    >>> classifier(networks.vgg16(width=0.05), classes=20).output["classes"].shape
    (None, 20)
    """
    check_positive("classes", classes)
    x = keras.layers.GlobalAveragePooling2D(
        data_format="channels_last", name="average"
    )(backbone.output)
    x = keras.layers.Dense(
        classes,
        kernel_initializer="he_normal",
        dtype="float32",
        name=_PREDICTIONS[CLASSES],
    )(x)
    image, output = backbone.input, CLASSES if multi_label else LABEL
    name = "classifier" if multi_label else "single_label_classifier"
    return keras.Model({image.name: image}, {output: x}, name=name)


def jigsaw(backbone, permutations, *, hidden=1024, dropout=0.5):
    """Builds a model that predicts how nine patches were shuffled.

    One backbone reads all patches. Its features, averaged over each patch, are
    concatenated in the order of the patches; one hidden layer and one linear layer
    follow (Noroozi and Favaro, ECCV 2016).

    Args:
        backbone: A model of `selfsup.networks`.
        permutations: Number of permutations `K` to tell apart.
        hidden: Units of the hidden layer.
        dropout: Rate after the hidden layer.

    Returns:
        A `keras.Model` with the input `{"patches": [B, 9, S, S, C]}`, each patch as
        the backbone takes it, and the float32 output `{"label": [B, K]}`, logits. The
        backbone is a model within it.

    Raises:
        ValueError: If a number is out of its range.

    Example:

    >>> model = jigsaw(networks.vgg16(width=0.05), permutations=100, hidden=64)
    >>> model.output["label"].shape
    (None, 100)
    """
    check_positive("permutations", permutations)
    check_positive("hidden", hidden)
    patches = keras.Input((PATCHES, *backbone.input.shape[1:]), name="patches")
    # Not a reshape: height and width are not known.
    x = backbone(ops.concatenate(ops.unstack(patches, PATCHES, axis=1), axis=0))
    x = keras.layers.GlobalAveragePooling2D(
        data_format="channels_last", name="average"
    )(x)
    channels = x.shape[-1]
    x = ops.transpose(ops.reshape(x, (PATCHES, -1, channels)), (1, 0, 2))
    x = ops.reshape(x, (-1, PATCHES * channels))
    x = keras.layers.Dense(
        hidden, activation="relu", kernel_initializer="he_normal", name="h_fc1"
    )(x)
    x = keras.layers.Dropout(dropout, name="h_drop1")(x)
    x = keras.layers.Dense(
        permutations,
        kernel_initializer="lecun_uniform",
        dtype="float32",
        name=_PREDICTIONS[LABEL],
    )(x)
    return keras.Model({"patches": patches}, {LABEL: x}, name="jigsaw")


def _point_model(
    name, backbone, taps, outputs, hidden, dropout, hidden_stddev, alignment
):
    if not taps:
        raise ValueError(
            "Argument `taps` must hold at least one feature map. "
            f"Received: taps={taps!r}"
        )
    check_positive("hidden", hidden)
    image = backbone.input
    points = keras.Input((None, 2), dtype="float32", name="points")
    features = [backbone.get_layer(tap.layer).output for tap in taps]
    x = layers.SparseHypercolumn(
        strides=[tap.stride for tap in taps],
        offsets=[tap.offset for tap in taps],
        alignment=alignment,
        name="hypercolumn",
    )(features, points)
    x = keras.layers.Dense(
        hidden,
        activation="relu",
        kernel_initializer=keras.initializers.RandomNormal(stddev=hidden_stddev),
        name="h_fc1",
    )(x)
    x = keras.layers.Dropout(dropout, name="h_drop1")(x)
    predictions = {
        output: keras.layers.Dense(
            units,
            kernel_initializer="lecun_uniform",
            # float32 under mixed precision too: the losses need the digits.
            dtype="float32",
            name=_PREDICTIONS[output],
        )(x)
        for output, units in outputs.items()
    }
    inputs = {image.name: image, "points": points}
    return keras.Model(inputs, predictions, name=name)


def dense(model, stride=1):
    """Turns a model for sampled points into one for whole images.

    The weights are the same variables, and so are the predictions: at each
    pixel they equal those of the point model. The concatenated hypercolumn is
    never built, so memory does not grow with H x W x hidden units.

    Args:
        model: A model made by `colorizer` or `segmenter`, or loaded from its file.
        stride: 1, 2 or 4: predict at every pixel, or at the centers of squares
            of 2 x 2 or 4 x 4.

    Returns:
        A `keras.Model` from `gray [B, H, W, 1]` (or `rgb`) to a dict of the same
        outputs, `[B, ceil(H / stride), ceil(W / stride), K]`, float32.

    Raises:
        ValueError: If `stride` is not 1, 2 or 4, or the model is not one for
            sampled points.
    """
    if stride not in (1, 2, 4):
        raise ValueError(
            f"Argument `stride` must be 1, 2 or 4. Received: stride={stride}"
        )
    if "hypercolumn" not in {layer.name for layer in model.layers}:
        raise ValueError(
            "Argument `model` must be a model for sampled points, with a layer "
            f"`hypercolumn`. Received: model={model.name!r}"
        )
    hypercolumn = model.get_layer("hypercolumn")
    *features, _ = hypercolumn.input
    image = next(tensor for tensor in model.inputs if tensor.name != "points")
    head = layers.DenseHead(
        hidden=model.get_layer("h_fc1"),
        outputs={name: model.get_layer(_PREDICTIONS[name]) for name in model.output},
        strides=hypercolumn.strides,
        offsets=hypercolumn.offsets,
        alignment=hypercolumn.alignment,
        output_stride=stride,
        # The model's own precision, whatever the global one is by now.
        dtype=hypercolumn.dtype_policy,
        name="dense_head",
    )
    return keras.Model(image, head(features, image), name=f"dense_{model.name}")
