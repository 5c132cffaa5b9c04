"""Tables of results, written by hand."""

from selfsup.evaluation import class_table


def test_the_table_of_a_segmentation():
    results = {
        "mean_iou": 0.375,
        "pixel_accuracy": 0.98765,
        "iou": {"background": 0.5, "cat": None, "dog": 0.25},
    }
    assert class_table(results).splitlines() == [
        "                       iou",
        "background           50.00",
        "cat                      -",
        "dog                  25.00",
        "mean                 37.50",
        "pixel accuracy       98.77",
    ]


def test_the_table_of_a_classification():
    results = {
        "map_11point": 0.75,
        "ap_11point": {"cat": 1.0, "dog": 0.5},
        "map_area": 0.7,
        "ap_area": {"cat": 1.0, "dog": 0.4},
    }
    assert class_table(results).splitlines() == [
        "                ap_11point     ap_area",
        "cat                 100.00      100.00",
        "dog                  50.00       40.00",
        "mean                 75.00       70.00",
    ]


def test_a_run_that_was_not_tested_has_a_held_out_score():
    results = {"best_step": 3, "held_out_mean_iou": 0.123456}
    assert class_table(results) == "Not tested. Held-out score: 12.35"
