"""One phase of training on a task of eleven parameters, stopped at every step."""

import os
import signal

import keras
import numpy as np
import pytest
import tensorflow as tf
import toy_task
from toy_task import END, SCORES, assert_same

from selfsup import stopping
from selfsup.training import loop
from selfsup.training.controls import FixedLength, PlateauSearch


@pytest.fixture(scope="module")
def fixed(tmp_path_factory):
    """A finished phase of fixed length."""
    task = toy_task.ToyPretraining(toy_task.pretraining())
    phase = toy_task.phase(task, FixedLength(30), tmp_path_factory.mktemp("fixed"))
    assert phase.train() == 30
    return phase


@pytest.fixture(scope="module")
def searched(tmp_path_factory):
    """A finished search."""
    task = toy_task.ToySearch(toy_task.search())
    phase = toy_task.phase(task, PlateauSearch(24), tmp_path_factory.mktemp("search"))
    assert phase.train() == END
    return phase


def _state(phase):
    """Everything that a later step depends on."""
    variables = *phase.model.variables, *phase.optimizer.variables
    return [variable.numpy() for variable in variables]


def _by_hand(weights, config, samples, rates):
    """Caffe's descent of the two layers, step by step, in double precision.

    Momentum is 0.9, and only kernels decay. Returns the weights after every step.
    """
    batches = toy_task.ToySearch(config).batches(samples)
    weights = [np.float64(weight) for weight in weights]
    speeds = [np.zeros_like(weight) for weight in weights]
    reached = []
    for rate, (inputs, targets, shares, _) in zip(rates, batches, strict=False):
        kernel, _, top, _ = weights
        x, hidden = inputs["gray"].numpy(), inputs["gray"] @ kernel + weights[1]
        errors = hidden @ top + weights[3] - targets["classes"]
        # The loss is half the mean of weighted squares.
        upstream = shares["classes"][:, None] * errors / len(x)
        upstream, hidden = upstream.numpy(), hidden.numpy()
        below = upstream @ top.T
        gradients = [x.T @ below, below.sum(0), hidden.T @ upstream, upstream.sum(0)]
        for i, gradient in enumerate(gradients):
            decay = config.weight_decay if weights[i].ndim > 1 else 0.0
            speeds[i] = 0.9 * speeds[i] - rate * (gradient + decay * weights[i])
            weights[i] = weights[i] + speeds[i]
        reached.append(list(weights))
    return reached


def test_the_weights_are_those_of_the_recursion_by_hand(tmp_path):
    config = toy_task.search(dropout=0.0)
    task = toy_task.ToySearch(config)
    phase = toy_task.phase(task, PlateauSearch(24), tmp_path)
    before = phase.model.get_weights()
    phase.train()
    rates = [1e-2] * 4 + [1e-3] * 4 + [1e-4] * 3
    expected = _by_hand(before, config, task.parts["train"], rates)
    assert sorted(task.seen) == list(range(1, END + 1))
    for step, weights in enumerate(expected, 1):
        for ours, theirs in zip(task.seen[step], weights, strict=True):
            np.testing.assert_allclose(ours, theirs, rtol=1e-4, atol=1e-6)
    change = np.linalg.norm(expected[-1][0] - before[0])
    assert change > 0.01


def _stopped(make_phase, stops):
    """Stops a phase again and again, each time in a new one; returns the last."""
    for moment, step in stops:
        phase = make_phase([(moment, step)])
        with pytest.raises(InterruptedError, match=f"{moment} {step}"):
            phase.train()
    return make_phase([])


# At, before and after the ends of periods of 7, 10 and 12 steps.
_STEPS = (1, 2, 6, 7, 8, 9, 10, 11, 12, 13, 20, 29, 30)


@pytest.mark.slow
def test_a_run_of_fixed_length_that_was_stopped_ends_like_the_unbroken_one(
    fixed, tmp_path, monkeypatch
):
    monkeypatch.setattr(loop, "_CALL_SECONDS", 0.0)
    config = toy_task.pretraining(checkpoint_seconds=0.0)

    def make_phase(stops):
        task = toy_task.ToyPretraining(config, stops)
        return toy_task.phase(task, FixedLength(30), tmp_path)

    stops = [("step", step) for step in _STEPS]
    # Between an evaluation and its checkpoint.
    stops[7:7] = [("measure", 10), ("draw", 10)]
    phase = _stopped(make_phase, [*stops, ("draw", 30)])
    assert phase.train() == 30
    # The last one did the last step and no more.
    assert len(phase.task.indices) == 4 and list(phase.task.seen) == [30]
    assert_same(_state(phase), _state(fixed))
    assert_same(phase.portable()[1].get_weights(), fixed.portable()[1].get_weights())
    np.testing.assert_equal(toy_task.log(tmp_path), toy_task.log(fixed.folder))


@pytest.mark.slow
def test_a_search_stopped_at_every_evaluation_ends_like_the_unbroken_one(
    searched, tmp_path, monkeypatch
):
    monkeypatch.setattr(loop, "_CALL_SECONDS", 0.0)
    config = toy_task.search(checkpoint_seconds=0.0)

    def make_phase(stops):
        task = toy_task.ToySearch(config, stops)
        return toy_task.phase(task, PlateauSearch(24), tmp_path)

    # Between an evaluation and its checkpoint, and some times before it.
    stops = [
        (moment, step)
        for step in range(1, END + 1)
        for moment in (("step", "draw") if step % 4 == 1 else ("draw",))
    ]
    phase = _stopped(make_phase, stops)
    assert phase.train() == END
    assert list(phase.task.seen) == [END]
    assert_same(_state(phase), _state(searched))
    assert phase.control.schedule(phase) == searched.control.schedule(searched)
    np.testing.assert_equal(toy_task.log(tmp_path), toy_task.log(searched.folder))
    for one, other in zip(
        *(sorted((x / "best").iterdir()) for x in (tmp_path, searched.folder)),
        strict=True,
    ):
        assert one.name == other.name
        assert_same(
            *(keras.saving.load_model(path).get_weights() for path in (one, other))
        )


def _asked(task_class):
    """Returns a task that asks the program to stop, where others are interrupted."""

    class Asked(task_class):
        def _pass(self, moment, step):
            if (moment, step) in self.stops:
                self.stops.remove((moment, step))
                os.kill(os.getpid(), signal.SIGTERM)
                if moment != "step":
                    # As a progress bar and a watched stream do.
                    stopping.check()

    return Asked


@pytest.mark.parametrize("search", [False, True])
def test_a_run_that_is_asked_to_stop_saves_and_ends_like_the_unbroken_one(
    search, request, tmp_path, monkeypatch
):
    monkeypatch.setattr(loop, "_CALL_SECONDS", 0.0)
    # No checkpoints but those of a stop and of a new best.
    changes = dict(checkpoint_seconds=1e6)
    if search:
        unbroken = request.getfixturevalue("searched")
        config, task_class = toy_task.search(**changes), toy_task.ToySearch
        stops = [("step", 2), ("measure", 3), ("draw", 5), ("measure", END)]
        stops += [("draw", END)]
    else:
        unbroken = request.getfixturevalue("fixed")
        config, task_class = toy_task.pretraining(**changes), toy_task.ToyPretraining
        stops = [("step", 1), ("step", 10), ("measure", 10), ("draw", 10)]
        stops += [("step", 21), ("step", 30), ("measure", 30)]

    def make_phase(stops):
        control = PlateauSearch(24) if search else FixedLength(30)
        return toy_task.phase(_asked(task_class)(config, stops), control, tmp_path)

    for moment, step in stops:
        phase = make_phase([(moment, step)])
        with (
            stopping.handled(),
            pytest.raises(stopping.Stopped, match=f"after step {step} of"),
        ):
            phase.train()
    phase = make_phase([])
    assert phase.train() == (END if search else 30)
    # All steps were done before.
    assert not phase.task.indices
    assert_same(_state(phase), _state(unbroken))
    np.testing.assert_equal(toy_task.log(tmp_path), toy_task.log(unbroken.folder))


def test_the_log_has_a_row_for_every_period(fixed):
    rows = toy_task.log(fixed.folder)
    assert [row["step"] for row in rows] == [7, 10, 12, 14, 20, 21, 24, 28, 30]
    measured = {row["step"] for row in rows if not np.isnan(row["val_score"])}
    assert measured == {10, 20, 30} == set(fixed.task.seen)
    assert all(row["loss"] == 0.5 * row["classes"] > 0 for row in rows)


def test_the_log_has_the_scores(searched):
    scores = {row["step"]: row["val_score"] for row in toy_task.log(searched.folder)}
    assert scores == {step: SCORES[step] for step in range(1, END + 1)}


def test_every_sample_is_reported_once_in_order(fixed):
    batches = fixed.task.batches(fixed.parts["train"]).take(30)
    expected = np.concatenate([batch[3]["index"] for batch in batches])
    assert fixed.task.indices == expected.tolist()


def test_batches_need_no_status(fixed, tmp_path):
    task = toy_task.ToyPretraining(fixed.config, status=False)
    phase = toy_task.phase(task, FixedLength(30), tmp_path)
    phase.train()
    assert task.indices == []
    assert_same(_state(phase), _state(fixed))


def test_the_average_of_the_weights_is_measured_and_saved(fixed, tmp_path):
    task = toy_task.ToyPretraining(toy_task.pretraining(ema=None))
    plain = toy_task.phase(task, FixedLength(30), tmp_path)
    plain.train()
    # Averaging changes what is measured and saved, not what is trained.
    assert_same(plain.model.get_weights(), fixed.model.get_weights())
    assert_same(plain.portable()[1].get_weights(), plain.model.get_weights())
    averaged = fixed.portable()[1].get_weights()
    assert_same(fixed.task.seen[30], averaged)
    for one, other in zip(averaged, plain.model.get_weights(), strict=True):
        assert not np.array_equal(one, other)


def test_snapshots_hold_the_backbone_of_their_step(tmp_path):
    task = toy_task.ToyPretraining(toy_task.pretraining(ema=None, eval_every=12))
    phase = toy_task.phase(task, FixedLength(30), tmp_path)
    phase.train()
    names = ["backbone-00000012.keras", "backbone-00000024.keras"]
    # None at the end, where there is backbone.keras.
    assert sorted(path.name for path in (tmp_path / "snapshots").iterdir()) == names
    for name, step in zip(names, (12, 24), strict=True):
        model = keras.saving.load_model(tmp_path / "snapshots" / name)
        assert_same(model.get_weights(), task.seen[step][:2])


def test_a_picture_is_written_where_there_is_one(tmp_path):
    picture = np.random.default_rng(0).integers(0, 256, (6, 5, 3)).astype(np.uint8)
    task = toy_task.ToyPretraining(toy_task.pretraining(), picture=picture)
    phase = toy_task.phase(task, FixedLength(30), tmp_path / "with")
    phase.draw(3)
    written = tf.io.decode_png((tmp_path / "with" / "samples.png").read_bytes())
    np.testing.assert_array_equal(written, picture)
    task = toy_task.ToyPretraining(toy_task.pretraining())
    toy_task.phase(task, FixedLength(30), tmp_path / "without").draw(3)
    assert not (tmp_path / "without" / "samples.png").exists()


def test_nothing_is_measured_without_held_out_samples(tmp_path):
    task = toy_task.ToyPretraining(toy_task.pretraining(steps=4))
    phase = toy_task.phase(task, FixedLength(4), tmp_path)
    del phase.parts["held_out"]
    phase.train()
    assert not task.seen
    assert np.isnan([row["val_score"] for row in toy_task.log(tmp_path)]).all()


@pytest.mark.parametrize("part", ["train", "held_out"])
def test_other_samples_are_refused_when_a_run_goes_on(part, tmp_path):
    config = toy_task.pretraining(steps=1)
    phase = toy_task.phase(toy_task.ToyPretraining(config), FixedLength(1), tmp_path)
    phase.train()
    parts = {**phase.parts, part: toy_task.Numbers(len(phase.parts[part]), first=1)}
    other = toy_task.ToyPretraining(config, parts=parts)
    with pytest.raises(ValueError, match="not those that the run began with"):
        toy_task.phase(other, FixedLength(1), tmp_path).train()


def test_layers_that_do_not_learn_stay_as_they_are(tmp_path):
    task = toy_task.ToySearch(toy_task.search(max_steps=2))
    built = task.backbone

    def frozen(samples):
        backbone = built(samples)
        backbone.get_layer("fc").trainable = False
        return backbone

    task.backbone = frozen
    phase = toy_task.phase(task, PlateauSearch(2), tmp_path)
    before = phase.model.get_weights()
    phase.train()
    assert_same(phase.model.get_weights()[:2], before[:2])
    assert not np.array_equal(phase.model.get_weights()[2], before[2])


def test_models_are_saved_in_float32_whatever_the_precision(tmp_path):
    task = toy_task.ToyPretraining(toy_task.pretraining(precision="bfloat16", ema=None))
    phase = toy_task.phase(task, FixedLength(30), tmp_path)
    assert phase.model.get_layer("fc").compute_dtype == "bfloat16"
    assert phase.model.get_layer("fc").variable_dtype == "float32"
    for model in phase.portable():
        assert model.get_layer("fc").compute_dtype == "float32"
    assert_same(phase.portable()[1].get_weights(), phase.model.get_weights())


def test_the_seed_decides_new_weights_and_dropout(tmp_path):
    states = []
    for number, seed in enumerate((3, 3, 4)):
        config = toy_task.pretraining(steps=2, seed=seed)
        task = toy_task.ToyPretraining(config)
        # As in another process.
        keras.utils.set_random_seed(number)
        phase = toy_task.phase(task, FixedLength(2), tmp_path / str(number))
        phase.train()
        states.append(_state(phase))
    assert_same(states[0], states[1])
    assert not np.array_equal(states[0][2], states[2][2])
