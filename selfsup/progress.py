"""Progress bars for work that takes long."""

import sys

import tqdm


def progress_bar(items=None, name=None, total=None, unit="image", **kwargs):
    """Returns a progress bar, living on a screen and sparse in a log file.

    Args:
        items: What to go through, or None to call `update` by hand.
        name: Text before the bar.
        total: Number of items, where `items` has no length.
        unit: What the items are called.
        **kwargs: Further arguments of `tqdm.tqdm`.

    Returns:
        A `tqdm.tqdm`, an iterable over `items`.
    """
    return tqdm.tqdm(
        items,
        name,
        total,
        unit=unit,
        dynamic_ncols=True,
        mininterval=0.5 if sys.stderr.isatty() else 15.0,
        **kwargs,
    )
