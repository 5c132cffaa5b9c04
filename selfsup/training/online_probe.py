"""What pretraining has learned so far: a probe on a labeled set, now and then."""

import numpy as np
from absl import logging

from selfsup import data, inference, networks
from selfsup.data import records
from selfsup.data.streams import FileImages
from selfsup.evaluation.probes import (
    CenterCrops,
    check_labels,
    pooled_features,
    probe_accuracies,
)

# Images of each part at most, as a probe is to take seconds; but so many of each class.
_MOST, _LEAST = 2000, 4

# Share of each class that is measured on where the set has no val/.
_VAL_FRACTION = 0.5


class OnlineProbe:
    """A linear probe of a backbone on a labeled set of its own.

    Probes of all layers of the hypercolumn but the input are fitted to pooled features.
    The layer is chosen by the training images alone, anew at each measurement.

    Args:
        spec: As in `data.open_labeled`.
        crop_size: Side of the center crops.

    Raises:
        FileNotFoundError: If images are missing.
        ValueError: If the set is not one of labeled photographs.
    """

    def __init__(self, spec, crop_size):
        parts = data.open_labeled(spec, val_fraction=_VAL_FRACTION)
        check_labels(parts[0])
        self._train, self._test = map(_some, parts)
        self._crops = CenterCrops.of_size(crop_size)
        self._compiled = None

    def warn_of_overlap(self, images):
        """Says how many of the images are among those of pretraining.

        Args:
            images: The collection that is pretrained on.
        """
        # Those of TensorFlow Datasets have none.
        ours = set(records.places(getattr(images, "sources", ())))
        for name, part in (("training", self._train), ("test", self._test)):
            if isinstance(part.images, FileImages):
                both = len(ours.intersection(records.places(part.images.sources)))
                if both:
                    text = "%d of the probe's %d %s images are pretrained on too"
                    logging.info(text, both, len(part), name)

    def measure(self, backbone):
        """Measures a backbone.

        Args:
            backbone: A model of `selfsup.networks` with gray input.

        Returns:
            A pair: the accuracy on the test images, and the layer.

        Raises:
            ValueError: If an image can't be read; it is named.
        """
        layers, predict = self._predictor(backbone)
        train, test = (
            (pooled_features(predict, part, self._crops), part.labels)
            for part in (self._train, self._test)
        )
        found = [x["linear"] for x in probe_accuracies(train, test, kinds=["linear"])]
        # Of equal ones the deepest.
        best = max(reversed(range(len(layers))), key=lambda i: found[i][1])
        return found[best][0], layers[best]

    def _predictor(self, backbone):
        # Compiled once for the whole run.
        if self._compiled is None or self._compiled[0] is not backbone:
            names = [tap.layer for tap in networks.taps(backbone)]
            layers = [name for name in names if name != backbone.input.name]
            predict = inference.pooled_feature_predictor(backbone, layers)
            self._compiled = backbone, (layers, predict)
        return self._compiled[1]


def _some(samples):
    """Returns a set with as many images of each class as a probe takes."""
    count = max(_LEAST, _MOST // len(samples.classes))
    members = (
        np.flatnonzero(samples.labels == label) for label in range(len(samples.classes))
    )
    return samples.subset(
        np.concatenate([x[data.evenly_spaced(x, count)] for x in members])
    )
