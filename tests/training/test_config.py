"""Presets, their lengths, and the errors of wrong fields."""

import dataclasses

import pytest

from selfsup import networks, runs
from selfsup.training import config
from selfsup.training.config import ColorizerConfig


@pytest.mark.parametrize("preset", config.PRESETS)
@pytest.mark.parametrize("network", networks.ARCHITECTURES)
def test_every_preset_serves_every_network(preset, network):
    made = ColorizerConfig.from_preset(preset, network)
    assert (made.preset, made.network) == (preset, network)


def test_paper_preset_is_the_papers():
    made = ColorizerConfig.from_preset("paper")
    assert (made.crop_size, made.min_side, made.max_side) == (352, 352, 600)
    assert (made.points, made.bins, made.batch_size) == (128, 32, 8)
    assert (made.optimizer, made.learning_rate, made.weight_decay) == (
        "sgd",
        1e-3,
        5e-4,
    )
    assert made.hidden_stddev == 1e-4 and made.dropout == 0.5 and made.hypercolumn
    resnet = ColorizerConfig.from_preset("paper", "resnet152")
    assert (resnet.crop_size, resnet.epochs, resnet.hypercolumn) == (224, 35.0, False)


def test_steps_are_counted_or_follow_from_epochs():
    assert ColorizerConfig.from_preset("paper", steps=7).num_steps(1000) == 7
    # 2.5 passes over 33 images are 82.5, in batches of 8: 10.3, so 11.
    assert ColorizerConfig.from_preset("paper", epochs=2.5).num_steps(33) == 11
    assert ColorizerConfig.from_preset("sample", epochs=1.0).num_steps(160) == 10


def test_crop_size_alone_scales_what_depends_on_it():
    made = ColorizerConfig.from_preset("paper", crop_size=176)
    assert (made.min_side, made.max_side, made.point_margin) == (176, 300, 16)
    assert ColorizerConfig.from_preset(crop_size=64, max_side=64, min_side=64).steps


@pytest.mark.parametrize(
    "changes, message",
    [
        (dict(preset="big"), "one of sample, paper, modern. Received: preset='big'"),
        (dict(network="vgg17"), "resnet152. Received: network='vgg17'"),
        (dict(steps=0), "Received: steps=0, epochs=0"),
        (dict(steps=5, epochs=2.0), "Received: steps=5, epochs=2"),
        (dict(steps=-3), "Received: steps=-3"),
        (dict(batch_size=-1), "Received: batch_size=-1"),
        (dict(learning_rate=float("nan")), "Received: learning_rate=nan"),
        (dict(learning_rate=0.0), "Received: learning_rate=0.0"),
        (dict(crop_size=3), "Received: crop_size=3"),
        (dict(min_side=10), "Received: min_side=10"),
        (dict(max_side=70), "Received: max_side=70"),
        (dict(point_margin=32), "Received: point_margin=32"),
        (dict(accumulation=3), "Received: accumulation=3"),
        (dict(loss="l1"), "Received: loss='l1'"),
        (dict(padding="same"), "Received: padding='same'"),
        (dict(precision="float16"), "Received: precision='float16'"),
        (dict(width=0.0), "Received: width=0.0"),
        (dict(bins=1), "Received: bins=1"),
        (dict(dropout=1.0), "Received: dropout=1.0"),
        (dict(val_fraction=1.0), "Received: val_fraction=1.0"),
        (dict(data="photos"), "Received: data='photos'"),
    ],
    ids=lambda value: str(value)[:40] if isinstance(value, dict) else "",
)
def test_wrong_fields_are_named(changes, message):
    with pytest.raises((ValueError, TypeError), match=message):
        ColorizerConfig.from_preset(**changes)


def test_every_field_has_a_help_text_and_is_known_to_json():
    made = ColorizerConfig.from_preset(data=("a", "b"))
    assert all(field.metadata["help"] for field in dataclasses.fields(made))
    assert ColorizerConfig.from_json(runs.to_json(made)) == made


def test_settings_of_another_version_are_named():
    settings = runs.to_json(ColorizerConfig.from_preset())
    del settings["bins"]
    settings["colour"] = 1
    with pytest.raises(ValueError, match=r"without \['bins'\].*\['colour'\]"):
        ColorizerConfig.from_json(settings)
