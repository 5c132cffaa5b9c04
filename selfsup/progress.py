"""Progress bars for work that takes long."""

import sys
import weakref

import tqdm

from selfsup import stopping

_bars = weakref.WeakSet()


class _Stoppable(tqdm.tqdm):
    """Ends between two items when the program is to stop."""

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        _bars.add(self)

    def __iter__(self):
        for item in super().__iter__():
            stopping.check()
            yield item


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

    Raises:
        stopping.Stopped: Between two items, if the program is to stop.
    """
    return _Stoppable(
        items,
        name,
        total,
        unit=unit,
        dynamic_ncols=True,
        mininterval=0.5 if sys.stderr.isatty() else 15.0,
        **kwargs,
    )


def clear_bars():
    """Takes all bars off the screen, so that a line can be written; they come back."""
    for bar in list(_bars):
        bar.clear()


def close_bars():
    """Ends all bars where they are, so that a last line can follow.

    A bar that was to vanish in the end does; the others stay above the line.
    """
    for bar in list(_bars):
        bar.close()
