"""What features respond to most strongly (Fig. 2 and 5 of the paper)."""

import dataclasses

import keras
import numpy as np

from selfsup import color, data, networks, pictures, runs
from selfsup.analysis import consistency, frozen_networks, photographs, report
from selfsup.analysis.edges import EdgesConfig
from selfsup.analysis.feature_shift import FeatureShiftConfig
from selfsup.analysis.photographs import PhotographsConfig
from selfsup.analysis.top_responses import top_responses
from selfsup.inference.features import check_layers
from selfsup.locking import locked
from selfsup.settings import changed, fail, setting

NAME = "top_patches"

# Height of a patch on a sheet, in pixels.
_HEIGHT = 96

_FRAME = 190


@dataclasses.dataclass(frozen=True)
class TopPatchesConfig(PhotographsConfig):
    """Settings of the search for the patches that features respond to.

    Raises:
        ValueError: If a field is out of its range.
        TypeError: If a field is of another type than declared.
    """

    images: int = changed(PhotographsConfig, "images", 2000)
    layers: str = changed(
        PhotographsConfig,
        "layers",
        "",
        "Layers to look at, with commas between. Default: those of the hypercolumn; "
        "for top_patches the last convolution's. Field-of-view blocks are left out.",
    )
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
            found[name] = top_responses(backbone, layers, batches, config.patches)
        grids = networks.grids(backbones[0])
        results = {
            "images": len(samples),
            "crop_size": size,
            "layers": {
                layer: _layer_results(
                    config,
                    samples,
                    min(grids[layer].field, size),
                    grids[layer],
                    {name: tops[layer] for name, tops in found.items()},
                )
                for layer in layers
            },
        }
        drawn = _draw(results, samples, crops, output)
        section = _section(config, results, samples, drawn)
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


def _layer_results(config, samples, side, grid, found):
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
    chosen = spread(first["color"], first["responds"], config.features)
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


def spread(scores, usable, count):
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


def _draw(results, samples, crops, output):
    """Draws a sheet of each layer, and the scores; returns the names."""
    wanted = {
        patch["image"]
        for layer in results["layers"].values()
        for found in layer["networks"].values()
        for patches in found["patches"]
        for patch in patches
    }
    numbers = sorted(wanted)
    cut = {}
    # A second pass, over the chosen photographs only.
    for images, indices in photographs.batches(samples.subset(numbers), crops):
        for image, index in zip(images, indices, strict=True):
            rgb = np.clip(image + color.GRAY_MEAN, 0, 1)
            cut[numbers[index]] = np.rint(255 * rgb).astype(np.uint8)
    drawn = []
    if len(samples.classes) > 1:
        drawn.append(f"{NAME}_consistency.png")
        _draw_scores(results, output / drawn[-1])
    for layer, about in results["layers"].items():
        drawn.append(f"{NAME}_{layer}.png")
        pictures.save_image(output / drawn[-1], _sheet(about, samples, cut))
    return drawn


def _draw_scores(results, path):
    panels, columns = {}, 0
    for layer, about in results["layers"].items():
        columns = len(about["networks"])
        for name, found in about["networks"].items():
            usable = np.array(found["responds"])
            shown = [feature for feature in about["features"] if usable[feature]]
            panels[f"{layer}, {name}" if columns > 1 else layer] = (
                np.array(found["color"])[usable],
                np.array(found["semantic"])[usable],
                {x: (found["color"][x], found["semantic"][x]) for x in shown},
            )
    pictures.quadrants(
        panels, path, "color consistency", "semantic consistency", columns
    )


def _sheet(about, samples, cut):
    rows, captions = [], []
    several = len(about["networks"]) > 1
    for number, feature in enumerate(about["features"]):
        for name, found in about["networks"].items():
            patches = found["patches"][number]
            label = f"{feature} {name}" if several else str(feature)
            cells = [
                _framed(patch_of(cut[x["image"]], x["center"], about["patch_side"]))
                for x in patches
            ]
            rows.append((label, cells))
            captions.append([_caption(found, feature, len(patches), samples)])
    titles = ["strongest", *[""] * (len(rows[0][1]) - 1)]
    return pictures.contact_sheet(rows, titles, _HEIGHT, captions)


def _framed(patch):
    """Enlarges a patch and shows where it ends, which white does not."""
    patch = pictures.resize(patch, _HEIGHT / len(patch))
    for line in (patch[0], patch[-1], patch[:, 0], patch[:, -1]):
        line[:] = _FRAME
    return patch


def _caption(found, feature, count, samples):
    text = f"color {found['color'][feature]:.2f}"
    if "semantic" in found:
        name = samples.classes[found["class"][feature]]
        text += f", semantic {found['semantic'][feature]:.2f}"
        text += f" ({found['of_class'][feature]} of {count} are {name})"
    return text


def patch_of(image, center, side):
    """Cuts a square out of a photograph; what lies outside is white.

    Args:
        image: `[H, W, 3]`, uint8.
        center: Pair (y, x) of the square's center, counted from the center of the first
            pixel.
        side: Side of the square, in pixels.

    Returns:
        `[side, side, 3]`, uint8.
    """
    patch = np.full((side, side, 3), 255, np.uint8)
    top, left = (int(np.floor(x - (side - 1) / 2 + 0.5)) for x in center)
    height, width = image.shape[:2]
    rows = slice(max(top, 0), min(top + side, height))
    columns = slice(max(left, 0), min(left + side, width))
    inside = image[rows, columns]
    y, x = rows.start - top, columns.start - left
    patch[y : y + inside.shape[0], x : x + inside.shape[1]] = inside
    return patch


def _section(config, results, samples, drawn):
    labeled = len(samples.classes) > 1
    text = [
        "Each row shows the patches of photographs that a feature responds to most "
        f"strongly, among {results['images']} photographs ({samples.folder}; center "
        f"crops of {results['crop_size']} pixels), at most one patch of each. A patch "
        "is the receptive field of the response, at most as large as the crop; what "
        "lies outside the crop is white. The network may see gray only.",
        "Color consistency is 1 minus the variance of the patches' colors, divided by "
        "that of patches anywhere: 1 is one color, gray included, and 0 no more "
        "consistent than chance. A color is a direction for the hue, and the square "
        "root of the chroma for the distance from gray, of the mean over the central "
        "half of the patch. The features shown are evenly spaced over all features of "
        "the layer in the order of their color consistency.",
    ]
    if labeled:
        text.append(
            "Semantic consistency is the share of the patches' photographs that are of "
            "the most frequent class among them, minus the mean share for as many "
            "photographs drawn at random. The chart shows all features of a layer, "
            "with lines at the medians and the numbers of the features shown below."
        )
    if config.after:
        text.append(
            "Rows of the same number are the same feature before and after fine-tuning."
        )
    text.append("The paper shows such patches in Fig. 2 and 5.")
    return {
        "title": "What features respond to",
        "text": text,
        "pictures": drawn,
        "tables": [_medians(results, labeled), *_tables(results, samples, labeled)],
    }


def _medians(results, labeled):
    """Returns a table of the layers: how large fields are, how consistent features."""
    columns = ["layer", "network", "receptive field", "features", "silent", "color"]
    rows = []
    for layer, about in results["layers"].items():
        for name, found in about["networks"].items():
            usable = np.array(found["responds"])
            row = [layer, name, about["receptive_field"], len(usable)]
            row.append(int((~usable).sum()))
            for key in ("color", "semantic")[: 1 + labeled]:
                values = np.array(found[key])[usable]
                row.append(float(np.median(values)) if len(values) else None)
            rows.append(row)
    return {
        "caption": "Medians over the features of a layer. Silent ones respond to fewer "
        "photographs than there are patches, and are left out.",
        "columns": columns + ["semantic"] * labeled,
        "rows": rows,
    }


def _tables(results, samples, labeled):
    columns = ["feature", "network", "color"]
    if labeled:
        columns += ["semantic", "most frequent class", "patches of it"]
    for layer, about in results["layers"].items():
        rows = []
        for feature in about["features"]:
            for name, found in about["networks"].items():
                row = [feature, name, found["color"][feature]]
                if labeled:
                    row += [
                        found["semantic"][feature],
                        samples.classes[found["class"][feature]],
                        found["of_class"][feature],
                    ]
                rows.append(row)
        yield {"caption": f"Features of {layer}", "columns": columns, "rows": rows}
