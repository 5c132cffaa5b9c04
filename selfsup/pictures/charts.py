"""Charts of numbers: training curves and bars of classes."""

import numpy as np

from selfsup import atomic

# Classes of a table of confusions that are named, and whose numbers are written.
_NAMED, _WRITTEN = 60, 20

# Points of a line that are marked.
_MARKED = 16

# Factor and unit of the measures of a log. Joint tasks put a name before the second's.
_PERCENT, _NATS = (100.0, "%"), (1.0, "nats")
_MEASURES = {
    "accuracy": _PERCENT,
    "mean_iou": _PERCENT,
    "map_area": _PERCENT,
    "hue": _NATS,
    "chroma": _NATS,
    "label": _NATS,
    "classes": _NATS,
    "loss": (1.0, "weighted sum"),
}

_CENTERED = {"ha": "center", "va": "center"}


def curves(log, path, baselines=None):
    """Draws the columns of a training log over the steps.

    Columns `X` and `val_X` share a panel, and so does the baseline of `X`. A
    single loss that is the total is drawn once.

    Args:
        log: Path of a CSV file with a column `step`.
        path: Path of the picture.
        baselines: Dict from column to a constant to compare with, such as what a
            prediction without looking at the image gets.
    """
    # What an epoch did not log, Keras' CSVLogger writes as NA: it becomes NaN.
    table = np.genfromtxt(log, delimiter=",", names=True, ndmin=1)
    columns = {name: table[name] for name in table.dtype.names}
    hidden = {"epoch", "step", "steps_per_second"}
    hidden |= {name for name, values in columns.items() if np.isnan(values).all()}
    for name, values in columns.items():
        if name != "loss" and np.array_equal(values, columns.get("loss")):
            # The one that has a held-out column beside it stays.
            total = "val_loss" in columns and f"val_{name}" not in columns
            hidden.add(name if total else "loss")
    # In the order of the log, each once, the parts of the loss before their sum.
    panels = dict.fromkeys(n.removeprefix("val_") for n in columns if n not in hidden)
    panels = sorted(panels, key=("loss", "learning_rate").__contains__)
    panels = [name for name in panels if not _is_flat(name, columns)]
    figure = _figure(4 * max(1, len(panels)), 3.2)
    grid = figure.subplots(1, max(1, len(panels)), squeeze=False)
    for axes, name in zip(grid[0], panels, strict=False):
        factor, unit = next(
            (known for end, known in _MEASURES.items() if name.endswith(end)), (1.0, "")
        )
        for column, label, color, marker in (
            (name, "training", "C0", None),
            (f"val_{name}", "held out", "C1", "."),
        ):
            if column in columns:
                known = ~np.isnan(columns[column])
                steps, values = columns["step"][known], columns[column][known]
                axes.plot(
                    steps, factor * values, marker=marker, color=color, label=label
                )
        if baselines and name in baselines:
            level = factor * baselines[name]
            axes.axhline(level, color="gray", linestyle="--", label="baseline")
        axes.set_title(name.replace("_", " ").replace("iou", "IoU"))
        axes.set_xlabel("step")
        axes.xaxis.get_major_locator().set_params(integer=True)
        axes.set_ylabel(unit)
    _legend_above(figure, *grid[0])
    _save(figure, path)


def _is_flat(name, columns):
    """Whether a panel would show a constant, such as a rate that never falls."""
    known = [columns[c] for c in (name, f"val_{name}") if c in columns]
    values = np.concatenate([column[~np.isnan(column)] for column in known])
    return len(values) > 2 and np.ptp(values) == 0


def class_table_chart(by_class, path, title):
    """Draws a measure of every class as a bar, in percent, and their mean.

    Args:
        by_class: Dict from the name of each class, from top to bottom, to a value in
            `[0, 1]` (IoU, average precision), or None: such a class is drawn as
            absent, and left out of the mean.
        path: Path of the picture.
        title: What was measured.
    """
    # None becomes NaN.
    percents = 100.0 * np.array(list(by_class.values()), np.float64)
    figure = _figure(6.4, 1.2 + 0.28 * len(by_class))
    axes = figure.subplots()
    known = ~np.isnan(percents)
    rows = np.arange(len(by_class))
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
    axes.set_yticks(rows, list(by_class))
    axes.set_ylim(len(by_class) - 0.4, -0.6)
    axes.set_xlim(0, 100)
    axes.set_title(title, wrap=True)
    _save(figure, path)


def confusion_chart(counts, classes, path):
    """Draws how images of each class were classified, each row in percent.

    Args:
        counts: `[K, K]`, numbers of images by true class (row) and prediction.
        classes: Names of the classes; more than 60 are not written.
        path: Path of the picture.
    """
    shares = 100.0 * counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    few = len(classes) <= _NAMED
    size = 3 + 0.28 * min(len(classes), _NAMED)
    figure = _figure(size + 1, size)
    axes = figure.subplots()
    picture = axes.imshow(shares, cmap="Blues", vmin=0, vmax=100)
    figure.colorbar(picture, label="% of the class")
    axes.set_xlabel("predicted")
    axes.set_ylabel("true")
    if few:
        places = np.arange(len(classes))
        axes.set_xticks(places, classes, rotation=90)
        axes.set_yticks(places, classes)
    if len(classes) <= _WRITTEN:
        for (row, column), share in np.ndenumerate(shares):
            ink = "white" if share > 50 else "black"
            axes.text(column, row, f"{share:.0f}", color=ink, size=7, **_CENTERED)
    _save(figure, path)


def layer_bars(panels, path, baseline):
    """Draws a measure of several networks as bars over their layers, in percent.

    Args:
        panels: Dict from titles to dicts from the name of a network to a dict from each
            layer to a pair in `[0, 1]`: the mean of several runs and their standard
            deviation.
        path: Path of the picture.
        baseline: The measure without looking at the image, a dashed line.
    """
    layers = list(next(iter(next(iter(panels.values())).values())))
    figure = _figure(2.5 + 0.4 * len(layers), 2.4 * len(panels))
    grid = figure.subplots(len(panels), 1, squeeze=False, sharex=True)[:, 0]
    for axes, (title, networks) in zip(grid, panels.items(), strict=True):
        width = 0.8 / len(networks)
        for number, (name, by_layer) in enumerate(networks.items()):
            means, spreads = 100.0 * np.array(list(by_layer.values())).T
            places = np.arange(len(layers)) + (number - (len(networks) - 1) / 2) * width
            axes.bar(places, means, width, yerr=spreads, capsize=2, label=name)
        axes.axhline(100.0 * baseline, color="gray", linestyle="--", label="baseline")
        axes.set_title(title)
        axes.set_ylabel("%")
        axes.set_xticks(np.arange(len(layers)), layers, rotation=60, ha="right")
    _legend_above(figure, grid[0])
    _save(figure, path)


def quartile_bars(networks, path, title):
    """Draws medians of several networks as bars over their layers, with quartiles.

    Args:
        networks: Dict from the name of a network to a dict from each layer to a dict
            with `median`, and `lower` and `upper` quartile, or None for all three:
            there is no bar then. Networks may have other layers.
        path: Path of the picture.
        title: What was measured, on the vertical axis.
    """
    layers = list(dict.fromkeys(x for by_layer in networks.values() for x in by_layer))
    figure = _figure(2.5 + 0.45 * len(layers), 3.4)
    axes = figure.subplots()
    width = 0.8 / len(networks)
    for number, (name, by_layer) in enumerate(networks.items()):
        known = {k: v for k, v in by_layer.items() if v["median"] is not None}
        places = np.array([layers.index(layer) for layer in known])
        places = places + (number - (len(networks) - 1) / 2) * width
        lower, median, upper = (
            np.array([x[key] for x in known.values()])
            for key in ("lower", "median", "upper")
        )
        spreads = [median - lower, upper - median]
        axes.bar(
            places, median, width, yerr=spreads, capsize=2, label=name, ecolor="#444"
        )
    axes.axhline(0, color="black", linewidth=0.8)
    axes.set_ylabel(title)
    axes.set_xticks(np.arange(len(layers)), layers, rotation=60, ha="right")
    axes.set_xlim(-0.6, len(layers) - 0.4)
    _legend_above(figure, axes)
    _save(figure, path)


def line_panels(panels, path, horizontal, vertical, level):
    """Draws lines of several networks, a panel for each layer.

    Args:
        panels: Dict from titles to dicts from the name of a network to a sequence of
            values, the first at 0.
        path: Path of the picture.
        horizontal: Title of the horizontal axes.
        vertical: Title of the vertical axes.
        level: Where a dashed line shows what nothing is.
    """
    columns = min(5, len(panels))
    rows = -(-len(panels) // columns)
    figure = _figure(1 + 2.1 * columns, 0.8 + 1.7 * rows)
    grid = figure.subplots(rows, columns, squeeze=False, sharey="row")
    for axes in grid.flat[len(panels) :]:
        axes.set_axis_off()
    for axes, (title, networks) in zip(grid.flat, panels.items(), strict=False):
        axes.axhline(level, color="gray", linestyle="--", linewidth=0.8)
        for name, values in networks.items():
            # Points that touch would hide the line.
            marker = "." if len(values) <= _MARKED else None
            axes.plot(values, marker=marker, markersize=5, label=name)
        axes.set_title(title, size="medium")
        axes.xaxis.get_major_locator().set_params(integer=True)
    figure.supxlabel(horizontal, size="medium")
    figure.supylabel(vertical, size="medium")
    _legend_above(figure, grid[0, 0])
    _save(figure, path)


def step_panels(panels, path, marks):
    """Draws numbers of several runs over the training steps, a panel for each kind.

    Args:
        panels: Dict from titles to dicts from the name of a run to a triple: steps,
            values, and standard deviations or None. A run has one color in all panels.
        path: Path of the picture.
        marks: Dict from the name of a run to steps at which something happened, dotted
            lines in its color.
    """
    colors = {name: f"C{number}" for number, name in enumerate(marks)}
    figure = _figure(6.4, 0.6 + 2.6 * len(panels))
    grid = figure.subplots(len(panels), 1, squeeze=False, sharex=True)[:, 0]
    for axes, (title, found) in zip(grid, panels.items(), strict=True):
        for name, steps in marks.items():
            for step in steps:
                axes.axvline(step, color=colors[name], linestyle=":", linewidth=1)
        for name, (steps, values, spreads) in found.items():
            style = {"color": colors[name], "label": name}
            if spreads is None:
                axes.plot(steps, values, linewidth=1, **style)
            else:
                axes.errorbar(steps, values, spreads, marker="o", capsize=3, **style)
        axes.set_title(title, size="medium")
    grid[-1].set_xlabel("step")
    _legend_above(figure, grid[0])
    _save(figure, path)


def growth_panels(panels, path, columns):
    """Draws what grows with a size, from zero on, a panel for each pair.

    Args:
        panels: Dict from pairs of the titles of the horizontal and the vertical axis
            to pairs of sequences: sizes in their order, and values.
        path: Path of the picture.
        columns: Panels in a row.
    """
    rows = -(-len(panels) // columns)
    figure = _figure(0.6 + 3.2 * columns, 0.4 + 2.6 * rows)
    grid = figure.subplots(rows, columns, squeeze=False)
    for axes, ((horizontal, vertical), values) in zip(
        grid.flat, panels.items(), strict=True
    ):
        axes.plot(*values, marker="o", markersize=4)
        # Zero belongs to it: what grows in proportion shows as that.
        axes.update_datalim([(0, 0)])
        axes.autoscale_view()
        axes.set_xlim(left=0)
        axes.set_ylim(bottom=0)
        axes.set_xlabel(horizontal)
        axes.set_ylabel(vertical)
    _save(figure, path)


def quadrants(panels, path, horizontal, vertical, columns):
    """Draws items by two scores, with lines at the medians.

    Args:
        panels: Dict from titles to triples: two arrays `[N]` of scores, and a dict from
            the names of items that are named to their two scores.
        path: Path of the picture.
        horizontal: Name of the first score.
        vertical: Name of the second score.
        columns: Panels in a row.
    """
    rows = -(-len(panels) // columns)
    figure = _figure(0.6 + 4.2 * columns, 0.4 + 3.4 * rows)
    grid = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    near = 0.12 * np.ptp(np.concatenate([[0.0], *(x for x, *_ in panels.values())]))
    for axes, (title, (x, y, named)) in zip(grid.flat, panels.items(), strict=False):
        axes.scatter(x, y, s=14, alpha=0.35, linewidths=0)
        if len(x):
            for line, value in (
                (axes.axvline, np.median(x)),
                (axes.axhline, np.median(y)),
            ):
                line(value, color="gray", linestyle="--", linewidth=0.8)
        label, before = None, None
        for name, place in sorted(named.items(), key=lambda item: item[1][::-1]):
            axes.plot(*place, "o", color="C1", markersize=5)
            # What lies side by side is named in one line.
            if before and place[1] == before[1] and place[0] - before[0] < near:
                label.set_text(f"{label.get_text()}, {name}")
            else:
                style = {"textcoords": "offset points", "size": "small"}
                label = axes.annotate(str(name), place, (4, 4), **style)
            before = place
        axes.set_title(title, size="medium")
        axes.margins(0.08)
    figure.supxlabel(horizontal, size="medium")
    figure.supylabel(vertical, size="medium")
    _save(figure, path)


def _legend_above(figure, *panels):
    """Says above all panels, where it covers nothing, which color is what."""
    handles = {}
    for axes in panels:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            handles.setdefault(label, handle)
    figure.legend(
        handles.values(),
        handles.keys(),
        loc="outside upper center",
        ncols=len(handles),
        fontsize="small",
    )


def _figure(width, height):
    # Not by pyplot, so that no window system and no global state is touched.
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="constrained")


def _save(figure, path):
    with atomic.write(path) as unfinished:
        figure.savefig(unfinished, dpi=110)
