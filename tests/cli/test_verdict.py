"""Results in words: better than the baseline, or not, and what follows."""

import pytest

from selfsup.cli.verdict import verdict


def _results(training, held_out, images=40):
    parts = {"training": training, "held_out": held_out}
    measures = {
        part: {"hue": hue, "hue_baseline": 0.5, "chroma": chroma, "chroma_baseline": 2}
        for part, (hue, chroma) in parts.items()
    }
    return {"images": images, **measures}


def test_each_measure_stands_beside_its_baseline():
    *lines, _ = verdict(_results((0.3, 1.5), (0.4, 1.75)))
    assert lines == [
        "hue: 0.3000 in training, 0.4000 held out, 0.5000 baseline",
        "chroma: 1.5000 in training, 1.7500 held out, 2.0000 baseline",
    ]


@pytest.mark.parametrize(
    "training, held_out, images, expected",
    [
        ((0.3, 1.5), (0.4, 1.75), 40, "image: hue by 20 %, chroma by 12 %."),
        ((0.3, 1.5), (0.4, 1.99), 9000, "image: hue by 20 %; not chroma."),
        ((0.3, 1.5), (0.4, 2.2), 40, "by 20 %; chroma is 10 % worse. 40 photographs"),
        ((0.3, 1.5), (0.51, 2.1), 40, "40 photographs are few"),
        ((0.3, 1.5), (0.51, 2.1), 9000, "knows its own by heart"),
        ((0.499, 2.1), (0.51, 2.1), 40, "Nothing is predicted better"),
    ],
    ids=["better", "partly", "partly worse", "few photographs", "many", "nothing"],
)
def test_what_it_means_is_said(training, held_out, images, expected):
    assert expected in verdict(_results(training, held_out, images))[-1]


@pytest.mark.parametrize("name", ["accuracy", "rotation_accuracy"])
def test_an_accuracy_grows(name):
    measures = {name: 0.5, f"{name}_baseline": 0.25}
    results = {"images": 40, "training": measures, "held_out": measures}
    assert verdict(results)[-1].endswith(f"image: {name} by 100 %.")


def test_without_held_out_photographs_nothing_is_claimed():
    results = {"training": {"hue": 0.3, "hue_baseline": 0.5}}
    lines = verdict(results)
    assert lines[0] == "hue: 0.3000 in training, 0.5000 baseline"
    assert lines[1].startswith("No photographs were held out")
