"""What the results of a pretraining say, in words."""

# Less than this share of the baseline is no difference.
_CLEAR = 0.01

# Photographs that a network soon knows by heart.
_FEW = 1000


def verdict(results):
    """Puts the results of a pretraining into words.

    Args:
        results: The content of its `results.json`.

    Returns:
        A list of lines: each measure that has a baseline, and what they mean together.
    """
    training, held_out = results.get("training", {}), results.get("held_out")
    names = [name for name in training if f"{name}_baseline" in training]
    lines = []
    for name in names:
        shown = f"{name}: {training[name]:.4f} in training"
        measures = training
        if held_out is not None:
            shown += f", {held_out[name]:.4f} held out"
            measures = held_out
        lines.append(f"{shown}, {measures[f'{name}_baseline']:.4f} baseline")
    return [*lines, _meaning(training, held_out, names, results.get("images", 0))]


def _meaning(training, held_out, names, images):
    if held_out is None:
        return (
            "No photographs were held out: the measures are of photographs that the "
            "network has learned from."
        )
    gains = {name: _gain(held_out, name) for name in names}
    better = {name: gain for name, gain in gains.items() if gain >= _CLEAR}
    baseline = "the baseline, which does not look at the image"
    few = (
        f"{images} photographs are few: the network has learned these, not what others "
        "share with them. Give it more of your own with --data."
    )
    if better:
        shown = [f"{name} by {100 * gain:.0f} %" for name, gain in better.items()]
        others = [name for name in gains if name not in better]
        rest = [f"; {_not_better(name, gains[name])}" for name in others]
        text = (
            f"Held-out photographs are predicted better than by {baseline}: "
            f"{', '.join(shown)}{''.join(rest)}."
        )
        return text if len(better) == len(gains) or images >= _FEW else f"{text} {few}"
    if all(_gain(training, name) < _CLEAR for name in names):
        return (
            f"Nothing is predicted better than by {baseline}. More steps, or another "
            "learning rate, may help."
        )
    text = f"Held-out photographs are predicted no better than by {baseline}. "
    if images < _FEW:
        return text + few
    return f"{text}The network knows its own by heart: more of them, or fewer steps."


def _not_better(name, gain):
    return f"{name} is {-100 * gain:.0f} % worse" if gain <= -_CLEAR else f"not {name}"


def _gain(measures, name):
    """Returns by which share a measure is better than its baseline."""
    value, baseline = measures[name], measures[f"{name}_baseline"]
    # Of an accuracy more is better, of a loss less. Joint tasks have rotation_accuracy.
    return (value / baseline - 1) * (1 if name.endswith("accuracy") else -1)
