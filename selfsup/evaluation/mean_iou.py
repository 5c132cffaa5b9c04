"""Mean intersection over union of segmentations, from counts of pixels."""

import numpy as np


def confusion_matrix(truth, prediction, num_classes, void=255):
    """Counts the pixels of every pair of true and predicted class.

    Matrices of several images add up; VOC's measures are of the sum over all
    of them, not means over images.

    Args:
        truth: `[...]`, integers in `[0, L)` or `void`.
        prediction: Of the same shape, integers in `[0, L)`.
        num_classes: Number of classes `L`.
        void: Label of the true pixels that do not count.

    Returns:
        `[L, L]`, int64: a row for each true class, a column for each predicted.

    Raises:
        TypeError: If something else than integers came.
        ValueError: If the shapes differ, or a class is out of range.
    """
    truth, prediction = np.asarray(truth), np.asarray(prediction)
    for name, labels in (("truth", truth), ("prediction", prediction)):
        if not np.issubdtype(labels.dtype, np.integer):
            raise TypeError(
                f"Argument `{name}` must hold integer classes. "
                f"Received: an array of {labels.dtype}"
            )
    if truth.shape != prediction.shape:
        raise ValueError(
            "A prediction must have the shape of the truth. Received: "
            f"truth of {truth.shape}, prediction of {prediction.shape}"
        )
    if not 0 < num_classes or 0 <= void < num_classes:
        raise ValueError(
            "Classes must be at least one, and `void` none of them. "
            f"Received: num_classes={num_classes}, void={void}"
        )
    labeled = truth != void
    truth = truth[labeled]
    _check_range("truth", truth, num_classes, f" or {void} (void)")
    _check_range("prediction", prediction, num_classes)
    # In uint8 the pairs of 17 classes would overflow already.
    pairs = num_classes * truth.astype(np.int64) + prediction[labeled]
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

    Raises:
        ValueError: If it is no square matrix.
    """
    confusion = _checked(confusion)
    shared = np.diag(confusion)
    either = confusion.sum(axis=0) + confusion.sum(axis=1) - shared
    iou = np.full(len(confusion), np.nan)
    return np.divide(shared, either, out=iou, where=either > 0)


def mean_iou(confusion):
    """Averages the intersection over union over the classes that occur.

    Args:
        confusion: `[L, L]`, what `confusion_matrix` returned, or a sum of such.

    Returns:
        A float in `[0, 1]`; classes that are neither true nor predicted
        anywhere are left out.

    Raises:
        ValueError: If no pixel has a label.
    """
    confusion = _checked(confusion, occupied=True)
    return float(np.nanmean(iou_per_class(confusion)))


def pixel_accuracy(confusion):
    """Returns the share of labeled pixels whose class was predicted.

    Args:
        confusion: `[L, L]`, what `confusion_matrix` returned, or a sum of such.

    Returns:
        A float in `[0, 1]`.

    Raises:
        ValueError: If no pixel has a label.
    """
    confusion = _checked(confusion, occupied=True)
    return float(np.trace(confusion) / confusion.sum())


def _check_range(name, labels, num_classes, otherwise=""):
    wrong = labels[(labels < 0) | (labels >= num_classes)]
    if wrong.size:
        raise ValueError(
            f"The {name} holds a class that there is not. Expected classes from 0 "
            f"to {num_classes - 1}{otherwise}. Received: {wrong[0]}"
        )


def _checked(confusion, occupied=False):
    confusion = np.asarray(confusion)
    if confusion.ndim != 2 or confusion.shape[0] != confusion.shape[1]:
        raise ValueError(
            "A confusion matrix has a row and a column for each class. "
            f"Received: an array of shape {confusion.shape}"
        )
    if occupied and not confusion.sum():
        raise ValueError(
            "There is nothing to measure. Expected at least one pixel with a label. "
            "Received: a confusion matrix of zeros"
        )
    return confusion
