"""The mean of several runs, and how far they lie apart."""

import numpy as np


def summary(values):
    """Summarizes what several runs or draws gave.

    Args:
        values: A sequence of floats.

    Returns:
        A dict: `mean`; `std`, with one degree of freedom less, None of a single value;
        and `values`.
    """
    return {
        "mean": float(np.mean(values)),
        "std": float(np.std(values, ddof=1)) if len(values) > 1 else None,
        "values": list(values),
    }


def percent(found):
    """Formats a summary in percent: `12.3 ± 0.4`, or the mean of a single value.

    Args:
        found: What `summary` returned.
    """
    spread = "" if found["std"] is None else f" ± {100 * found['std']:.1f}"
    return f"{100 * found['mean']:.1f}{spread}"
