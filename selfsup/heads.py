"""What sits on a backbone: the colorizer, at points and on whole images."""

import keras

from selfsup import layers

# Outputs of each loss and the layers that make them, named as in Caffe.
_PREDICTIONS = {
    "histogram": {"hue": "prediction_h", "chroma": "prediction_c"},
    "lab": {"ab": "prediction_ab"},
}


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
    """Builds a model that predicts the colour at sampled points.

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
        hidden_stddev: Spread of the hidden layer's initial kernel. The
            original's 1e-4 starts with almost no output.
        alignment: `"centers"`, or `"corner"` for the authors' TensorFlow op.

    Returns:
        A `keras.Model` with inputs `{"gray": [B, H, W, 1], "points":
        [B, P, 2]}` (`"rgb"` for a colour backbone; points are (y, x) in
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
    if loss not in _PREDICTIONS:
        raise ValueError(
            f"Argument `loss` must be one of {', '.join(_PREDICTIONS)}. "
            f"Received: loss={loss!r}"
        )
    if not taps:
        raise ValueError(
            "Argument `taps` must hold at least one feature map. "
            f"Received: taps={taps!r}"
        )
    for name, value in (("bins", bins), ("hidden", hidden)):
        if not isinstance(value, int) or value < 1:
            raise ValueError(
                f"Argument `{name}` must be a positive integer. "
                f"Received: {name}={value}"
            )
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
    outputs = {
        output: keras.layers.Dense(
            bins if loss == "histogram" else 2,
            kernel_initializer="lecun_uniform",
            # float32 under mixed precision too: the losses need the digits.
            dtype="float32",
            name=name,
        )(x)
        for output, name in _PREDICTIONS[loss].items()
    }
    inputs = {image.name: image, "points": points}
    return keras.Model(inputs, outputs, name="colorizer")


def dense(model, stride=1):
    """Turns a model for sampled points into one for whole images.

    The weights are the same variables, and so are the predictions: at each
    pixel they equal those of the point model. The concatenated hypercolumn is
    never built, so memory does not grow with H x W x hidden units.

    Args:
        model: A model made by `colorizer`, or loaded from its file.
        stride: 1, 2 or 4: predict at every pixel, or at the centres of squares
            of 2 x 2 or 4 x 4.

    Returns:
        A `keras.Model` from `gray [B, H, W, 1]` to a dict of the same outputs,
        `[B, ceil(H / stride), ceil(W / stride), K]`, float32.

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
    names = {k: v for pairs in _PREDICTIONS.values() for k, v in pairs.items()}
    image = next(tensor for tensor in model.inputs if tensor.name != "points")
    head = layers.DenseHead(
        hidden=model.get_layer("h_fc1"),
        outputs={name: model.get_layer(names[name]) for name in model.output},
        strides=hypercolumn.strides,
        offsets=hypercolumn.offsets,
        alignment=hypercolumn.alignment,
        output_stride=stride,
        # The model's own precision, whatever the global one is by now.
        dtype=hypercolumn.dtype_policy,
        name="dense_head",
    )
    return keras.Model(image, head(features, image), name=f"dense_{model.name}")
