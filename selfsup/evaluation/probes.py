"""Probes: what simple classifiers read off frozen features, by scikit-learn."""

import contextlib
import warnings
from typing import NamedTuple

import numpy as np
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedShuffleSplit
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

from selfsup import data
from selfsup.data.labelled_batches import evaluation_batches
from selfsup.progress import progress_bar
from selfsup.settings import fail

# Share of the training images that choices are made on.
_CHOICE_SHARE = 0.2

# Inverse strength of the regularization; of equal ones the strongest is chosen.
_STRENGTHS = (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 10.0)
_NEIGHBORS = (1, 3, 5, 10, 20, 50)

KINDS = ("linear", "knn")


class CenterCrops(NamedTuple):
    """How images are cut for frozen features: the center of a scaled image.

    Attributes:
        crop_size: Side of the crop.
        min_side: Shortest side that images are scaled to.
        max_side: The same.
        color: Whether the network takes color.
        batch_size: Images at once.
    """

    crop_size: int
    min_side: int
    max_side: int
    color: bool = False
    batch_size: int = 32

    @classmethod
    def of_size(cls, crop_size, side=None, color=False):
        """Returns the crops of a size; the shortest side is 8/7 of it by default.

        Raises:
            ValueError: If the side is smaller than the crop.
        """
        side = side or crop_size * 8 // 7
        if side < crop_size:
            fail("side", side, f"at least crop_size={crop_size}")
        return cls(crop_size, side, side, color)


def pooled_features(predict, samples, config, title=None):
    """Reads the features of every image of a set.

    Args:
        predict: What `inference.pooled_feature_predictor` returned.
        samples: A `data.LabeledSet`.
        config: `CenterCrops`.
        title: Name of a progress bar, or None for no bar.

    Returns:
        A list of `[N, C_i]`, float32.

    Raises:
        ValueError: If an image can't be read; it is named.
    """
    found = []
    batches = data.decoded(evaluation_batches(samples, config), samples)
    count = -(-len(samples) // config.batch_size)
    for images, _, weights, _ in progress_bar(
        batches, title, count, "batch", disable=title is None, leave=False
    ):
        (crops,) = images.values()
        # Without what fills the last batch.
        usable = weights["label"].numpy() > 0
        found.append([x.numpy()[usable] for x in predict(crops[:, 0])])
    return [np.concatenate(parts) for parts in zip(*found, strict=True)]


def check_labels(samples):
    """Raises a ValueError unless each class has the two images that a probe needs.

    Args:
        samples: A `data.LabeledSet`.
    """
    counts = np.bincount(samples.labels, minlength=len(samples.classes))
    if counts.min() < 2:
        raise ValueError(
            "A class has too few images for a probe. Expected two or more. Received: "
            f"{counts.min()} of class {samples.classes[counts.argmin()]!r} in "
            f"{samples.folder}"
        )


def fit_probe(kind, features, labels, seed=0):
    """Fits a probe to standardized features.

    A fifth of the images, of all classes alike, decides about the regularization of
    the logistic regression, or the number of nearest neighbors by cosine distance; the
    probe is then fitted to all of them.

    Args:
        kind: `"linear"` or `"knn"`.
        features: `[N, C]`, float32.
        labels: `[N]`, integers; two of each or more.
        seed: Seed of the choice of the fifth.

    Returns:
        A fitted `sklearn.model_selection.GridSearchCV` with `predict`, `best_params_`
        and `best_score_`, the accuracy on the fifth.
    """
    share = max(len(np.unique(labels)), round(_CHOICE_SHARE * len(labels)))
    if kind == "linear":
        probe, name, values = LogisticRegression(max_iter=1000), "C", _STRENGTHS
    else:
        probe, name = KNeighborsClassifier(metric="cosine"), "n_neighbors"
        values = [count for count in _NEIGHBORS if count <= len(labels) - share]
    search = GridSearchCV(
        make_pipeline(StandardScaler(), probe),
        {f"{type(probe).__name__.lower()}__{name}": values},
        cv=StratifiedShuffleSplit(1, test_size=share, random_state=seed),
    )
    return search.fit(features, labels)


@contextlib.contextmanager
def quietly_on_one_thread():
    """Fits inside it take one thread, and end at their last iteration without a word.

    Threads that wait for each other took forty times as long for 1,000 images.

    Yields:
        Nothing.
    """
    with threadpool_limits(1), warnings.catch_warnings():
        # Hardly regularized, some do not converge: what they came to is taken.
        warnings.simplefilter("ignore", ConvergenceWarning)
        yield


def probe_accuracies(train, test, seed=0, kinds=KINDS):
    """Measures probes of some layers.

    Args:
        train: Pair of a list of features `[N, C_i]`, one for each layer, and the labels
            `[N]`.
        test: The same of the images to measure on.
        seed: As in `fit_probe`.
        kinds: Kinds of probes.

    Returns:
        A list with a dict for each layer from the kind to a pair: the accuracy on the
        test images, and that on the fifth of the training images that chose.
    """
    (features, labels), (held_out, held_out_labels) = train, test

    def measure(kind, ours, theirs):
        probe = fit_probe(kind, ours, labels, seed)
        hits = probe.predict(theirs) == held_out_labels
        return float(np.mean(hits)), float(probe.best_score_)

    with quietly_on_one_thread():
        return [
            {kind: measure(kind, ours, theirs) for kind in kinds}
            for ours, theirs in zip(features, held_out, strict=True)
        ]
