"""What features respond to most strongly (Fig. 2 and 5 of the paper)."""

import dataclasses

import keras
import numpy as np

from selfsup import color, data, networks, runs
from selfsup.analysis import (
    consistency,
    frozen_networks,
    photographs,
    report,
    top_patches_report,
)
from selfsup.analysis.edges import EdgesConfig
from selfsup.analysis.feature_shift import FeatureShiftConfig
from selfsup.analysis.photographs import PhotographsConfig
from selfsup.analysis.top_responses import top_responses
from selfsup.inference.frozen_features import check_layers
from selfsup.locking import locked
from selfsup.settings import changed, fail, setting

NAME = "top_patches"


@dataclasses.dataclass(frozen=True)
class TopPatchesConfig(PhotographsConfig):
    """Settings of the search for the patches that features respond to.

    Raises:
        ValueError: If a field is out of its range.
        TypeError: If a field is of another type than declared.
    """

    images: int = changed(PhotographsConfig, "images", 2000)
    ckpt: tuple[str, ...] = changed(EdgesConfig, "ckpt", ())
    after: tuple[str, ...] = changed(FeatureShiftConfig, "after", ())
    labeled_data: str | None = setting(
        None,
        "Photographs with classes, in place of --data, for their consistency: a "
        "folder of class folders (val/ of it, where there is one), a list file or "
        "tfds:NAME/SPLIT.",
        path=True,
    )
    features: int = setting(
        12,
        "Features shown of each layer, evenly spaced over all of them in the order of "
        "their color consistency.",
        1,
    )
    patches: int = setting(
        8, "Patches shown of each feature, at most one of a photograph.", 2
    )
    border: bool = setting(
        False,
        "Count responses at the border too, which padding makes strong in some "
        "features. Otherwise the central half of a patch lies inside the crop.",
    )

    def __post_init__(self):
        super().__post_init__()
        if len(self.ckpt) != 1:
            fail("ckpt", self.ckpt, "a single network")
        if len(self.after) > 1:
            fail("after", self.after, "one network, or none")
        if self.data and self.labeled_data:
            fail("data", self.data, "left out where labeled_data is given")


def top_patches(config, output):
    """Finds the patches that features respond to most, and scores their consistency.

    Args:
        config: A `TopPatchesConfig`.
        output: Path of the folder of the report.

    Returns:
        The results, as `top_patches.json` has them.

    Raises:
        FileNotFoundError: If weights or photographs are missing.
        ValueError: If there are fewer features or photographs than are to be shown, a
            layer is unknown, the networks have different features, or a photograph
            can't be decoded.
    """
    paths = config.ckpt + config.after
    names = frozen_networks.labels(config.names, paths)
    backbones = [frozen_networks.open_saved(path) for path in paths]
    for path, backbone in zip(config.after, backbones[1:], strict=True):
        frozen_networks.check_same_features(
            (config.ckpt[0], path), (backbones[0], backbone)
        )
    layers = _layers(config, backbones[0])
    size = frozen_networks.crop_size_of(config.ckpt[0], backbones[0], config.crop_size)
    crops = config.crops(size, True)
    samples = _open(config)
    output = runs.make(output)
    with locked(output):
        found = {}
        for name, backbone in zip(names, backbones, strict=True):
            batches = photographs.batches(samples, crops, name)
            found[name] = top_responses(
                backbone, layers, batches, config.patches, config.border
            )
        grids = networks.grids(backbones[0])
        results = {
            "images": len(samples),
            "crop_size": size,
            "layers": {
                layer: _layer_results(
                    config,
                    samples,
                    layer,
                    min(grids[layer].field, size),
                    grids[layer],
                    {name: tops[layer] for name, tops in found.items()},
                )
                for layer in layers
            },
        }
        # A second pass, over the photographs of the chosen patches only.
        shown = _shown(results)
        batches = photographs.batches(samples.subset(shown), crops)
        cut = dict(zip(shown, _colored(batches), strict=True))
        drawn = top_patches_report.draw(NAME, results, samples.classes, cut, output)
        section = top_patches_report.section(config, results, samples, drawn)
        report.add(output, NAME, config, results, section)
    return results


def _layers(config, backbone):
    """Returns the layers, each of which has the features that are shown."""
    if config.layers:
        layers = config.layer_names(backbone)
    else:
        rectified = [
            name
            for name in config.layer_names(backbone)
            if isinstance(backbone.get_layer(name), keras.layers.ReLU)
        ]
        layers = tuple(rectified[-1:])
    check_layers(backbone, layers)
    for layer in layers:
        channels = backbone.get_layer(layer).output.shape[-1]
        if config.features > channels:
            fail("features", config.features, f"at most {channels} for {layer}")
    return layers


def _open(config):
    """Opens the photographs, with or without classes."""
    if config.labeled_data:
        samples, held_out = data.open_labeled(config.labeled_data)
        samples = held_out or samples
        samples = samples.subset(data.evenly_spaced(samples, config.images))
    else:
        samples = photographs.open_photographs(config)
    if len(samples) < config.patches:
        raise ValueError(
            "There are too few photographs. Expected one for each of "
            f"{config.patches} patches. Received: {len(samples)} in {samples.folder}"
        )
    return samples


def _layer_results(config, samples, layer, side, grid, found):
    """Returns the scores of a layer's features, and the patches of those chosen."""
    networks_found = {}
    for name, (top, variance) in found.items():
        scores = {"color": consistency.color_consistency(top.colors, variance)}
        if len(samples.classes) > 1:
            counts = np.bincount(samples.labels, minlength=len(samples.classes))
            labels = samples.labels[top.images]
            score, best, number = consistency.semantic_consistency(labels, counts)
            scores |= {"semantic": score, "class": best, "of_class": number}
        # Others respond to fewer photographs than there are patches.
        scores["responds"] = top.values[-1] > 0
        networks_found[name] = scores
    first = next(iter(networks_found.values()))
    chosen = across_scores(first["color"], first["responds"], config.features)
    if not len(chosen):
        raise ValueError(
            "No feature of a layer responds to as many photographs as are to be shown. "
            "Expected another layer, fewer --patches or more photographs. "
            f"Received: {layer}, {config.patches} patches, {len(samples)} photographs"
        )
    return {
        "receptive_field": grid.field,
        "patch_side": side,
        "features": [int(x) for x in chosen],
        "networks": {
            name: {
                **{key: values.tolist() for key, values in scores.items()},
                "patches": [
                    _patches(found[name][0], feature, grid, samples)
                    for feature in chosen
                ],
            }
            for name, scores in networks_found.items()
        },
    }


def across_scores(scores, usable, count):
    """Chooses features that show the whole range of a score.

    Args:
        scores: `[C]`.
        usable: `[C]`, bool; others are not chosen.
        count: How many are wanted.

    Returns:
        Numbers of at most `count` features, evenly spaced over the usable ones in the
        order of their scores, highest first; of equal scores the lower number first.
    """
    order = np.argsort(-scores, kind="stable")
    order = order[usable[order]]
    places = np.linspace(0, len(order) - 1, min(count, len(order)))
    return order[np.rint(places).astype(int)]


def _patches(top, feature, grid, samples):
    return [
        {
            "image": int(image),
            "name": samples.name(int(image)),
            "response": float(value),
            "center": [float(grid.offset + grid.stride * x) for x in position],
        }
        for image, value, position in zip(
            top.images[:, feature],
            top.values[:, feature],
            top.positions[:, feature],
            strict=True,
        )
    ]


def _shown(results):
    """Returns the numbers of the photographs of all chosen patches, in order."""
    return sorted(
        {
            patch["image"]
            for layer in results["layers"].values()
            for found in layer["networks"].values()
            for patches in found["patches"]
            for patch in patches
        }
    )


def _colored(batches):
    """Yields the crops as `[S, S, 3]`, uint8 RGB."""
    for images, _ in batches:
        rgb = np.clip(images + color.GRAY_MEAN, 0, 1)
        yield from np.rint(255 * rgb).astype(np.uint8)
