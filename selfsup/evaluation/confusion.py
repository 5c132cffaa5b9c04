"""Measures of segmentations, from counts of pixels: mean IoU and accuracy."""

import numpy as np

from selfsup.data.voc import VOID


def confusion_matrix(truth, prediction, num_classes):
    """Counts the pixels of every pair of true and predicted class.

    Matrices of several images add up; VOC's measures are of the sum over all
    of them, not means over images.

    Args:
        truth: `[...]`, integers in `[0, L)`, or 255 for void, which does not count.
        prediction: Of the same shape, integers in `[0, L)`.
        num_classes: Number of classes `L`.

    Returns:
        `[L, L]`, int64: a row for each true class, a column for each predicted.
    """
    truth, prediction = np.asarray(truth), np.asarray(prediction)
    labeled = truth != VOID
    # In uint8 the pairs of 17 classes would overflow already.
    pairs = num_classes * truth[labeled].astype(np.int64) + prediction[labeled]
    counts = np.bincount(pairs, minlength=num_classes**2)
    return counts.reshape(num_classes, num_classes).astype(np.int64)


def iou_per_class(confusion):
    """Returns the intersection over union of each class.

    Pixels that truth and prediction share, by those that either has. A class
    that is predicted but is nowhere true has 0.

    Args:
        confusion: `[L, L]`, what `confusion_matrix` returned, or a sum of such.

    Returns:
        `[L]`, float64 in `[0, 1]`, NaN where neither has a pixel.
    """
    shared = np.diag(confusion)
    either = confusion.sum(axis=0) + confusion.sum(axis=1) - shared
    iou = np.full(len(confusion), np.nan)
    return np.divide(shared, either, out=iou, where=either > 0)


def mean_iou(confusion):
    """Averages the intersection over union over the classes that occur.

    Args:
        confusion: `[L, L]`, what `confusion_matrix` returned, or a sum of such,
            with at least one pixel.

    Returns:
        A float in `[0, 1]`; classes that are neither true nor predicted
        anywhere are left out.
    """
    return float(np.nanmean(iou_per_class(confusion)))


def pixel_accuracy(confusion):
    """Returns the share of labeled pixels whose class was predicted.

    Args:
        confusion: `[L, L]`, as in `mean_iou`.

    Returns:
        A float in `[0, 1]`.
    """
    return float(np.trace(confusion) / confusion.sum())
