"""How far fine-tuning moved the features of each layer (Fig. 3 of the paper)."""

import dataclasses

import numpy as np
import tensorflow as tf

from selfsup import inference, pictures, runs
from selfsup.analysis import frozen_networks, photographs, report
from selfsup.analysis.photographs import PhotographsConfig
from selfsup.inference.frozen_features import check_layers
from selfsup.locking import locked
from selfsup.settings import fail, setting

NAME = "feature_shift"

# Share of the second moment below which a variance is rounding.
_CONSTANT = 1e-9


@dataclasses.dataclass(frozen=True)
class FeatureShiftConfig(PhotographsConfig):
    """Settings of the comparison of networks before and after fine-tuning.

    Raises:
        ValueError: If a field is out of its range, or numbers of networks differ.
        TypeError: If a field is of another type than declared.
    """

    before: tuple[str, ...] = setting(
        (),
        "Networks before fine-tuning: workdirs, .keras or .caffemodel.h5 files, "
        "imagenet, or names from the zoo.",
        path=True,
    )
    after: tuple[str, ...] = setting(
        (),
        "Networks after fine-tuning, in the order of --before or --ckpt.",
        path=True,
    )

    def __post_init__(self):
        super().__post_init__()
        if not self.before:
            fail("before", self.before, "one network or more")
        if len(self.before) != len(self.after):
            raise ValueError(
                "Networks are compared in pairs. Expected as many --after as --before. "
                f"Received: {len(self.before)} before, {len(self.after)} after"
            )


def feature_shift(config, output):
    """Correlates the features of networks before and after fine-tuning.

    Args:
        config: A `FeatureShiftConfig`.
        output: Path of the folder of the report.

    Returns:
        The results, as `feature_shift.json` has them.

    Raises:
        FileNotFoundError: If weights or photographs are missing.
        ValueError: If the networks of a pair have different features, a layer is
            unknown, or a photograph can't be decoded.
    """
    names = frozen_networks.labels(config.names, config.after)
    pairs = [
        _open_pair(*paths) for paths in zip(config.before, config.after, strict=True)
    ]
    layers = [config.layer_names(one, with_input=False) for one, _ in pairs]
    for (one, _), wanted in zip(pairs, layers, strict=True):
        check_layers(one, wanted)
    size = frozen_networks.common_crop_size(
        config.before, [one for one, _ in pairs], config.crop_size
    )
    crops = [config.crops(size, inference.takes_color(one)) for one, _ in pairs]
    samples = photographs.open_photographs(config)
    output = runs.make(output)
    with locked(output):
        shifts = {}
        for name, pair, wanted, crop in zip(names, pairs, layers, crops, strict=True):
            batches = photographs.batches(samples, crop, name)
            found = correlations(*pair, wanted, (images for images, _ in batches))
            shifts[name] = {layer: summary(found[layer]) for layer in wanted}
        results = {"images": len(samples), "crop_size": size, "correlations": shifts}
        picture = f"{NAME}.png"
        pictures.quartile_bars(shifts, output / picture, "correlation")
        section = _section(results, samples, picture)
        report.add(output, NAME, config, results, section)
    return results


def _open_pair(before, after):
    pair = tuple(frozen_networks.open_saved(path) for path in (before, after))
    frozen_networks.check_same_features((before, after), pair)
    return pair


def correlations(before, after, layers, batches):
    """Correlates each channel of two networks over all photographs and positions.

    Sums are kept in float64, and no feature map.

    Args:
        before: A model of `selfsup.networks`.
        after: Another one of the same architecture.
        layers: Names of layers.
        batches: Iterable of batches `[N, S, S, C]` of their input.

    Returns:
        A dict from each layer to `[C]`, float64: Pearson's correlation, NaN where the
        channel is constant in either network.

    Raises:
        ValueError: If there is no such layer.
    """
    maps = [inference.feature_maps(backbone, layers) for backbone in (before, after)]
    signature = tf.TensorSpec([None, None, None, before.input.shape[-1]], tf.float32)

    @tf.function(input_signature=[signature])
    def moments(images):
        x, y = (found(images) for found in maps)
        return {layer: _moments(x[layer], y[layer]) for layer in layers}

    sums, counts = dict.fromkeys(layers, 0.0), dict.fromkeys(layers, 0.0)
    for images in batches:
        for layer, (count, values) in moments(images).items():
            counts[layer] += count.numpy()
            sums[layer] += values.numpy()
    return {layer: _pearson(counts[layer], *sums[layer]) for layer in layers}


def _moments(x, y):
    """Returns the number of positions and `[5, C]` sums of x, y and their products."""
    x, y = (tf.reshape(tf.cast(z, tf.float64), [-1, z.shape[-1]]) for z in (x, y))
    sums = [tf.reduce_sum(z, axis=0) for z in (x, y, x * x, y * y, x * y)]
    return tf.cast(tf.shape(x)[0], tf.float64), tf.stack(sums)


def _pearson(count, x, y, xx, yy, xy):
    x, y, xx, yy, xy = (total / count for total in (x, y, xx, yy, xy))
    x_variance, y_variance = xx - x * x, yy - y * y
    constant = (x_variance <= _CONSTANT * xx) | (y_variance <= _CONSTANT * yy)
    scale = np.sqrt(np.where(constant, 1.0, x_variance * y_variance))
    return np.where(constant, np.nan, np.clip((xy - x * y) / scale, -1, 1))


def summary(values):
    """Summarizes the correlations of a layer.

    Args:
        values: `[C]`, NaN for channels without any.

    Returns:
        A dict: `median`, `lower` and `upper` quartile, None where no channel has a
        correlation; `channels`; `constant`, the number of channels left out.
    """
    known = values[~np.isnan(values)]
    quartiles = np.percentile(known, [25, 50, 75]) if len(known) else [None] * 3
    lower, median, upper = (None if x is None else float(x) for x in quartiles)
    return {
        "median": median,
        "lower": lower,
        "upper": upper,
        "channels": len(values),
        "constant": len(values) - len(known),
    }


def _section(results, samples, picture):
    keys = ("median", "lower", "upper", "channels", "constant")
    columns = ["layer", "median", "lower quartile", "upper quartile", "features"]
    tables = [
        {
            "caption": name,
            "columns": [*columns, "left out"],
            "rows": [[layer, *map(x.get, keys)] for layer, x in layers.items()],
        }
        for name, layers in results["correlations"].items()
    ]
    return {
        "title": "How far fine-tuning moved the features",
        "text": [
            "Each feature of a layer before fine-tuning is compared with the same one "
            "after it: Pearson's correlation of their activations over all positions "
            f"of {results['images']} photographs ({samples.folder}; center crops of "
            f"{results['crop_size']} pixels).",
            "Bars show the median over the layer's features, error bars the quartiles. "
            "A low correlation means that the feature was learned anew. Features that "
            "are constant in either network have no correlation and are left out.",
            "The paper shows this as Fig. 3.",
        ],
        "pictures": {picture: "Correlation of features before and after"},
        "tables": tables,
    }
