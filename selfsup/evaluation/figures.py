"""Pictures of what models predict, and the choice of what they show."""

import pathlib
import re

import numpy as np
from absl import logging

from selfsup import data, pictures, stopping
from selfsup.data import files
from selfsup.inference import class_map_predictor, color_image, segment, takes_color

# Images that are looked at for a choice of colorful ones.
_CANDIDATES = 48

# Shortest side that is kept of them: twice the height of a sheet's pictures.
_SHOWN_SIDE = 320

# Images of each kind (worst, middling, best) on a segmentation sheet, and of each
# class on a sheet of rankings.
_SHOWN, _RANKS = 4, 6

# Frames around images that show the class, that do not, and that are difficult.
_FRAMES = {1: (0.1, 0.7, 0.2), 0: (0.85, 0.15, 0.1), 255: (0.6, 0.6, 0.6)}


def choose_images(collection, count=8):
    """Chooses images whose coloring is worth looking at.

    Of some that are evenly spread it takes the most colorful, one of each
    scene as long as there are enough; names of one scene differ only after
    their last `-` or `_`. Of an embedded photograph and its windows it takes
    one. Unreadable ones are left out.

    Args:
        collection: A collection from `data.open_images`.
        count: Number of images.

    Returns:
        Up to `count` arrays `[H, W, 3]`, float32 in `[0, 1]`, in the order of
        the collection, large ones shrunk to what a sheet can show.
    """
    found, colorful, scenes, wholes, keys = {}, {}, {}, {}, collection.keys
    for index in data.evenly_spaced(collection, _CANDIDATES):
        stopping.check()
        try:
            ((_, image),) = data.whole_images(collection, [index])
        except (OSError, ValueError) as error:
            logging.debug("Left out of the contact sheet: %s", error)
            continue
        scale = min(1, _SHOWN_SIDE / min(image.shape[:2]))
        found[index] = pictures.resize(image, scale).astype(np.float32) / 255.0
        # A strong color on a tenth of the image is enough to look at.
        colorful[index] = np.percentile(np.ptp(found[index], axis=-1), 90)
        # Not by `name`: that of a record is its place.
        stem = pathlib.PurePath(keys[index]).stem
        scenes[index] = re.split(r"[-_][^-_]*$", stem)[0]
        wholes[index] = files.photo_scene(stem)
    order = sorted(found, key=colorful.get, reverse=True)
    apart = {wholes[index]: index for index in reversed(order)}.values()
    order = [index for index in order if index in apart]
    first = {scenes[index]: index for index in reversed(order)}.values()
    rest = [index for index in order if index not in first]
    chosen = [*sorted(first, key=order.index), *rest][:count]
    return [found[index] for index in sorted(chosen)]


def colorization_sheet(predict, groups, short_side=None):
    """Draws gray, predicted and true images side by side.

    Args:
        predict: What `dense_predictor` returned.
        groups: Dict from a title to a list of `[H, W, 3]`, float32 in
            `[0, 1]`; each has its rows, of two images where there are more.
        short_side: As in `color_image`.

    Returns:
        `[H, W, 3]`, uint8.

    Raises:
        ValueError: If there are no images at all.
    """

    def triple(image):
        stopping.check()
        gray = np.mean(image, -1, keepdims=True)
        return [gray, color_image(predict, image, short_side), image]

    across = min(2, max(map(len, groups.values()), default=0)) or 1
    blank = [np.ones((1, 1, 3), np.float32)] * 3
    rows = []
    for title, images in groups.items():
        triples = list(map(triple, images))
        triples += [blank] * (-len(triples) % across)
        for start in range(0, len(triples), across):
            row = sum(triples[start : start + across], [])
            rows.append(("" if start else title, row))
    return pictures.contact_sheet(rows, ["gray", "predicted", "true"] * across)


def prediction_sheet(predict, samples, indices, color=False, labels=None):
    """Lays images out beside their masks, the predictions and the errors.

    Args:
        predict: What `class_map_predictor` returned.
        samples: A `data.voc.SegmentationSet`.
        indices: Numbers of the images.
        color: Whether the network takes color.
        labels: Text of each row; None for the images' names.

    Returns:
        `[H, W, 3]`, uint8.
    """
    labels = labels or [samples.names[index] for index in indices]
    found = segment(predict, samples, indices, color)
    rows = [
        (label, image, samples.mask(index), classes)
        for label, (index, image, classes) in zip(labels, found, strict=True)
    ]
    return pictures.segmentation_sheet(rows, samples.classes)


def segmentation_figures(model, samples, results, output, **options):
    """Draws predictions, in one picture or three, and `per_class.png`.

    `predictions.png` shows all images where they are few; otherwise
    `predictions_worst.png`, `predictions_middling.png` and `predictions_best.png` show
    those with the least, the middle and the greatest mean IoU. The last picture has
    the IoU of each class.

    Args:
        model: A segmenter for points.
        samples: The evaluated `data.voc.SegmentationSet`.
        results: What `evaluate_segmentation` returned.
        output: Path of the folder, a `pathlib.Path`.
        **options: As in `class_map_predictor`.
    """
    scores = results["image_iou"]
    ranked = sorted((n for n in scores if scores[n] is not None), key=scores.get)
    middle = (len(ranked) - _SHOWN) // 2
    pages = {
        "predictions_worst.png": ranked[:_SHOWN],
        "predictions_middling.png": ranked[middle : middle + _SHOWN],
        "predictions_best.png": ranked[-_SHOWN:],
    }
    if len(ranked) <= 3 * _SHOWN:
        pages = {"predictions.png": ranked}
    predict = class_map_predictor(model, **options)
    for page, names in pages.items():
        sheet = prediction_sheet(
            predict,
            samples,
            [samples.names.index(name) for name in names],
            takes_color(model),
            [f"{100 * scores[name]:.0f} %  {name}" for name in names],
        )
        pictures.save_image(output / page, sheet)
    pictures.class_table_chart(results["iou"], output / "per_class.png", "IoU")


def classification_figures(samples, scores, results, output):
    """Draws `rankings.png` and `per_class.png`.

    The first shows the images with the greatest scores of each class, framed in
    green where they show it, in red where not; the second each class's average
    precision.

    Args:
        samples: The evaluated `data.voc.ClassificationSet`.
        scores: `[N, K]`, float.
        results: What `evaluate_classification` returned.
        output: Path of the folder, a `pathlib.Path`.
    """
    rows = []
    for number, name in enumerate(samples.classes):
        best = np.argsort(-scores[:, number], kind="stable")[:_RANKS]
        images = [_framed(samples.image(i), samples.labels[i, number]) for i in best]
        rows.append((name, images))
    titles = [str(rank) for rank in range(1, len(rows[0][1]) + 1)]
    sheet = pictures.contact_sheet(rows, titles, height=110)
    pictures.save_image(output / "rankings.png", sheet)
    title = "Average precision (area)"
    pictures.class_table_chart(results["ap_area"], output / "per_class.png", title)


def _framed(image, label):
    image = image.astype(np.float32) / 255.0
    width = max(2, min(image.shape[:2]) // 25)
    framed = np.full(image.shape, _FRAMES[int(label)], np.float32)
    framed[width:-width, width:-width] = image[width:-width, width:-width]
    return framed
