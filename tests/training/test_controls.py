"""What the controls decide: rates, ends, the best model, and the replay of a search."""

import json

import keras
import numpy as np
import pytest
import toy_task
from toy_task import BEST, DROPS, END, SCORES, assert_same

from selfsup import runs
from selfsup.training import loop
from selfsup.training.controls import FixedLength, PlateauSearch, Replay
from selfsup.training.plateau import Plateau


def _search(folder, steps=24, stops=(), **changes):
    task = toy_task.ToySearch(toy_task.search(**changes), stops)
    return toy_task.phase(task, PlateauSearch(steps), folder)


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    phase = _search(tmp_path_factory.mktemp("search"))
    phase.train()
    return phase


def _rates(folder):
    return {row["step"]: row["learning_rate"] for row in toy_task.log(folder)}


def _best(phase):
    path = phase.control.best_path(phase.folder)
    return phase.portable(path)


def test_a_run_of_fixed_length_follows_its_schedule(tmp_path):
    config = toy_task.pretraining(
        steps=6, log_every=1, eval_every=6, warmup=0.0, learning_rate=0.1
    )
    phase = toy_task.phase(toy_task.ToyPretraining(config), FixedLength(6), tmp_path)
    phase.train()
    # A tenth after 2/3 and after 5/6 of the steps; the log has the next step's rate.
    rates = {1: 0.1, 2: 0.1, 3: 0.1, 4: 0.01, 5: 0.001, 6: 0.001}
    assert _rates(tmp_path) == pytest.approx(rates)
    assert phase.control.is_over(6) and not phase.control.is_over(5)


def test_a_longer_run_than_wanted_is_over(tmp_path):
    control = FixedLength(3)
    assert control.is_over(4)


def test_the_rule_ends_the_search_and_the_rate_falls_on_the_way(searched):
    assert _rates(searched.folder) == pytest.approx(
        {
            **dict.fromkeys((1, 2, 3, 4), 1e-2),
            **dict.fromkeys((5, 6, 7, 8), 1e-3),
            **dict.fromkeys((9, 10, 11), 1e-4),
        }
    )
    assert searched.control.is_over(END) and searched.control.state.finished


def test_the_best_evaluation_is_kept_not_the_last(searched):
    backbone, model = _best(searched)
    assert_same(model.get_weights(), searched.task.seen[BEST])
    kernel = model.get_layer("prediction").kernel.numpy()
    last = searched.model.get_layer("prediction").kernel.numpy()
    assert not np.array_equal(kernel, last)
    assert_same(backbone.get_weights(), model.get_weights()[:2])


def test_only_two_of_the_best_models_are_kept(searched):
    names = {path.name for path in (searched.folder / "best").iterdir()}
    assert names == {"00000001.keras", "00000005.keras"}


def test_the_schedule_is_written(searched):
    schedule = json.loads((searched.folder / "schedule.json").read_text())
    assert schedule == {
        "learning_rate": 0.01,
        "eval_every": 1,
        "score": "score",
        "baseline": -1.0,
        "min_steps": 12,
        "drops": list(DROPS),
        "best_step": BEST,
        "best_score": 0.3,
        "finished": True,
        "evaluations": [[step, SCORES[step]] for step in range(1, END + 1)],
    }


def test_a_finished_search_does_nothing_again(searched):
    again = _search(searched.folder)
    again.train()
    assert not again.task.seen and not again.task.indices
    assert again.control.schedule(again) == searched.control.schedule(searched)
    assert_same(_best(again)[1].get_weights(), searched.task.seen[BEST])


def test_a_search_that_never_stops_ends_at_the_greatest_number_of_steps(tmp_path):
    search = _search(tmp_path, steps=3, eval_every=2)
    search.train()
    # It is evaluated at the end too.
    assert search.control.evaluations == [(2, 0.05), (3, 0.1)]
    state = search.control.state
    assert (state.best_step, state.finished) == (3, False)
    # A longer run goes on from there, as one that was longer from the beginning,
    # which has not looked at step 3.
    longer = _search(tmp_path, steps=4, eval_every=2)
    longer.train()
    assert longer.control.evaluations == [(2, 0.05), (4, 0.0)]
    assert longer.control.state.best_step == 2
    assert_same(_best(longer)[1].get_weights(), search.task.seen[2])
    unbroken = _search(tmp_path / "unbroken", steps=4, eval_every=2)
    unbroken.train()
    assert_same(longer.model.get_weights(), unbroken.model.get_weights())


def test_kills_between_an_evaluation_and_its_checkpoint_lose_nothing(
    searched, tmp_path
):
    for _ in range(2):
        search = _search(tmp_path, stops=[("draw", BEST)])
        with pytest.raises(InterruptedError):
            search.train()
    assert search.control.state.best_step == BEST
    # The newest checkpoint is that of the best before: its model is still there.
    assert runs.steps_done(tmp_path) == 1
    short = _search(tmp_path, steps=1)
    short.train()
    assert short.control.state.best_step == 1
    assert_same(_best(short)[1].get_weights(), searched.task.seen[1])
    search = _search(tmp_path)
    search.train()
    assert search.control.schedule(search) == searched.control.schedule(searched)
    assert_same(search.model.get_weights(), searched.model.get_weights())
    assert_same(_best(search)[1].get_weights(), searched.task.seen[BEST])
    # Rows after that checkpoint were cut from the log, and written again.
    np.testing.assert_equal(toy_task.log(tmp_path), toy_task.log(searched.folder))


def _stuck(folder, steps=12, constant=0.3, stops=(), **changes):
    """A search whose scores are those of a constant prediction until step 12."""
    search = _search(folder, steps, stops, **changes)
    search.task.constant = constant
    return search


def test_a_score_at_the_constant_does_not_lower_the_rate(tmp_path):
    search = _stuck(tmp_path, min_steps=12)
    search.train()
    assert list(_rates(tmp_path).values()) == pytest.approx([1e-2] * 12)
    state = search.control.state
    assert (state.drops, state.best_step, state.finished) == ((), 12, False)
    assert state.has_left_baseline


def test_a_score_at_the_constant_counts_from_half_of_the_run_on(tmp_path):
    search = _stuck(tmp_path)
    search.train()
    # Those from 6 on: 6, 7 and 8 are no new bests, nor are 9, 10 and 11.
    assert search.control.state.drops == (8, 11)
    assert search.control.schedule(search)["min_steps"] == 6


def test_patience_is_a_setting(tmp_path):
    search = _search(tmp_path, patience=1)
    search.train()
    # No new bests at 2, 3 and 4.
    assert (search.control.state.drops, search.control.state.finished) == ((2, 3), True)
    assert search.control.evaluations[-1][0] == 4


def test_a_prolonged_run_goes_on_by_the_rule_and_the_baseline_that_it_began_with(
    tmp_path,
):
    _stuck(tmp_path, steps=4).train()
    longer = _stuck(tmp_path)
    longer.task.score_baseline = pytest.fail
    longer.train()
    schedule = longer.control.schedule(longer)
    assert (schedule["min_steps"], schedule["baseline"]) == (2, 0.3)
    # From half of the new length on it would not have fallen at 4.
    assert (schedule["drops"], schedule["finished"]) == ([4, 8], True)


def test_a_run_of_the_earlier_rule_goes_on_by_it(searched, tmp_path):
    stopped = _search(tmp_path, stops=[("draw", 6)])
    with pytest.raises(InterruptedError):
        stopped.train()
    path = tmp_path / "schedule.json"
    before = json.loads(path.read_text())
    del before["baseline"], before["min_steps"]
    path.write_text(json.dumps(before))
    # By the rule of now nothing would count before half of the steps.
    resumed = _stuck(tmp_path, steps=24, constant=0.5)
    resumed.train()
    now = resumed.control.schedule(resumed)
    expected = searched.control.schedule(searched)
    assert now == {**expected, "baseline": 0.5, "min_steps": 0}
    assert_same(resumed.model.get_weights(), searched.model.get_weights())
    assert not resumed.control.state.has_left_baseline


def test_a_schedule_without_a_checkpoint_is_not_gone_on_with(tmp_path):
    runs.write_json(tmp_path / "schedule.json", {"min_steps": 3, "baseline": 0.9})
    search = _stuck(tmp_path, min_steps=11)
    search.train()
    schedule = search.control.schedule(search)
    assert (schedule["min_steps"], schedule["baseline"]) == (11, 0.3)


def _replay(folder, dropout=0.0, **changes):
    state = Plateau(best_step=6, best_score=0.3, drops=(2, 4))
    config = toy_task.search(eval_every=2, dropout=dropout, **changes)
    return toy_task.phase(toy_task.ToySearch(config), Replay(state), folder)


def test_the_replay_drops_the_rate_where_the_search_did(tmp_path):
    replay = _replay(tmp_path)
    assert replay.train() == 6
    rates = [1e-2, 1e-2, 1e-3, 1e-3, 1e-4, 1e-4]
    assert _rates(tmp_path) == pytest.approx(dict(enumerate(rates, 1)))
    # Nothing is held out from it.
    assert not replay.task.seen
    assert "val_score" not in toy_task.log(tmp_path)[0]


def test_the_replay_moves_the_weights_as_a_search_at_these_rates(tmp_path, monkeypatch):
    replay = _replay(tmp_path / "replay", dropout=0.5)
    replay.train()
    search = _search(tmp_path / "search", steps=6, eval_every=2)
    # A rule that drops the rate at the same steps.
    state = Plateau(drops=(2, 4))
    monkeypatch.setattr(Plateau, "after", lambda self, step, score: state)
    search.train()
    assert_same(replay.model.get_weights(), search.model.get_weights())


@pytest.mark.slow
def test_a_replay_that_was_stopped_goes_on_where_it_was(tmp_path, monkeypatch):
    unbroken = _replay(tmp_path / "unbroken", dropout=0.5)
    unbroken.train()
    monkeypatch.setattr(loop, "_CALL_SECONDS", 0.0)
    for step in (1, 2, 3, 5, 6):
        stopped = _replay(tmp_path / "stopped", dropout=0.5, checkpoint_seconds=0.0)
        stopped.task.stops = {("step", step)}
        with pytest.raises(InterruptedError):
            stopped.train()
    resumed = _replay(tmp_path / "stopped", dropout=0.5)
    resumed.train()
    assert_same(resumed.model.get_weights(), unbroken.model.get_weights())
    assert _rates(tmp_path / "stopped") == _rates(tmp_path / "unbroken")
    # Once more there is nothing left to do.
    again = _replay(tmp_path / "stopped", dropout=0.5)
    assert again.train() == 6
    assert not again.task.indices
    assert_same(again.model.get_weights(), unbroken.model.get_weights())


def test_the_models_of_the_best_evaluations_have_no_optimizer(searched):
    path = searched.control.best_path(searched.folder)
    assert not hasattr(keras.saving.load_model(path), "optimizer")
    # It is still there for the training.
    assert searched.model.optimizer is searched.optimizer
