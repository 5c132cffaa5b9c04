"""Charts show the numbers that they were given."""

import csv

import cv2
import numpy as np
import pytest

from selfsup import pictures


def test_curves_draw_a_panel_for_each_loss(tmp_path):
    log = tmp_path / "log.csv"
    with log.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["epoch", "hue", "loss", "step", "val_hue"])
        writer.writerows([[0, 1.0, 2.0, 10, "nan"], [1, 0.5, 1.5, 20, 0.75]])
    pictures.curves(log, tmp_path / "curves.png", {"hue": 0.9})
    one = cv2.imread(str(tmp_path / "curves.png"))
    # Two panels, hue and loss; val_hue shares hue's.
    assert one.shape[1] == pytest.approx(2 * 4 * 110, abs=2)
    pictures.curves(log, tmp_path / "bare.png")
    assert np.any(one != cv2.imread(str(tmp_path / "bare.png"))), "no baseline drawn"


@pytest.mark.parametrize(
    "names, title",
    [
        (("label", "loss"), "label"),
        (("label", "loss", "val_label"), "label"),
        (("label", "loss", "val_loss"), "loss"),
    ],
)
def test_a_loss_that_is_the_total_has_one_panel(tmp_path, monkeypatch, names, title):
    drawn = []
    monkeypatch.setattr(
        "matplotlib.axes.Axes.set_title", lambda axes, text, **_: drawn.append(text)
    )
    log = tmp_path / "log.csv"
    rows = [[step, *[1.0 / step] * len(names)] for step in (1, 2)]
    np.savetxt(log, rows, delimiter=",", header=",".join(["step", *names]), comments="")
    pictures.curves(log, tmp_path / "curves.png")
    width = cv2.imread(str(tmp_path / "curves.png")).shape[1]
    assert width == pytest.approx(4 * 110, abs=2)
    assert drawn == [title]


BLUE = np.array([31, 119, 180])


def _chart(path, names, values, title="IoU"):
    """The chart as RGB."""
    by_class = dict(zip(names, values, strict=True))
    pictures.class_table_chart(by_class, path, title)
    return cv2.imread(str(path))[..., ::-1].astype(int)


def _bars(chart):
    """Length of every bar in pixels, from top to bottom."""
    lengths = (np.abs(chart - BLUE).max(-1) < 40).sum(axis=1)
    rows = np.flatnonzero(lengths > 0)
    groups = np.split(rows, np.flatnonzero(np.diff(rows) > 1) + 1)
    return [int(np.median(lengths[group])) for group in groups if len(group)]


def test_bars_are_as_long_as_the_values(tmp_path):
    values = [1.0, 0.5, None, 0.25, 0.0]
    bars = _bars(_chart(tmp_path / "c.png", list("abcde"), values))
    # The absent class and the one of 0 have no bar.
    assert len(bars) == 3
    assert bars[1] / bars[0] == pytest.approx(0.5, abs=0.01)
    assert bars[2] / bars[0] == pytest.approx(0.25, abs=0.01)


def test_nothing_of_a_chart_is_cut_off(tmp_path):
    names = ["a class with a rather long name", *"bcdefghij"]
    title = "a title that is much too long to stand in one line above the chart"
    chart = _chart(tmp_path / "c.png", names, np.linspace(0, 1, 10), f"{title} {title}")
    border = [chart[0], chart[-1], chart[:, 0], chart[:, -1]]
    assert min(side.min() for side in border) == 255


def _figure(monkeypatch, draw, folder):
    """What is drawn, as a `matplotlib` figure."""
    from matplotlib.figure import Figure

    figures = []
    save = Figure.savefig
    monkeypatch.setattr(
        Figure, "savefig", lambda self, *a, **k: (figures.append(self), save(self, *a))
    )
    draw(folder / "chart.png")
    return figures[0]


def _texts(monkeypatch, folder, values):
    """What a chart says on its axis and beside its bars."""
    by_class = dict(zip("abc", values, strict=True))
    figure = _figure(
        monkeypatch,
        lambda path: pictures.class_table_chart(by_class, path, "IoU"),
        folder,
    )
    axes = figure.axes[0]
    return axes.get_xlabel(), [text.get_text() for text in axes.texts]


def test_absent_classes_do_not_count_in_the_mean(tmp_path, monkeypatch):
    label, texts = _texts(monkeypatch, tmp_path, [0.5, None, 0.25])
    assert texts == ["50.0", "absent", "25.0"]
    assert label == "% (dashed: mean 37.5)"


def test_a_chart_without_any_value_has_no_mean(tmp_path, monkeypatch):
    label, texts = _texts(monkeypatch, tmp_path, [None] * 3)
    assert texts == ["absent"] * 3
    assert label == "%"


def test_what_an_epoch_did_not_log_is_left_out(tmp_path, monkeypatch):
    log = tmp_path / "log.csv"
    rows = ["epoch,hue,loss,step,val_hue", "0,1.0,2.0,10,NA", "1,0.5,1.5,20,0.75"]
    log.write_text("\n".join([*rows, "2,0.25,1.0,30,\n"]))
    figure = _figure(monkeypatch, lambda path: pictures.curves(log, path), tmp_path)
    training, held_out = figure.axes[0].get_lines()
    assert training.get_xydata().tolist() == [[10, 1.0], [20, 0.5], [30, 0.25]]
    assert held_out.get_xydata().tolist() == [[20, 0.75]]


def test_bars_of_layers_are_as_high_as_the_means(tmp_path):
    means = {"relu1": (0.6, 0.0), "relu2": (0.3, 0.0)}
    pictures.layer_bars({"linear": {"given": means}}, tmp_path / "l.png", 0.0)
    chart = cv2.imread(str(tmp_path / "l.png"))[..., ::-1].astype(int)
    # Below the legend, whose patch has the color too.
    heights = (np.abs(chart[60:] - BLUE).max(-1) < 40).sum(axis=0)
    columns = np.flatnonzero(heights > 0)
    first, second = np.split(columns, np.flatnonzero(np.diff(columns) > 1) + 1)
    ratio = np.median(heights[second]) / np.median(heights[first])
    assert ratio == pytest.approx(0.5, abs=0.02)


def _quartiles(*values):
    return dict(zip(("lower", "median", "upper"), values, strict=True))


def test_quartiles_are_drawn_around_the_medians(tmp_path, monkeypatch):
    networks = {
        "one": {"a": _quartiles(0.1, 0.4, 0.5), "b": _quartiles(None, None, None)},
        "two": {"b": _quartiles(-0.2, -0.1, 0.3), "c": _quartiles(0, 0.2, 0.9)},
    }
    figure = _figure(
        monkeypatch, lambda path: pictures.quartile_bars(networks, path, "t"), tmp_path
    )
    (axes,) = figure.axes
    assert [x.get_text() for x in axes.get_xticklabels()] == ["a", "b", "c"]
    bars = [
        (round(x.get_x() + x.get_width() / 2, 3), x.get_height()) for x in axes.patches
    ]
    assert bars == [(-0.2, 0.4), (1.2, -0.1), (2.2, 0.2)]
    ends = [line.get_ydata() for line in axes.get_lines() if len(line.get_ydata()) > 0]
    lows = sorted(np.concatenate([y for y in ends if len(y) in (1, 2)]))
    for value in (0.1, 0.5, -0.2, 0.3, 0.9):
        assert np.isclose(lows, value).any()


def test_panels_of_lines(tmp_path, monkeypatch):
    panels = {str(n): {"one": [n, 1.0], "two": [n, 2.0, 1.0]} for n in range(6)}
    figure = _figure(
        monkeypatch,
        lambda path: pictures.line_panels(panels, path, "x", "y", 1.0),
        tmp_path,
    )
    shown = [axes for axes in figure.axes if axes.axison]
    assert [axes.get_title() for axes in shown] == list(panels)
    for n, axes in enumerate(shown):
        level, one, two = axes.get_lines()
        assert set(level.get_ydata()) == {1.0}
        assert one.get_xydata().tolist() == [[0, n], [1, 1]]
        assert two.get_xydata().tolist() == [[0, n], [1, 2], [2, 1]]


def test_quadrants_are_split_at_the_medians(tmp_path, monkeypatch):
    x, y = np.array([0.0, 0.5, 0.6]), np.array([1.0, 3.0, 2.0])
    named = {7: (0.0, 1.0), 8: (0.5, 3.0), 9: (0.0, 1.0), 5: (0.1, 1.0), 6: (0.02, 1.0)}
    panels = {"all": (x, y, named), "none": (x[:0], y[:0], {})}
    figure = _figure(
        monkeypatch,
        lambda path: pictures.quadrants(panels, path, "x", "y", 2),
        tmp_path,
    )
    full, empty = figure.axes
    vertical, horizontal, *_ = full.get_lines()
    assert (vertical.get_xdata()[0], horizontal.get_ydata()[0]) == (0.5, 2.0)
    assert [text.get_text() for text in full.texts] == ["7, 9, 6", "5", "8"]
    assert not empty.get_lines()
