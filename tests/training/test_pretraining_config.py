"""Presets, their lengths, and the errors of wrong fields."""

import dataclasses

import pytest

from selfsup.training import ColorizationConfig
from selfsup.training.pretraining_config import PRESETS, PretrainingConfig
from selfsup.training.run_config import NETWORKS


@pytest.mark.parametrize("preset", PRESETS)
@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("config_class", [PretrainingConfig, ColorizationConfig])
def test_every_preset_serves_every_network(preset, network, config_class):
    made = config_class.from_preset(preset, network)
    assert (made.preset, made.network) == (preset, network)


def test_paper_preset_is_the_papers():
    made = ColorizationConfig.from_preset("paper")
    assert (made.crop_size, made.min_side, made.max_side) == (352, 352, 600)
    assert (made.points, made.bins, made.batch_size) == (128, 32, 8)
    assert (made.optimizer, made.learning_rate, made.weight_decay) == (
        "sgd",
        1e-3,
        5e-4,
    )
    assert made.hidden_stddev == 1e-4 and made.dropout == 0.5 and made.hypercolumn
    resnet = ColorizationConfig.from_preset("paper", "resnet152")
    assert (resnet.crop_size, resnet.epochs, resnet.hypercolumn) == (224, 35.0, False)


def test_a_task_without_points_takes_the_rest_of_a_preset():
    made = PretrainingConfig.from_preset("sample", crop_size=32)
    assert (made.width, made.optimizer, made.steps) == (0.25, "adam", 450)
    assert (made.crop_size, made.min_side, made.max_side) == (32, 36, 56)


def test_steps_are_counted_or_follow_from_epochs():
    assert PretrainingConfig.from_preset("paper", steps=7).num_steps(1000) == 7
    # 2.5 passes over 33 images are 82.5, in batches of 8: 10.3, so 11.
    assert PretrainingConfig.from_preset("paper", epochs=2.5).num_steps(33) == 11
    assert PretrainingConfig.from_preset("sample", epochs=1.0).num_steps(160) == 10


def test_crop_size_alone_scales_what_depends_on_it():
    made = ColorizationConfig.from_preset("paper", crop_size=176)
    assert (made.min_side, made.max_side, made.point_margin) == (176, 300, 16)
    made = ColorizationConfig.from_preset(crop_size=64, max_side=64, min_side=64)
    assert made.max_side == 64


@pytest.mark.parametrize(
    "changes, message",
    [
        (dict(preset="big"), "one of sample, paper, modern. Received: preset='big'"),
        (dict(network="vgg17"), "resnet152. Received: network='vgg17'"),
        (dict(steps=5, epochs=2.0), "one of them. Received: steps=5, epochs=2.0"),
        (dict(steps=None), "one of them. Received: steps=None, epochs=None"),
        (dict(steps=-3), "Received: steps=-3"),
        (dict(min_side=10), "at least crop_size=64. Received: min_side=10"),
        (dict(max_side=70), "at least min_side=72. Received: max_side=70"),
        (dict(point_margin=32), "Received: point_margin=32"),
        (dict(loss="l1"), "histogram, lab. Received: loss='l1'"),
        (dict(bins=1), "Received: bins=1"),
        (dict(val_fraction=1.0), "Received: val_fraction=1.0"),
        (dict(ema=1.0), "Received: ema=1.0"),
        (dict(keep_every=-1), "Received: keep_every=-1"),
        (dict(schedule="linear"), "Received: schedule='linear'"),
        (dict(optimizer="lion"), "Received: optimizer='lion'"),
        (dict(data="photos"), "tuple of strings. Received: data='photos'"),
        (dict(colour=1), "Received: colour$"),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, dict) else "",
)
def test_wrong_fields_are_named(changes, message):
    with pytest.raises((ValueError, TypeError), match=message):
        ColorizationConfig.from_preset(**changes)


def test_every_field_has_a_help_text_and_is_known_to_json():
    made = ColorizationConfig.from_preset(data=("a", "b"), ema=0.9)
    assert all(field.metadata["help"] for field in dataclasses.fields(made))
    assert ColorizationConfig.from_json(made.to_json()) == made


def test_length_rate_and_reports_may_change_when_a_run_goes_on():
    before = ColorizationConfig.from_preset(seed=1)
    reports = dict(keep_every=10, log_every=5, eval_every=7, checkpoint_seconds=1.0)
    after = ColorizationConfig.from_preset(epochs=3.0, learning_rate=1e-5, **reports)
    assert after.differences(before) == {"seed": (1, 0)}


def test_a_file_of_version_0_1_0_is_read():
    settings = ColorizationConfig.from_preset(steps=3).to_json()
    settings |= dict(epochs=0, ema=0.0, keep_every=0)
    made = ColorizationConfig.from_json(settings)
    assert (made.epochs, made.ema, made.keep_every) == (None, None, None)
    assert made == ColorizationConfig.from_preset(steps=3)
