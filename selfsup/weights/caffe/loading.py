"""Import of Caffe's weights."""

import math

import numpy as np

from selfsup import color, heads, networks
from selfsup.networks import units
from selfsup.weights import assignment
from selfsup.weights.caffe import assignments, names, recognition
from selfsup.weights.caffe import blobs as blob_files

_BORDERS = ("separate", "absorbed")

# A width that is built in no time, and how many values need no check.
_NARROW, _ALWAYS = 1 / 16, 2**24

# Arguments of the builders that only files written by `save` record.
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

    The network and its width, channels and normalization follow from the names
    and shapes of the blobs. Biases before a batch normalization become part of
    its mean. Weights are read in slices, so no second copy is in memory.

    Args:
        path: Path of the file.
        network: A key of `networks.ARCHITECTURES`; None takes the one in the file.
        lrn: Whether AlexNet has local response normalization, which has no
            blobs; None takes what `save` recorded, else True, as in the
            authors' released weights.
        skip: Names of layers of the file to leave out, such as `("fc8",)`.
        input_mean: What the network expects to be subtracted from images in
            [0, 1], a number or one each for R, G and B. None takes what `save`
            recorded, else 0 for a deployed colorizer (`h_fc1`, no batch
            normalization), else 0.4488.
        input_scale: Factor on the difference, such as 255; None is 1.
        border: `"separate"`, or `"absorbed"` to fold the batch normalization
            of a VGG or AlexNet into convolution and bias. The authors' bias
            padding, which pads with that bias, is `weights.adapt(model,
            padding="bias")` of such a model.

    Returns:
        A pair of a model, which is a backbone, or a colorizer if the file has
        its head, and a `Report`.

    Raises:
        FileNotFoundError: If there is no such file.
        ValueError: If the file is damaged, holds another network or values that
            are not finite, or has missing, unexpected or mis-shaped blobs (all
            are listed), or if an argument is out of range.

    Example:

        model, report = caffe.load("vgg16.caffemodel.h5")
        print(report)
    """
    units.check_choice("border", border, _BORDERS)
    with blob_files.opened(path) as file:
        network = recognition.find_network(file, network)
        if lrn and network != "alexnet":
            raise ValueError(
                "Only AlexNet has local response normalization. "
                f"Received: lrn={lrn} for {network}"
            )
        blobs = file.without(skip)
        description = recognition.describe(blobs, network)
        absorbed = border == "absorbed" and description["normalization"] != "none"
        if absorbed and networks.ARCHITECTURES[network].residual:
            raise ValueError(
                "A ResNet keeps its normalization (paper section 5). Expected "
                f"border='separate'. Received: border={border!r} for {network}"
            )
        # The names of the head decide the convention, even if it is left out.
        rescaling, reason = _rescaling(file, description, input_mean, input_scale)
        arguments = {**description, "rescaling": rescaling}
        if absorbed:
            arguments["normalization"] = "none"
        if network == "alexnet":
            arguments["lrn"] = file.record.get("lrn", True) if lrn is None else lrn
        head = recognition.find_head(blobs)
        model, taps = _build(arguments, blobs, head)
        variables = assignment.parameters(model)
        planned = _plan_units(blobs, description, variables, absorbed)
        if head is not None:
            planned += _plan_head(head, taps, variables, rescaling)
        _check(blobs, network, planned)
        report = _run(blobs, variables, planned)
    if rescaling is not None:
        how = "[0, 1] minus 0.4488, times {}, plus {}".format(*map(_text, rescaling))
        row = assignment.Row("rescaling", (), reason, how)
        report = assignment.Report((row, *report.rows), report.origin)
    return model, report


def _build(arguments, blobs, head):
    recorded = blobs.record
    if recorded.get("network") != arguments["network"]:
        recorded = {}
    arguments = {
        **{name: recorded[name] for name in _RECORDED if name in recorded},
        **arguments,
        # These take neither time nor memory.
        "kernel_initializer": "zeros",
    }
    width = arguments["width"]
    if width > 1:
        # The weights' number is nearly that of a narrow network times the square.
        narrow = networks.build({**arguments, "width": _NARROW}).count_params()
        _check_size(blobs, narrow * (width / _NARROW) ** 2)
    backbone = networks.build(arguments)
    if head is None:
        return backbone, None
    taps = networks.taps(backbone)
    taps = recognition.find_taps(taps, head.inputs) or taps
    inputs, outputs = sum(tap.channels for tap in taps), head.bins * 2
    _check_size(blobs, head.units * (inputs + outputs))
    model = heads.colorizer(
        backbone,
        taps,
        head.bins,
        loss="lab" if "prediction_ab" in head.predictions else "histogram",
        hidden=head.units,
        alignment=recorded.get("alignment", "centers"),
    )
    return model, taps


def _check_size(blobs, needed):
    """Refuses to build what needs far more values than the file holds.

    The width, and the units and bins of the head, are numbers in the file.
    """
    held = sum(map(math.prod, blobs.shapes.values()))
    if needed > 2 * held + _ALWAYS:
        raise ValueError(
            "The file is too small for its network. Expected all weights, about "
            f"{needed:,.0f} values. Received: {blobs.path} with {held:,}"
        )


def _plan_units(blobs, description, variables, absorbed):
    network = description["network"]
    found = names.units_of(network, description["fov_blocks"])
    biased = {unit for unit in found if f"{unit.convolution}/1" in blobs.shapes}
    # All convolutions have a bias or none has; but in Caffe's ResNet-50 only the
    # first has one.
    if biased and not networks.ARCHITECTURES[network].residual:
        biased = set(found)
    planned = []
    for unit in found:
        planned += assignments.of_unit(
            unit,
            variables,
            description["normalization"],
            biased=unit in biased,
            absorbed=absorbed,
            bgr=description["input_channels"] == 3 and unit == found[0],
        )
    return planned


def _plan_head(head, taps, variables, rescaling):
    image_channels = recognition.image_channels(taps)
    planned = assignments.of_dense(
        "h_fc1",
        head.hidden,
        variables,
        image_channels=image_channels,
        rescaling=rescaling if image_channels else None,
    )
    for ours, theirs in head.predictions.items():
        planned += assignments.of_dense(ours, theirs, variables)
    return planned


def _rescaling(blobs, description, input_mean, input_scale):
    """Returns (scale, offset) from our input to theirs, None if equal, and why."""
    if input_mean is None and input_scale is None and "rescaling" in blobs.record:
        return blobs.record["rescaling"], "as recorded in the file"
    mean, reason = recognition.input_convention(blobs, description["normalization"])
    if input_mean is not None:
        mean, reason = np.float64(input_mean), "input_mean"
    scale = 1.0 if input_scale is None else float(input_scale)
    channels = description["input_channels"]
    fits = np.isfinite(mean).all() and np.size(mean) in (1, channels)
    if not (fits and 0 < scale < np.inf):
        raise ValueError(
            "Argument `input_mean` must be a finite number, or one for each of the "
            f"input's channels, {channels}, and `input_scale` a positive number. "
            f"Received: input_mean={input_mean}, input_scale={input_scale}"
        )
    if scale == 1 and np.all(mean == color.GRAY_MEAN):
        return None, reason
    # Plain numbers, as the model's configuration is JSON.
    offset = np.squeeze(scale * (color.GRAY_MEAN - mean)).tolist()
    return (scale, offset), reason


def _check(blobs, network, planned):
    expected = {name: x for one in planned for name, x in one.expected.items()}
    layers = set(map(assignment.layer_of, expected))
    mistakes = {
        "missing": [name for name in expected if name not in blobs.shapes],
        # Of a layer without any expected blob only the name is listed.
        "unexpected": dict.fromkeys(
            name if assignment.layer_of(name) in layers else assignment.layer_of(name)
            for name in blobs.shapes
            if name not in expected
        ),
        "of another shape": [
            f"{name} {blobs.shapes[name]} instead of {' or '.join(map(str, shapes))}"
            for name, shapes in expected.items()
            if name in blobs.shapes and not assignments.fits(blobs.shapes[name], shapes)
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


def _run(blobs, variables, planned):
    rows = {}
    for one in planned:
        name, variable = one.parameter, variables[one.parameter]
        source, how = ", ".join(one.expected) or "none", one.run(blobs, variable)
        rows[name] = assignment.Row(name, tuple(variable.shape), source, how)
    if blobs.not_finite:
        raise ValueError(
            "Weights are not finite. Expected finite numbers. Received: "
            f"{blobs.path} with NaN or infinity in {', '.join(blobs.not_finite)}"
        )
    return assignment.Report(tuple(rows[name] for name in variables), str(blobs.path))


def _text(value):
    return ", ".join(f"{x:.6g}" for x in np.atleast_1d(value))
