"""How responses change toward the border of the image (section 4.1 of the paper)."""

import dataclasses

import numpy as np
import tensorflow as tf

from selfsup import data, inference, pictures, runs
from selfsup.analysis import frozen_networks, photographs, report
from selfsup.analysis.photographs import PhotographsConfig
from selfsup.inference.frozen_features import check_layers
from selfsup.locking import locked
from selfsup.settings import changed, fail, setting

NAME = "edges"

_RANDOM = "random"

# Axis, level of the interior and caption of each kind of line.
_LINES = {
    "mean": ("mean response, interior = 1", 1.0, "Mean response"),
    "by_channel": ("deviation", 0.0, "Deviation of single features"),
}

# Photographs that random networks are rebalanced on.
_REBALANCING_IMAGES = 128


@dataclasses.dataclass(frozen=True)
class EdgesConfig(PhotographsConfig):
    """Settings of the look at borders.

    Raises:
        ValueError: If a field is out of its range.
        TypeError: If a field is of another type than declared.
    """

    images: int = changed(PhotographsConfig, "images", 200)
    ckpt: tuple[str, ...] = setting(
        (),
        "Networks to analyze: workdirs, .keras or .caffemodel.h5 files, imagenet or "
        "names from the zoo; for edges also random, a network like the first one. "
        "top_patches takes one.",
        path=True,
    )

    def __post_init__(self):
        super().__post_init__()
        if not self.ckpt or self.ckpt[0] == _RANDOM:
            fail("ckpt", self.ckpt, "a trained network, and perhaps others after it")


def edges(config, output):
    """Compares the responses at the border of feature maps with those inside.

    Args:
        config: An `EdgesConfig`.
        output: Path of the folder of the report.

    Returns:
        The results, as `edges.json` has them.

    Raises:
        FileNotFoundError: If weights or photographs are missing.
        ValueError: If a layer is unknown, or a photograph can't be decoded.
    """
    names = frozen_networks.labels(config.names, config.ckpt)
    given = [
        None if ckpt == _RANDOM else frozen_networks.open_saved(ckpt)
        for ckpt in config.ckpt
    ]
    # Random ones are like the first.
    kinds = [backbone or given[0] for backbone in given]
    layers = [config.layer_names(kind, with_input=False) for kind in kinds]
    for kind, wanted in zip(kinds, layers, strict=True):
        check_layers(kind, wanted)
    size = frozen_networks.common_crop_size(config.ckpt, kinds, config.crop_size)
    crops = [config.crops(size, inference.takes_color(kind)) for kind in kinds]
    samples = photographs.open_photographs(config)
    output = runs.make(output)
    with locked(output):
        found = {}
        for name, backbone, wanted, cut in zip(
            names, given, layers, crops, strict=True
        ):
            backbone = backbone or _random_like(given[0], samples, cut)
            images = (x for x, _ in photographs.batches(samples, cut, name))
            rings = ring_means(backbone, wanted, images)
            found[name] = {layer: profile(*rings[layer]) for layer in wanted}
        results = {"images": len(samples), "crop_size": size, "networks": found}
        section = _section(results, samples, _draw(found, output))
        report.add(output, NAME, config, results, section)
    return results


def _random_like(backbone, samples, crops):
    shown = samples.subset(data.evenly_spaced(samples, _REBALANCING_IMAGES))
    return frozen_networks.random_like(
        backbone, [images for images, _ in photographs.batches(shown, crops)]
    )


def ring_means(backbone, layers, batches):
    """Averages the size of responses over the rings of each feature map.

    Ring 0 is the outermost row and column on each side, ring 1 the next, and so on.

    Args:
        backbone: A model of `selfsup.networks`.
        layers: Names of layers.
        batches: Iterable of batches `[N, S, S, C]` of its input, all of one size.

    Returns:
        A dict from each layer to a pair: `[R, C]`, float64, the mean absolute response
        of each channel in each of the `R` rings; `[R]`, the rings' numbers of pixels.
    """
    maps = inference.feature_maps(backbone, layers)
    signature = tf.TensorSpec([None, None, None, backbone.input.shape[-1]], tf.float32)

    @tf.function(input_signature=[signature])
    def sums(images):
        return {name: _ring_sums(x) for name, x in maps(images).items()}

    count, totals, pixels = 0, dict.fromkeys(layers, 0.0), {}
    for images in batches:
        count += len(images)
        for layer, (total, sizes) in sums(images).items():
            totals[layer] += np.float64(total)
            pixels[layer] = sizes.numpy()
    return {
        layer: (totals[layer] / (count * pixels[layer][:, None]), pixels[layer])
        for layer in layers
    }


def _ring_sums(x):
    """Returns the rings' sums of absolute values, `[R, C]`, and pixels, `[R]`."""
    height, width = tf.shape(x)[1], tf.shape(x)[2]
    rows, columns = tf.range(height), tf.range(width)
    rings = tf.minimum(
        tf.minimum(rows, height - 1 - rows)[:, None],
        tf.minimum(columns, width - 1 - columns),
    )
    rings = tf.reshape(rings, [-1])
    values = tf.reshape(tf.reduce_sum(tf.abs(x), axis=0), [height * width, x.shape[-1]])
    number = tf.reduce_max(rings) + 1
    total = tf.math.unsorted_segment_sum(values, rings, number)
    return total, tf.math.bincount(rings, minlength=number)


def profile(means, pixels):
    """Relates the responses of the rings to those of the interior.

    The interior is the inner half of the rings.

    Args:
        means: `[R, C]`, mean absolute responses.
        pixels: `[R]`, numbers of pixels.

    Returns:
        A dict of two lists of `R`, or None for both where a map has no interior or no
        response: `mean`, the mean over channels, divided by that of the interior; and
        `by_channel`, the mean over channels of the difference from the interior in
        size, divided by the same: channels that differ in opposite ways do not cancel.
    """
    first = (len(means) + 1) // 2
    if len(means) == 1 or not means[first:].any():
        return {"mean": None, "by_channel": None}
    interior = np.average(means[first:], axis=0, weights=pixels[first:])
    lines = {"mean": means, "by_channel": np.abs(means - interior)}
    return {
        name: [float(x) for x in line.mean(axis=1) / interior.mean()]
        for name, line in lines.items()
    }


def _draw(found, output):
    """Draws a picture for each kind of line, and returns captions by their names."""
    drawn = {}
    for kind, (vertical, level, caption) in _LINES.items():
        panels = {}
        for name, layers in found.items():
            for layer, lines in layers.items():
                if lines[kind]:
                    panels.setdefault(layer, {})[name] = lines[kind]
        if panels:
            picture = f"{NAME}_{kind}.png"
            drawn[picture] = caption
            pictures.line_panels(
                panels,
                output / picture,
                "distance to the border, in pixels of the feature map",
                vertical,
                level,
            )
    return drawn


def _section(results, samples, drawn):
    networks = results["networks"]
    layers = dict.fromkeys(layer for found in networks.values() for layer in found)
    rows = {"mean": [], "by_channel": []}
    for layer in layers:
        for kind, level in (("mean", 1), ("by_channel", 0)):
            lines = [found.get(layer, {}).get(kind) for found in networks.values()]
            rows[kind].append([layer, *(x and x[0] - level for x in lines)])
    captions = {
        "mean": "Outermost ring: mean response, relative deviation from the interior",
        "by_channel": "Outermost ring: mean deviation of single features",
    }
    return {
        "title": "Responses at the border of the image",
        "text": [
            "The absolute responses of each feature are averaged over the rings of the "
            "feature map, from the outermost pixels (distance 0) inwards, and over "
            f"{results['images']} photographs ({samples.folder}; center crops of "
            f"{results['crop_size']} pixels). The interior is the inner half of the "
            "rings.",
            "First picture: the mean over features, relative to the interior, where it "
            "is 1 (dashed). Second picture: how far single features are from their own "
            "mean in the interior, averaged and on the same scale, so that features "
            "that rise and those that fall at the border do not cancel. Photographs "
            "are not the same at their center and at their border either: compare "
            "networks.",
            "Section 4.1 of the paper: padding with zeros shows at the border, and "
            "bias padding less.",
        ],
        "pictures": drawn,
        "tables": [
            {
                "caption": captions[kind],
                "columns": ["layer", *networks],
                "rows": rows[kind],
            }
            for kind in captions
        ],
    }
