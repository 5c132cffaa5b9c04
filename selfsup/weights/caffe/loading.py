"""Caffe's weights in our networks."""

import numpy as np

from selfsup import color, heads, networks
from selfsup.networks import units
from selfsup.weights import transfer
from selfsup.weights.caffe import blobs as blob_files
from selfsup.weights.caffe import moves, names, recognition

_BORDERS = ("separate", "absorbed")

# Arguments of the builders that only files of our own tell.
_RECORDED = ("fc6_padding", "dropout", "bn_momentum", "pool1")


def load(
    path,
    network=None,
    *,
    lrn=None,
    skip=(),
    input_mean=None,
    input_scale=None,
    border="separate",
):
    """Reads a `.caffemodel.h5` file into a new model, strictly.

    The network and its width, channels and normalisation are told by the blobs.
    Biases before a batch normalisation become part of the mean it subtracts.
    Weights pass in slices: beside the model no copy of them is in memory.

    Args:
        path: Path of the file.
        network: A key of `networks.ARCHITECTURES`; None takes what is found.
        lrn: Whether AlexNet has local response normalisation, which no blob
            tells; None is what `save` recorded, else True, as in the authors'
            released weights.
        skip: Names of layers of the file to leave out, such as `("fc8",)`.
        input_mean: What the network wants subtracted from images in [0, 1], a
            number or one each for R, G and B. None is what `save` recorded;
            else 0 for a colorizer as it was released for use (`h_fc1`, no
            batch normalisation), and 0.4488 for all others.
        input_scale: Factor on the difference, such as 255; None is 1.
        border: `"separate"`, or `"absorbed"` to fold the batch normalisation
            of a VGG or AlexNet into convolution and bias. The authors' bias
            padding, which pads with that bias, is `weights.adapt(model,
            padding="bias")` of such a model.

    Returns:
        A pair: a backbone, or a colorizer on one if the file has the head; and
        a `Report`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If it cannot be read, holds another network, has missing,
            superfluous or mis-shaped blobs, all of which are listed, or values
            that are not finite; or if an argument is out of its range.

    Example:

        model, report = caffe.load("vgg16.caffemodel.h5")
        print(report)
    """
    units.check_choice("border", border, _BORDERS)
    with blob_files.opened(path) as file:
        network = recognition.find_network(file, network)
        blobs = file.without(skip)
        description = recognition.describe(blobs, network)
        absorbed = _absorbs(description, border)
        # The head's names tell the convention, left out or not.
        rescaling, told = _rescaling(file, description, input_mean, input_scale)
        head = recognition.find_head(blobs)
        model, taps = _build(
            {**description, **({"normalization": "none"} if absorbed else {})},
            _lrn(blobs, network, lrn),
            rescaling,
            blobs.record,
            head,
        )
        variables = transfer.parameters(model)
        planned = _plan_units(blobs, description, variables, absorbed)
        if head is not None:
            planned += _plan_head(head, taps, variables, rescaling)
        _check(blobs, network, planned)
        report = _run(blobs, variables, planned, model.name)
    if rescaling is None:
        return model, report
    how = "[0, 1] minus 0.4488, times {}, plus {}".format(*map(_text, rescaling))
    row = transfer.Row("rescaling", (), told, how)
    return model, transfer.Report((row, *report.rows), report.origin)


def _build(description, lrn, rescaling, record, head):
    recorded = record if record.get("network") == description["network"] else {}
    backbone = networks.build(
        {
            **{name: recorded[name] for name in _RECORDED if name in recorded},
            **description,
            **lrn,
            "rescaling": rescaling,
            # Which cost neither time nor memory.
            "kernel_initializer": "zeros",
        }
    )
    if head is None:
        return backbone, None
    taps = networks.taps(backbone)
    taps = recognition.find_taps(taps, head.inputs) or taps
    model = heads.colorizer(
        backbone,
        taps,
        head.bins,
        loss="lab" if "prediction_ab" in head.predictions else "histogram",
        hidden=head.units,
        alignment=recorded.get("alignment", "centers"),
    )
    return model, taps


def _plan_units(blobs, description, variables, absorbed):
    units_found = names.units_of(description["network"], description["fov_blocks"])
    # All have a bias or none; but Caffe's ResNet-50 has one in its first only.
    biased = None
    if not networks.ARCHITECTURES[description["network"]].residual:
        biased = any(f"{unit.convolution}/1" in blobs.shapes for unit in units_found)
    planned = []
    for unit in units_found:
        planned += moves.of_unit(
            unit,
            variables,
            blobs,
            bgr=description["input_channels"] == 3 and unit == units_found[0],
            absorbed=absorbed,
            biased=biased,
            scaled=description["normalization"] == "affine",
        )
    return planned


def _plan_head(head, taps, variables, rescaling):
    planned = moves.of_dense(
        "h_fc1",
        head.hidden,
        variables,
        image_channels=recognition.image_channels(taps),
        rescaling=rescaling,
    )
    for ours, theirs in head.predictions.items():
        planned += moves.of_dense(ours, theirs, variables)
    return planned


def _absorbs(description, border):
    if border == "separate" or description["normalization"] == "none":
        return False
    if networks.ARCHITECTURES[description["network"]].residual:
        raise ValueError(
            "Batch normalisation cannot be absorbed: a ResNet keeps its "
            "normalisation (paper section 5). Expected border='separate'. "
            f"Received: border={border!r} for {description['network']}"
        )
    return True


def _lrn(blobs, network, lrn):
    """Returns the builder's argument of local response normalisation."""
    if network == "alexnet":
        return {"lrn": blobs.record.get("lrn", True) if lrn is None else lrn}
    if lrn:
        raise ValueError(
            "Only AlexNet has local response normalisation. Expected no `lrn`. "
            f"Received: lrn={lrn} for {network}"
        )
    return {}


def _rescaling(blobs, description, input_mean, input_scale):
    """Returns what takes our input to theirs, None if they are equal, and why."""
    if input_mean is None and input_scale is None and "rescaling" in blobs.record:
        return blobs.record["rescaling"], "as recorded in the file"
    mean, told = recognition.input_convention(blobs, description["normalization"])
    if input_mean is not None:
        mean, told = np.float64(input_mean), "input_mean"
    scale = 1.0 if input_scale is None else float(input_scale)
    if not (0 < scale < np.inf and np.isfinite(mean).all()):
        raise ValueError(
            "What the network wants of its input must be numbers, and its scale "
            f"positive. Received: input_mean={input_mean}, input_scale={input_scale}"
        )
    if np.size(mean) not in (1, description["input_channels"]):
        raise ValueError(
            "Argument `input_mean` must be a number, or one for each input channel, "
            f"{description['input_channels']}. Received: input_mean={input_mean}"
        )
    if scale == 1 and np.all(mean == color.GRAY_MEAN):
        return None, told
    # Plain numbers, as the model's configuration is JSON.
    offset = np.atleast_1d(scale * (color.GRAY_MEAN - mean)).tolist()
    return (scale, offset if len(offset) > 1 else offset[0]), told


def _check(blobs, network, planned):
    expected = {}
    for move in planned:
        expected.update(move.expected)
    left = [name for name in blobs.shapes if name not in expected]
    used = {blob_files.layer_of(name) for name in expected}
    # Of a layer that is superfluous as a whole the name says enough.
    superfluous = [
        name if blob_files.layer_of(name) in used else blob_files.layer_of(name)
        for name in left
    ]
    mistakes = {
        "missing": [name for name in expected if name not in blobs.shapes],
        "superfluous": dict.fromkeys(superfluous),
        "of another shape": [
            f"{name} {blobs.shapes[name]} instead of {' or '.join(map(str, shapes))}"
            for name, shapes in expected.items()
            if name in blobs.shapes and not moves.fits(blobs.shapes[name], shapes)
        ],
    }
    listed = "; ".join(
        f"{kind}: {', '.join(found)}" for kind, found in mistakes.items() if found
    )
    if listed:
        raise ValueError(
            f"The weights are not those of {network}. Expected its blobs and no "
            "others; name layers to leave out in `skip`. "
            f"Received: {blobs.path} with {listed}"
        )


def _run(blobs, variables, planned, model):
    rows = {}
    for move in planned:
        variable = variables[move.parameter]
        how = move.run(blobs, variable)
        sources = ", ".join(move.expected) or "none"
        rows[move.parameter] = transfer.Row(
            move.parameter, tuple(variable.shape), sources, how
        )
    if blobs.not_finite:
        raise ValueError(
            f"Weights of {model} are not finite. Expected numbers in all blobs. "
            f"Received: {blobs.path} with NaN or infinity in "
            f"{', '.join(blobs.not_finite)}"
        )
    return transfer.Report(tuple(rows[name] for name in variables), str(blobs.path))


def _text(value):
    return ", ".join(f"{x:.6g}" for x in np.atleast_1d(value))
