"""Results as text for the screen."""

# Measures by class, and the names of their means.
_MEANS = {
    "iou": "mean_iou",
    "ap_11point": "map_11point",
    "ap_area": "map_area",
    "class_accuracy": "mean_class_accuracy",
}

# Measures over all classes at once.
_TOTALS = ("pixel_accuracy", "accuracy", "top_5_accuracy")


def class_table(results):
    """Formats the results of a segmenter or classifier as a table of classes.

    Args:
        results: The content of a `results.json` with values by class.

    Returns:
        A string of several lines, in percent; `-` for classes that are not in
        the images.
    """
    columns = [name for name in _MEANS if name in results]
    if not columns:
        scores = (v for name, v in results.items() if name.startswith("held_out_"))
        return f"Not tested. Held-out score: {_percent(next(scores, None))}"
    rows = [(name, [results[c][name] for c in columns]) for name in results[columns[0]]]
    rows.append(("mean", [results[_MEANS[column]] for column in columns]))
    rows += [(n.replace("_", " "), [results[n]]) for n in _TOTALS if n in results]
    width = max(len("pixel accuracy"), *(len(name) for name, _ in rows))
    lines = [" " * width + "".join(f"  {name:>10}" for name in columns)]
    for name, values in rows:
        cells = "".join(f"{_percent(value):>12}" for value in values)
        lines.append(f"{name:{width}}{cells}")
    return "\n".join(lines)


def _percent(value):
    return "-" if value is None else f"{100 * value:.2f}"
