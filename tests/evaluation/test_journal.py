"""Results are kept through a kill, and only for what they are about."""

import itertools

import keras
import numpy as np
import pytest

from selfsup.evaluation.journal import Journal, fingerprint

NAMES = ("a", "b", "c")
VALUES = {
    "a": np.array([[1, 2], [3, 4]]),
    # float32 survives JSON exactly.
    "b": np.float32([0.1, -1e-7]),
    "c": np.arange(4),
}


def _go_through(path, about, stop=None, journal=None):
    """Goes through all images; returns what was computed.

    With `stop` it is the number of results after which it is killed.
    """
    computed = []

    def compute(missing):
        for index in missing:
            computed.append(NAMES[index])
            yield VALUES[NAMES[index]]

    journal = journal or Journal(path, about)
    found = itertools.islice(journal.results(NAMES, compute), stop)
    for name, value in zip(NAMES, found, strict=stop is None):
        np.testing.assert_array_equal(value.astype(VALUES[name].dtype), VALUES[name])
    return computed


@pytest.fixture
def path(tmp_path):
    return tmp_path / "journal.jsonl"


def test_only_what_is_missing_is_computed(path):
    assert _go_through(path, {"model": 1}, stop=2) == ["a", "b"]
    assert _go_through(path, {"model": 1}) == ["c"]
    assert _go_through(path, {"model": 1}) == []


def test_missing_ones_may_be_in_the_middle(path):
    _go_through(path, {"model": 1})
    first, a, b, c = path.read_text().splitlines()
    path.write_text("\n".join([first, c, a, ""]))
    assert _go_through(path, {"model": 1}) == ["b"]


def test_results_are_computed_when_they_are_asked_for(path):
    computed = []

    def compute(missing):
        for index in missing:
            computed.append(index)
            yield np.zeros(1)

    results = Journal(path).results(NAMES, compute)
    assert computed == []
    next(results)
    assert computed == [0]


def test_another_model_begins_anew(path):
    _go_through(path, {"model": 1})
    assert _go_through(path, {"model": 2}, stop=1) == ["a"]
    assert _go_through(path, {"model": 1}) == ["a", "b", "c"]


@pytest.mark.parametrize("lost", [1, 5, 12])
def test_a_torn_line_does_not_count_and_spoils_nothing(path, lost):
    _go_through(path, {"model": 1}, stop=2)
    path.write_bytes(path.read_bytes()[:-lost])
    assert _go_through(path, {"model": 1}) == ["b", "c"]
    assert _go_through(path, {"model": 1}) == []


def test_a_torn_first_line_begins_anew(path):
    path.write_text('{"mod')
    assert _go_through(path, {"model": 1}) == ["a", "b", "c"]
    assert _go_through(path, {"model": 1}) == []


def test_closing_removes_the_file(path):
    journal = Journal(path, {})
    _go_through(path, {}, journal=journal)
    assert path.exists()
    journal.close()
    assert not path.exists()


def test_without_a_path_nothing_is_kept():
    journal = Journal()
    for _ in range(2):
        assert _go_through(None, None, journal=journal) == ["a", "b", "c"]
    journal.close()


def test_fingerprints_differ_where_weights_do():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    first = fingerprint(model)
    assert fingerprint(model) == first
    model.layers[0].bias.assign([0.0, 1e-6])
    assert fingerprint(model) != first


def test_fingerprints_are_the_same_each_time_a_model_is_loaded(tmp_path):
    layers = keras.layers.Dense(2), keras.layers.Dropout(0.5)
    keras.Sequential([keras.Input((2,)), *layers]).save(tmp_path / "m.keras")
    one, other = (keras.models.load_model(tmp_path / "m.keras") for _ in range(2))
    assert fingerprint(one) == fingerprint(other)
