"""Results are kept through a kill, and only for what they are about."""

import keras
import numpy as np
import pytest

from selfsup.evaluation.journal import Journal, fingerprint


def test_results_are_found_again(tmp_path):
    path = tmp_path / "journal.jsonl"
    journal = Journal(path, {"model": 1})
    journal.add("a", np.array([[1, 2], [3, 4]]))
    journal.add("b", np.float32([0.1, -1e-7]))
    again = Journal(path, {"model": 1})
    assert "a" in again and "b" in again and "c" not in again
    np.testing.assert_array_equal(again["a"], [[1, 2], [3, 4]])
    # float32 survives JSON exactly.
    np.testing.assert_array_equal(np.float32(again["b"]), np.float32([0.1, -1e-7]))


def test_other_subjects_begin_anew(tmp_path):
    path = tmp_path / "journal.jsonl"
    Journal(path, {"model": 1}).add("a", np.zeros(2))
    assert "a" not in Journal(path, {"model": 2})
    assert "a" not in Journal(path, {"model": 1})


@pytest.mark.parametrize("lost", [1, 5, 12])
def test_a_torn_line_does_not_count_and_spoils_nothing(tmp_path, lost):
    path = tmp_path / "journal.jsonl"
    journal = Journal(path, {"model": 1})
    journal.add("a", np.arange(3))
    journal.add("b", np.arange(3))
    path.write_bytes(path.read_bytes()[:-lost])
    torn = Journal(path, {"model": 1})
    assert "a" in torn and "b" not in torn
    torn.add("c", np.arange(4))
    np.testing.assert_array_equal(Journal(path, {"model": 1})["c"], np.arange(4))


def test_a_torn_first_line_begins_anew(tmp_path):
    path = tmp_path / "journal.jsonl"
    path.write_text('{"mod')
    journal = Journal(path, {"model": 1})
    journal.add("a", np.arange(3))
    assert "a" in Journal(path, {"model": 1})


def test_closing_removes_the_file(tmp_path):
    journal = Journal(tmp_path / "journal.jsonl", {})
    journal.add("a", np.arange(3))
    journal.close()
    assert not list(tmp_path.iterdir())


def test_without_a_path_nothing_is_kept():
    journal = Journal()
    journal.add("a", np.arange(3))
    assert "a" not in journal
    journal.close()


def test_fingerprints_tell_weights_apart():
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(2)])
    first = fingerprint(model)
    assert fingerprint(model) == first
    model.layers[0].bias.assign([0.0, 1e-6])
    assert fingerprint(model) != first
