"""Settings of downstream runs: the paper's defaults, and what is refused."""

import dataclasses

import pytest

from selfsup import networks
from selfsup.training import ClassificationConfig, SegmentationConfig

BACKBONE = {"network": "vgg16", "width": 1 / 64, "padding": "bias"}


def _resolved(config_class=SegmentationConfig, network="vgg16", **changes):
    config = config_class(**{"voc_dir": "VOC", **changes})
    architecture = networks.ARCHITECTURES[network]
    backbone = {**BACKBONE, "network": network}
    return config.resolved(backbone, architecture.crop_size, architecture.min_size)


def test_segmentation_is_the_papers():
    config = _resolved()
    assert (config.batch_size, config.crop_size, config.points) == (10, 448, 128)
    assert (config.point_margin, config.fov_blocks, config.hidden) == (32, 2, 1024)
    assert (config.learning_rate, config.weight_decay) == (1e-3, 5e-4)
    assert (config.max_steps, config.eval_every) == (40_000, 1000)
    assert (config.train_split, config.val_split) == ("train", "val")
    assert (config.held_out, config.clip_norm) == (0.1, None)
    assert (config.patience, config.min_steps) == (3, None)


@pytest.mark.parametrize(("network", "crop_size"), [("alexnet", 227), ("vgg16", 224)])
def test_classification_is_the_papers(network, crop_size):
    config = _resolved(ClassificationConfig, network)
    assert (config.batch_size, config.crop_size) == (16, crop_size)
    assert (config.weight_decay, config.clip_norm) == (1e-6, 10.0)
    assert (config.max_steps, config.eval_every) == (80_000, 2000)
    assert (config.train_split, config.val_split) == ("trainval", "test")
    assert config.fov_blocks == 0


def test_the_augmented_set_is_the_default_where_its_masks_are():
    assert _resolved(sbd_dir="SBD").train_split == "train_aug"
    assert _resolved(sbd_dir="SBD", train_split="train").train_split == "train"


def test_network_width_and_padding_are_the_backbones():
    config = _resolved()
    assert {name: getattr(config, name) for name in BACKBONE} == BACKBONE


@pytest.mark.parametrize(("crop_size", "margin"), [(112, 8), (448, 32), (600, 32)])
def test_small_crops_have_smaller_margins(crop_size, margin):
    assert _resolved(crop_size=crop_size).point_margin == margin
    assert _resolved(crop_size=crop_size, point_margin=3).point_margin == 3


@pytest.mark.parametrize("config_class", [SegmentationConfig, ClassificationConfig])
def test_a_resolved_configuration_resolves_to_itself_and_survives_json(config_class):
    config = _resolved(config_class, max_steps=100)
    assert None not in {config.eval_every, config.train_split, config.crop_size}
    assert config.resolved(BACKBONE, 8, 1) == config
    assert config_class.from_json(config.to_json()) == config


def test_changing_the_length_of_a_run_keeps_the_period_that_was_resolved():
    short = _resolved(max_steps=400)
    longer = dataclasses.replace(short, max_steps=800)
    assert (short.eval_every, longer.eval_every) == (10, 10)
    # The plateau rule counts evaluations.
    changed = dataclasses.replace(
        longer,
        eval_every=5,
        val_split="none",
        retrain_on_all=True,
        log_every=3,
        checkpoint_seconds=1.0,
    )
    assert changed.differences(short) == {"eval_every": (10, 5)}


@pytest.mark.parametrize(
    "bad",
    [
        {"voc_dir": ""},
        {"init": ""},
        {"trainable": ""},
        {"network": "vgg17"},
        {"padding": "ones"},
        {"fov_blocks": 3},
        {"crop_size": 7},
        {"crop_size": 64, "point_margin": 32},
        {"batch_size": 10, "accumulation": 3},
        {"learning_rate": float("nan")},
        {"held_out": 0.0},
        {"schedule": "never"},
        {"schedule": "cosine", "retrain_on_all": True},
        {"max_steps": 0},
        {"eval_every": 0},
        {"patience": 0},
        {"min_steps": -1},
        {"clip_norm": -1.0},
        {"dropout": 1.0},
    ],
    ids=str,
)
def test_bad_fields_are_named(bad):
    name = list(bad)[-1]
    with pytest.raises(ValueError, match=f"`{name}` must be .*{name}={bad[name]!r}"):
        SegmentationConfig(**{"voc_dir": "VOC", **bad})


def test_fields_of_the_other_task_are_refused_by_name():
    with pytest.raises(ValueError, match="Received: hidden, points$"):
        ClassificationConfig.from_json({"voc_dir": "VOC", "points": 3, "hidden": 4})


def test_crops_below_alexnets_first_kernel_are_refused():
    with pytest.raises(ValueError, match="at least 11 .*crop_size=10"):
        _resolved(network="alexnet", crop_size=10)
    assert _resolved(network="alexnet", crop_size=11).crop_size == 11


def test_the_rule_of_a_run_is_not_changed_and_earlier_files_have_the_default():
    config = _resolved(max_steps=400)
    changed = dataclasses.replace(config, patience=2, min_steps=50)
    expected = {"patience": (3, 2), "min_steps": (None, 50)}
    assert changed.differences(config) == expected
    content = config.to_json()
    del content["patience"], content["min_steps"]
    assert not config.differences(SegmentationConfig.from_json(content))


def test_files_of_version_0_1_0_are_read():
    now = _resolved(ClassificationConfig, max_steps=40)
    # It had the fields of segmentation too, where they did nothing.
    before = {
        **now.to_json(),
        **dict(hidden=1024, hidden_stddev=1e-4, point_margin=-1, points=128),
        **dict(sbd_dir="", clip_norm=0.0),
    }
    expected = dataclasses.replace(now, clip_norm=None)
    assert ClassificationConfig.from_json(before) == expected
    now = _resolved()
    before = {**now.to_json(), "sbd_dir": "", "clip_norm": 0.0}
    assert SegmentationConfig.from_json(before) == now
