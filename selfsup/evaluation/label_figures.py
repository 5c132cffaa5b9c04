"""Pictures of what a single-label classifier takes for what."""

import csv

import numpy as np
import scipy.special

from selfsup import atomic, pictures
from selfsup.evaluation.single_label import confusions

# Wrong predictions on a sheet, and its height in pixels.
_MISTAKES, _HEIGHT = 12, 110


def single_label_figures(samples, scores, results, output):
    """Draws `confusions.png`, `per_class.png` and `mistakes.png`.

    The numbers of the first are in `confusions.csv`: a row for each true class, a
    column for each predicted one.

    They show how many images of each class are taken for each, the share of each that
    is recognized, and the wrong predictions that the model is surest of.

    Args:
        samples: The evaluated `data.LabeledSet`.
        scores: `[N, K]`, float, logits.
        results: What `evaluate_single_label` returned.
        output: Path of the folder, a `pathlib.Path`.
    """
    counts = confusions(samples.labels, scores)
    path = output / "confusions.png"
    pictures.confusion_chart(counts, samples.classes, path)
    path = output / "confusions.csv"
    with atomic.write(path) as unfinished, unfinished.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["", *samples.classes])
        for name, row in zip(samples.classes, counts.tolist(), strict=True):
            writer.writerow([name, *row])
    title = "Share recognized"
    pictures.class_table_chart(
        results["class_accuracy"], output / "per_class.png", title
    )
    predicted = np.argmax(scores, axis=1)
    chance = scipy.special.softmax(scores, axis=1).max(axis=1)
    wrong = np.flatnonzero(predicted != samples.labels)
    rows = []
    for i in wrong[np.argsort(-chance[wrong], kind="stable")][:_MISTAKES]:
        true, found = (samples.classes[k] for k in (samples.labels[i], predicted[i]))
        text = f"{100 * chance[i]:.0f} %  {true}, taken for {found}"
        rows.append((text, [samples.image(i)]))
    if rows:
        sheet = pictures.contact_sheet(rows, ["surest mistakes"], _HEIGHT)
        pictures.save_image(output / "mistakes.png", sheet)
