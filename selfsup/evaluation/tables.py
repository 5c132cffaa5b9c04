"""Results as text for the screen."""


def class_table(results):
    """Formats the results of a segmenter or classifier as a table of classes.

    Args:
        results: The content of a `results.json` with values by class.

    Returns:
        A string of several lines, in percent; `-` for classes that are not in
        the images.
    """
    columns = {
        name: results[name]
        for name in ("iou", "ap_11point", "ap_area")
        if name in results
    }
    if not columns:
        return f"Not tested. Held-out score: {_held_out(results)}"
    classes = list(next(iter(columns.values())))
    width = max(len(name) for name in (*classes, "pixel accuracy"))
    lines = [f"{'':{width}}" + "".join(f"{name:>12}" for name in columns)]
    for name in classes:
        values = "".join(f"{_percent(column[name]):>12}" for column in columns.values())
        lines.append(f"{name:{width}}{values}")
    means = {"iou": "mean_iou", "ap_11point": "map_11point", "ap_area": "map_area"}
    values = "".join(f"{_percent(results[means[name]]):>12}" for name in columns)
    lines.append(f"{'mean':{width}}{values}")
    if "pixel_accuracy" in results:
        lines.append(
            f"{'pixel accuracy':{width}}{_percent(results['pixel_accuracy']):>12}"
        )
    return "\n".join(lines)


def _held_out(results):
    scores = [v for name, v in results.items() if name.startswith("held_out_")]
    return _percent(scores[0]) if scores else "-"


def _percent(value):
    return "-" if value is None else f"{100 * value:.2f}"
