"""Tables and pictures of probes, of numbers that are known."""

import cv2
import pytest

from selfsup.analysis import probe_report


def _value(mean, std, choice):
    return {"mean": mean, "std": std, "values": [mean], "choice": choice}


RESULTS = {
    "largest_class": 0.1,
    "accuracy": {
        network: {
            layer: {
                "linear": {
                    "10": _value(top + at, 0.012, 0.9 - at),
                    "all": _value(0.5 + at, None, at),
                }
            }
            for layer, at in (("relu1", 0.0), ("relu2", 0.25))
        }
        for network, top in (("given", 0.3), ("random", 0.2))
    },
}


def test_the_table_shows_every_number_and_the_chosen_layer():
    lines = probe_report.table(RESULTS).splitlines()
    assert [line.split() for line in lines] == [
        "linear, 10 labels a class".split(),
        ["given", "random"],
        "relu1 30.0 ± 1.2 20.0 ± 1.2".split(),
        "relu2 55.0 ± 1.2 45.0 ± 1.2".split(),
        # By the part that chooses, not by the test.
        "given, chosen by the training images: relu1, 30.0 ± 1.2".split(),
        "random, chosen by the training images: relu1, 20.0 ± 1.2".split(),
        [],
        "linear, all labels".split(),
        ["given", "random"],
        ["relu1", "50.0", "50.0"],
        ["relu2", "75.0", "75.0"],
        "given, chosen by the training images: relu2, 75.0".split(),
        "random, chosen by the training images: relu2, 75.0".split(),
    ]


def test_the_table_of_heads():
    value = {"mean": 0.25, "std": 0.015, "values": [0.25]}
    heads = {"linear": {"mean_iou_of_points": value, "mean_iou": value}}
    lines = probe_report.head_table({"heads": {"given": heads}}).splitlines()
    assert [line.split() for line in lines] == [
        ["given"],
        "linear, IoU of points 25.0 ± 1.5".split(),
        "linear, IoU of images 25.0 ± 1.5".split(),
    ]


def test_the_picture_has_a_panel_for_each_number_of_images(tmp_path):
    probe_report.draw(RESULTS, tmp_path / "probe.png")
    assert cv2.imread(str(tmp_path / "probe.png")).shape[0] == pytest.approx(
        2 * 2.4 * 110, abs=2
    )
