"""The plateau rule, against sequences worked by hand and a loop over them all."""

import itertools
import math

import pytest

from selfsup.training.plateau import Plateau, rate


def _run(scores, **kwargs):
    return Plateau(**kwargs).after_all(
        (10 * i, score) for i, score in enumerate(scores, 1)
    )


def test_rising_scores_change_nothing_but_the_best():
    state = _run([0.1, 0.2, 0.3, 0.4])
    assert (state.best_step, state.best_score) == (40, 0.4)
    assert state.drops == () and not state.finished


def test_three_evaluations_without_a_best_lower_the_rate():
    assert _run([0.5, 0.4, 0.4]).drops == ()
    assert _run([0.5, 0.4, 0.4, 0.4]).drops == (40,)


def test_a_new_best_starts_the_wait_again():
    assert _run([0.5, 0.4, 0.4, 0.6, 0.5, 0.5]).drops == ()
    assert _run([0.5, 0.4, 0.4, 0.6, 0.5, 0.5, 0.5]).drops == (70,)


def test_a_drop_starts_the_wait_again():
    state = _run([0.5, 0.4, 0.4, 0.4, 0.4, 0.4])
    assert state.drops == (40,)
    assert state.after(70, 0.4).drops == (40, 70)


def test_the_third_stop_ends_the_run():
    state = _run([0.5] + 8 * [0.4])
    assert state.drops == (40, 70) and not state.finished
    state = state.after(100, 0.4)
    assert state.finished and state.drops == (40, 70)
    assert (state.best_step, state.best_score) == (10, 0.5)


def test_nothing_changes_after_the_end():
    state = _run([0.5] + 9 * [0.4])
    assert state.after(110, 0.9) == state


def test_an_equal_score_is_no_new_best():
    assert _run([0.5, 0.5, 0.5, 0.5]) == _run([0.5, 0.4, 0.4, 0.4])


def test_nan_is_no_new_best():
    state = _run([math.nan, 0.1, math.nan, math.nan, math.nan])
    assert (state.best_step, state.drops) == (20, (50,))


@pytest.mark.parametrize("patience", [1, 2, 3])
def test_every_sequence_of_scores_agrees_with_a_plain_loop(patience):
    for scores in itertools.product((0, 1, 2), repeat=7):
        best, waited, drops, end = -1, 0, [], False
        for i, score in enumerate(scores, 1):
            if end:
                continue
            if score > best:
                best, waited = score, 0
                continue
            waited += 1
            if waited == patience and len(drops) == 2:
                end = True
            elif waited == patience:
                drops.append(10 * i)
                waited = 0
        state = _run(scores, patience=patience)
        assert (list(state.drops), state.finished) == (drops, end)
        assert state.best_score == best


def test_resuming_is_folding_the_rest():
    scores = [0.5, 0.4, 0.6, 0.5, 0.5, 0.5, 0.7, 0.1, 0.1, 0.1, 0.1]
    pairs = [(10 * i, score) for i, score in enumerate(scores, 1)]
    for cut in range(len(pairs)):
        first = Plateau().after_all(pairs[:cut])
        assert first.after_all(pairs[cut:]) == Plateau().after_all(pairs)


def test_the_rate_falls_after_each_drop():
    rates = [rate(1e-3, (40, 70), step) for step in (0, 39, 40, 69, 70, 1000)]
    assert rates == pytest.approx([1e-3, 1e-3, 1e-4, 1e-4, 1e-5, 1e-5], rel=1e-12)


@pytest.mark.parametrize("bad", [{"patience": 0}, {"max_drops": -1}])
def test_bad_arguments_are_named(bad):
    (name,) = bad
    with pytest.raises(ValueError, match=f"`{name}` must be at least"):
        Plateau(**bad)
