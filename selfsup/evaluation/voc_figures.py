"""Pictures of what a segmenter or classifier predicts."""

import math

import numpy as np

from selfsup import pictures
from selfsup.inference import class_map_predictor, segment, takes_color

# Images of each kind (worst, middling, best) on a segmentation sheet, and of each
# class on a sheet of rankings.
_SHOWN, _RANKS = 4, 6

# Frames around images that show the class, that do not, and that are difficult.
_FRAMES = {1: (0.1, 0.7, 0.2), 0: (0.85, 0.15, 0.1), 255: (0.6, 0.6, 0.6)}


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
    rows = [
        (label, image, samples.mask(index), classes)
        for label, (index, image, classes) in zip(
            labels, segment(predict, samples, indices, color), strict=True
        )
    ]
    return pictures.segmentation_sheet(rows, samples.classes)


def segmentation_figures(model, samples, results, output, **options):
    """Draws `predictions.png` and `per_class.png`.

    The first shows the images with the least, the middle and the greatest mean
    IoU, the second the IoU of each class.

    Args:
        model: A segmenter for points.
        samples: The evaluated `data.voc.SegmentationSet`.
        results: What `evaluate_segmentation` returned.
        output: Path of the folder, a `pathlib.Path`.
        **options: As in `class_map_predictor`.
    """
    scores = results["image_iou"]
    names = sorted((n for n in scores if scores[n] is not None), key=scores.get)
    shown = names if len(names) <= 3 * _SHOWN else _spread(names)
    index = {name: number for number, name in enumerate(samples.names)}
    sheet = prediction_sheet(
        class_map_predictor(model, **options),
        samples,
        [index[name] for name in shown],
        takes_color(model),
        [f"{100 * scores[name]:.0f} %  {name}" for name in shown],
    )
    pictures.save_image(output / "predictions.png", sheet)
    _chart(results["iou"], output / "per_class.png", "IoU")


def _spread(names):
    middle = (len(names) - _SHOWN) // 2
    return [*names[:_SHOWN], *names[middle : middle + _SHOWN], *names[-_SHOWN:]]


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
    _chart(results["ap_area"], output / "per_class.png", "Average precision (area)")


def _framed(image, label):
    image = image.astype(np.float32) / 255.0
    width = max(2, min(image.shape[:2]) // 25)
    framed = np.full(image.shape, _FRAMES[int(label)], np.float32)
    framed[width:-width, width:-width] = image[width:-width, width:-width]
    return framed


def _chart(by_class, path, title):
    values = [math.nan if value is None else value for value in by_class.values()]
    pictures.class_table_chart(list(by_class), values, path, title)
