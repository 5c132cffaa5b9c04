"""How the cost and the memory of a training step grow with its sizes."""

from absl import logging

from selfsup.analysis.benchmarks import child
from selfsup.settings import fail

COLUMNS = {
    "grows": ("grows", ""),
    "crop": ("crop_size", ""),
    "batch": ("batch_size", ""),
    "points": ("points", ""),
    "processor ms/step": ("processor_milliseconds", ".1f"),
    "ms/step": ("milliseconds", ".1f"),
    "images/s": ("images_per_second", ".1f"),
    "MB": ("peak_megabytes", ".0f"),
}

# What grows: the field, the values, and the title of the axis.
_AXES = {
    "crop_size": ("crop_sizes", "side of the crop, pixels"),
    "batch_size": ("batch_sizes", "images a batch"),
    "points": ("point_counts", "points an image"),
}


def sizes(config):
    """Lists what is measured.

    Args:
        config: A `GrowthConfig`.

    Returns:
        A list of pairs: the field that grows, and its value.

    Raises:
        ValueError: If a value is no whole number.
    """
    found = []
    for field, (name, _) in _AXES.items():
        for value in getattr(config, name):
            if not value.isdecimal():
                fail(name, value, "whole numbers")
            found.append((field, int(value)))
    return found


def measure(config, program=child.PROGRAM):
    """Times the step at each size, each in a process of its own.

    Args:
        config: A `GrowthConfig`.
        program: The program that times a step.

    Yields:
        A dict of figures; `grows` is the field that grows.
    """
    whole = {name: None for name, _ in _AXES.values()}
    done = {}
    for field, value in sizes(config):
        given = child.flags(config, **whole, **{field: value})
        key = tuple(given)
        if key not in done:
            logging.info("Measuring %s=%d", field, value)
            done[key] = child.run(given, config.side, program=program)
        base = {name: getattr(config, name) for name in _AXES}
        yield {"grows": field, **base, field: value, **done[key]}


def draw(measured, path):
    """Draws processor time and memory over each size.

    Args:
        measured: What `measure` yielded.
        path: Path of the picture.
    """
    # Not needed to measure.
    from selfsup import pictures

    panels = {}
    for vertical, key in (
        ("processor ms a step", "processor_milliseconds"),
        ("memory of the step, MB", "peak_megabytes"),
    ):
        for field, (_, horizontal) in _AXES.items():
            rows = [row for row in measured if row["grows"] == field and key in row]
            rows.sort(key=lambda row: row[field])
            points = [(row[field], row[key]) for row in rows]
            panels[horizontal, vertical] = list(zip(*points, strict=True)) or [(), ()]
    pictures.growth_panels(panels, path, columns=len(_AXES))
