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


def test_a_run_at_the_constant_keeps_its_rate_until_it_has_left_it():
    # Four evaluations of the most frequent class everywhere lowered the rate before.
    constant = 0.094
    scores = [constant] * 12 + [0.2, 0.3, 0.3, 0.3]
    assert _run(scores[:10]).finished
    state = _run(scores, baseline=constant, min_steps=1000)
    assert state.drops == () and not state.finished
    assert (state.best_step, state.best_score) == (140, 0.3)
    assert state.after(170, 0.3).drops == (170,)


def test_a_score_that_wiggles_around_the_baseline_has_not_left_it():
    rule = dict(baseline=0.5, min_steps=1000)
    # The margin is a hundredth of what is left to 1.
    wiggling = [0.5, 0.49, 0.504, 0.501, 0.504, 0.4, 0.5, 0.504]
    state = _run(wiggling, **rule)
    assert not state.has_left_baseline and state.drops == ()
    assert (state.best_step, state.waited) == (30, 0)
    state = state.after(90, 0.506)
    assert state.has_left_baseline
    # From then on all count, also those that are at the baseline again.
    state = state.after_all([(100, 0.5), (110, 0.5), (120, 0.5)])
    assert state.has_left_baseline and state.drops == (120,)


def test_a_perfect_baseline_cannot_be_left():
    assert not _run([1.0, 1.0], baseline=1.0).has_left_baseline


def test_a_stuck_run_counts_from_a_number_of_steps_on():
    rule = dict(baseline=0.5, min_steps=40)
    assert _run([0.5] * 5, **rule).drops == ()
    # Those at 40, 50 and 60 count.
    assert _run([0.5] * 6, **rule).drops == (60,)
    state = _run([0.5] * 12, **rule)
    assert state.drops == (60, 90) and state.finished
    assert not state.has_left_baseline


_RULES = [
    (patience, baseline, min_steps)
    for patience in (1, 2, 3)
    for baseline, min_steps in ((0, 0), (0.5, 0), (0, 30), (0.5, 40), (0.5, 45))
]


@pytest.mark.parametrize(("patience", "baseline", "min_steps"), _RULES)
def test_every_sequence_of_scores_agrees_with_a_plain_loop(
    patience, baseline, min_steps
):
    for scores in itertools.product((0, 0.5, 1), repeat=7):
        best, waited, drops, end, left = -1, 0, [], False, False
        for i, score in enumerate(scores, 1):
            if end:
                continue
            left = left or score > baseline
            if score > best:
                best, waited = score, 0
                continue
            if not left and 10 * i < min_steps:
                continue
            waited += 1
            if waited == patience and len(drops) == 2:
                end = True
            elif waited == patience:
                drops.append(10 * i)
                waited = 0
        rule = dict(patience=patience, baseline=baseline, min_steps=min_steps)
        state = _run(scores, **rule)
        assert state.has_left_baseline == left
        assert (list(state.drops), state.finished) == (drops, end)
        assert state.best_score == best


def test_resuming_is_folding_the_rest():
    scores = [0.5, 0.4, 0.6, 0.5, 0.5, 0.5, 0.7, 0.1, 0.1, 0.1, 0.1]
    pairs = [(10 * i, score) for i, score in enumerate(scores, 1)]
    for start in (Plateau(), Plateau(baseline=0.55, min_steps=60)):
        whole = start.after_all(pairs)
        for cut in range(len(pairs)):
            first = start.after_all(pairs[:cut])
            assert first.after_all(pairs[cut:]) == whole


def test_the_rate_falls_after_each_drop():
    rates = [rate(1e-3, (40, 70), step) for step in (0, 39, 40, 69, 70, 1000)]
    assert rates == pytest.approx([1e-3, 1e-3, 1e-4, 1e-4, 1e-5, 1e-5], rel=1e-12)


@pytest.mark.parametrize("bad", [{"patience": 0}, {"max_drops": -1}, {"min_steps": -1}])
def test_bad_arguments_are_named(bad):
    (name,) = bad
    with pytest.raises(ValueError, match=f"`{name}` must be at least"):
        Plateau(**bad)
