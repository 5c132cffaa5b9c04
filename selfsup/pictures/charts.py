"""Charts of numbers: training curves and bars of classes."""

import csv

import numpy as np

from selfsup import atomic


def curves(log, path, baselines=None):
    """Draws the columns of a training log over the steps.

    Columns `X` and `val_X` share a panel, and so does the baseline of `X`. A
    single loss that is the total is drawn once.

    Args:
        log: Path of a CSV file with a column `step`.
        path: Path of the picture.
        baselines: Dict from column to a constant to compare with.
    """
    with open(log, newline="") as file:
        rows = list(csv.DictReader(file))
    columns = {name: _floats(rows, name) for name in (rows[0] if rows else ())}
    hidden = {"epoch", "step", "steps_per_second"}
    hidden |= {
        name
        for name, values in columns.items()
        if np.isnan(values).all()
        or (name != "loss" and np.array_equal(values, columns.get("loss")))
    }
    # In the order of the log, each once.
    panels = list(
        dict.fromkeys(n.removeprefix("val_") for n in columns if n not in hidden)
    )
    figure = _figure(4 * max(1, len(panels)), 3.2)
    for axes, name in zip(
        figure.subplots(1, max(1, len(panels)), squeeze=False)[0], panels, strict=False
    ):
        for column, label in ((name, "training"), (f"val_{name}", "held out")):
            if column in columns:
                known = ~np.isnan(columns[column])
                axes.plot(
                    columns["step"][known],
                    columns[column][known],
                    marker="." if label == "held out" else None,
                    color="C1" if label == "held out" else "C0",
                    label=label,
                )
        if baselines and name in baselines:
            axes.axhline(
                baselines[name], color="gray", linestyle="--", label="mean histogram"
            )
        axes.set_title(name.replace("_", " "))
        axes.set_xlabel("step")
        if len(axes.get_lines()) > 1:
            axes.legend(fontsize="small")
    _save(figure, path)


def class_table_chart(names, values, path, title):
    """Draws a measure of every class as a bar, in percent, and their mean.

    Args:
        names: Name of each class, from top to bottom.
        values: `[L]`, in `[0, 1]` (IoU, average precision); NaN for classes that
            have none, which count as absent and not in the mean.
        path: Path of the picture.
        title: What was measured.

    Raises:
        ValueError: If there is not one value for each name.
    """
    percents = 100.0 * np.asarray(values, np.float64)
    if percents.shape != (len(names),):
        raise ValueError(
            f"A chart of {len(names)} classes needs a value for each. "
            f"Received: values of shape {percents.shape}"
        )
    figure = _figure(6.4, 1.2 + 0.28 * len(names))
    axes = figure.subplots()
    known = ~np.isnan(percents)
    rows = np.arange(len(names))
    axes.barh(rows[known], percents[known], height=0.7)
    # The line of the mean runs behind the numbers, not through them.
    behind = {"facecolor": "white", "edgecolor": "none", "pad": 0.5}
    for row, percent in zip(rows, percents, strict=True):
        absent = np.isnan(percent)
        text = "absent" if absent else f"{percent:.1f}"
        x = 1 if absent else percent + 1
        axes.text(x, row, text, va="center", size=8, bbox=behind)
    axes.set_xlabel("%")
    if known.any():
        mean = percents[known].mean()
        axes.axvline(mean, color="gray", linestyle="--", zorder=0.5)
        axes.set_xlabel(f"% (dashed: mean {mean:.1f})")
    axes.set_yticks(rows, names)
    axes.set_ylim(len(names) - 0.4, -0.6)
    # Room for the number of a bar of 100.
    axes.set_xlim(0, 112)
    axes.set_title(title, wrap=True)
    _save(figure, path)


def _figure(width, height):
    # Its own canvas, so that no window system and no global state is touched.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def _save(figure, path):
    with atomic.write(path) as unfinished:
        figure.savefig(unfinished, dpi=110)


def _floats(rows, name):
    # Keras' CSVLogger writes NA for what an epoch did not log.
    return np.array([float(row[name].replace("NA", "") or "nan") for row in rows])
