"""Pictures of a single-label classifier: which mistakes are shown, in which order."""

import os

import numpy as np
import pytest

from selfsup import data, evaluation, pictures

import image_files


@pytest.fixture
def samples(tmp_path, photos):
    for number, path in enumerate(sorted(photos.glob("*.jpg"))[:4]):
        place = tmp_path / "data" / "ab"[number // 2] / path.name
        place.parent.mkdir(parents=True, exist_ok=True)
        image = image_files.photograph(path, (30, 30))
        place.write_bytes(image_files.encoded(image, "PNG"))
    return data.open_labeled(str(tmp_path / "data"))[0]


def _draw(samples, scores, folder, monkeypatch):
    """Draws into a folder and returns the rows of the sheet of mistakes."""
    sheets, make = [], pictures.contact_sheet

    def contact_sheet(rows, *others):
        sheets.append(rows)
        return make(rows, *others)

    monkeypatch.setattr(pictures, "contact_sheet", contact_sheet)
    results = evaluation.single_label_metrics(samples.labels, scores, samples.classes)
    evaluation.single_label_figures(samples, np.array(scores), results, folder)
    return sheets


def test_the_surest_mistakes_come_first(samples, tmp_path, monkeypatch):
    # Right, wrong with 75 %, right, wrong with 90 %.
    odds = [[9.0, 1.0], [1.0, 3.0], [1.0, 9.0], [9.0, 1.0]]
    (rows,) = _draw(samples, np.log(odds), tmp_path, monkeypatch)
    texts = [text for text, _ in rows]
    assert texts == ["90 %  b, taken for a", "75 %  a, taken for b"]
    for (_, (image,)), index in zip(rows, (3, 1), strict=True):
        np.testing.assert_array_equal(image, samples.image(index))
    pictured = {"confusions.png", "mistakes.png", "per_class.png"}
    assert pictured <= set(os.listdir(tmp_path))
    # One of each class is right, one is taken for the other.
    rows = (tmp_path / "confusions.csv").read_text().splitlines()
    assert rows == [",a,b", "a,1,1", "b,1,1"]


def test_without_mistakes_there_is_no_sheet(samples, tmp_path, monkeypatch):
    odds = [[9.0, 1.0], [3.0, 1.0], [1.0, 9.0], [1.0, 3.0]]
    assert not _draw(samples, np.log(odds), tmp_path, monkeypatch)
    assert "mistakes.png" not in os.listdir(tmp_path)
