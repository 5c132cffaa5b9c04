"""The top patches of features as pictures, text and tables."""

import numpy as np

from selfsup import pictures

# Height of a patch on a sheet, in pixels.
_HEIGHT = 96

_FRAME = 190


def draw(name, results, classes, cut, output):
    """Draws the scores of all features, and the patches of those chosen.

    Args:
        name: What the files' names begin with.
        results: What `top_patches` found.
        classes: Names of the photographs' classes; a single one is none.
        cut: Dict from the numbers of photographs to their crops, `[S, S, 3]`, uint8.
        output: Path of the folder, a `pathlib.Path`.

    Returns:
        A dict from the names of the files to captions.
    """
    drawn = {}
    if len(classes) > 1:
        picture = f"{name}_consistency.png"
        _draw_scores(results, output / picture)
        drawn[picture] = "Consistency of all features"
    for layer, about in results["layers"].items():
        picture = f"{name}_{layer}.png"
        pictures.save_image(output / picture, _sheet(about, classes, cut))
        side, field = about["patch_side"], about["receptive_field"]
        drawn[picture] = (
            f"{layer}: patches of {side} pixels, receptive field of {field} pixels"
        )
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


def _sheet(about, classes, cut):
    rows, captions = [], []
    several = len(about["networks"]) > 1
    for number, feature in enumerate(about["features"]):
        for name, found in about["networks"].items():
            patches = found["patches"][number]
            label = f"{feature} {name}" if several else str(feature)
            cells = [_cell(x, cut[x["image"]], about["patch_side"]) for x in patches]
            rows.append((label, cells))
            captions.append([_caption(found, feature, len(patches), classes)])
    titles = ["strongest", *[""] * (len(rows[0][1]) - 1)]
    return pictures.contact_sheet(rows, titles, _HEIGHT, captions)


def _cell(about, image, side):
    """Returns an enlarged patch in a frame, without which white has no end."""
    patch = patch_of(image, about["center"], side)
    # Where a feature does not respond, there is no strongest patch.
    patch = patch if about["response"] > 0 else np.full_like(patch, 255)
    patch = pictures.resize(patch, _HEIGHT / side)
    for line in (patch[0], patch[-1], patch[:, 0], patch[:, -1]):
        line[:] = _FRAME
    return patch


def _caption(found, feature, count, classes):
    if not found["responds"][feature]:
        return "silent"
    text = f"color {found['color'][feature]:.2f}"
    if "semantic" in found:
        name = classes[found["class"][feature]]
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


def section(config, results, samples, drawn):
    """Returns what the page of all analyses says; see `report.add`.

    Args:
        config: A `TopPatchesConfig`.
        results: What `top_patches` found.
        samples: The photographs.
        drawn: What `draw` returned.
    """
    labeled = len(samples.classes) > 1
    excluded = (
        "Responses close to the border, where padding makes some features strong, do "
        "not count: the central half of each patch lies inside the crop. The rest of "
        "it may reach into the padding."
    )
    text = [
        "Each row shows the patches of photographs that a feature responds to most "
        f"strongly, among {results['images']} photographs ({samples.folder}; center "
        f"crops of {results['crop_size']} pixels), at most one patch of each. A patch "
        "is the receptive field of the response, at most as large as the crop; what "
        "lies outside the crop is white. Patches have color, whether the network sees "
        f"it or not. {'' if config.border else excluded}",
        "Color consistency is 1 minus the variance of the patches' colors, divided by "
        "that of patches anywhere: 1 is one color, gray included, and 0 no more "
        "consistent than chance. A color is that of the mean over the central half of "
        "the patch: the hue is a direction, the square root of the chroma a length. "
        "The features shown are evenly spaced over all features of the layer in the "
        "order of their color consistency.",
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
        "tables": [_medians(results, labeled), *_tables(results, samples.classes)],
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


def _tables(results, classes):
    labeled = len(classes) > 1
    columns = ["feature", "network", "color"]
    if labeled:
        columns += ["semantic", "most frequent class", "patches of it"]
    for layer, about in results["layers"].items():
        rows = []
        for feature in about["features"]:
            for name, found in about["networks"].items():
                row = [found["color"][feature]]
                if labeled:
                    row += [
                        found["semantic"][feature],
                        classes[found["class"][feature]],
                        found["of_class"][feature],
                    ]
                if not found["responds"][feature]:
                    row = [None] * len(row)
                row = [feature, name, *row]
                rows.append(row)
        yield {"caption": f"Features of {layer}", "columns": columns, "rows": rows}
