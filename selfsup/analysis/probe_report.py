"""The results of probes: a table and a picture."""

from selfsup import pictures
from selfsup.analysis import spread
from selfsup.analysis.frozen_networks import GIVEN

_TITLES = {
    "linear": "linear",
    "knn": "nearest neighbors",
    "hidden": "hidden layer",
    "mean_iou_of_points": "IoU of points",
    "mean_iou": "IoU of images",
}


def table(results):
    """Formats the accuracies of all layers, in percent.

    Args:
        results: What `probe` returned.

    Returns:
        A string of several lines: a block for each kind of probe and number of images,
        with the layers that the training images chose in its last lines.
    """
    by_network = results["accuracy"]
    lines = []
    for kind, count in _columns(results):
        lines += ["", f"{_TITLES[kind]}, {_images(count)}"]
        width = max(map(len, by_network[GIVEN]))
        lines.append(" " * width + "".join(f"{name:>16}" for name in by_network))
        for layer in by_network[GIVEN]:
            cells = [
                spread.percent(layers[layer][kind][count])
                for layers in by_network.values()
            ]
            lines.append(f"{layer:{width}}" + "".join(f"{cell:>16}" for cell in cells))
        for name, layers in by_network.items():
            best = best_layer(results, kind, count, name)
            value = spread.percent(layers[best][kind][count])
            lines.append(f"{name}, chosen by the training images: {best}, {value}")
    return "\n".join(lines[1:])


def head_table(results):
    """Formats the mean IoU of all heads, in percent.

    Args:
        results: What `probe_segmentation` returned.

    Returns:
        A string of several lines.
    """
    by_network = results["heads"]
    lines = [" " * 32 + "".join(f"{name:>16}" for name in by_network)]
    for kind, measures in by_network[GIVEN].items():
        for measure in measures:
            title = f"{_TITLES[kind]}, {_TITLES[measure]}"
            cells = (kinds[kind][measure] for kinds in by_network.values())
            lines.append(
                f"{title:32}" + "".join(f"{spread.percent(c):>16}" for c in cells)
            )
    return "\n".join(lines)


def best_layer(results, kind, count, network):
    """Returns the layer that is best on the parts of the draws that choose.

    Args:
        results: What `probe` returned.
        kind: Kind of probe.
        count: Number of images of each class, as text.
        network: `given` or `random`.
    """
    layers = results["accuracy"][network]
    # Of equal ones the deepest.
    return max(reversed(layers), key=lambda layer: layers[layer][kind][count]["choice"])


def draw(results, path):
    """Draws the accuracies as bars over the layers, a panel for each column.

    Args:
        results: What `probe` returned.
        path: Path of the picture.
    """
    panels = {}
    for kind, count in _columns(results):
        panels[f"{_TITLES[kind]}, {_images(count)}"] = {
            network: {
                layer: (kinds[kind][count]["mean"], kinds[kind][count]["std"] or 0.0)
                for layer, kinds in layers.items()
            }
            for network, layers in results["accuracy"].items()
        }
    pictures.layer_bars(panels, path, results["largest_class"])


def _columns(results):
    layer = next(iter(results["accuracy"][GIVEN].values()))
    return [(kind, count) for kind, counts in layer.items() for count in counts]


def _images(count):
    return "all labels" if count == "all" else f"{count} labels a class"
