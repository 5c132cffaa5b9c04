"""Settings of downstream runs: the paper's defaults, and what is refused."""

import dataclasses

import pytest

from selfsup import networks
from selfsup.runs import to_json
from selfsup.settings import from_json
from selfsup.training.voc_config import RESUMABLE, VocConfig


def _resolved(task, network="vgg16", **changes):
    backbone = networks.ARCHITECTURES[network].builder(width=1 / 64, padding="bias")
    return VocConfig.for_task(task, voc_dir="VOC", **changes).resolved(backbone)


def test_segmentation_is_the_papers():
    config = _resolved("segmentation")
    assert (config.batch_size, config.crop_size, config.points) == (10, 448, 128)
    assert (config.point_margin, config.fov_blocks, config.hidden) == (32, 2, 1024)
    assert (config.learning_rate, config.weight_decay) == (1e-3, 5e-4)
    assert (config.max_steps, config.eval_every) == (40_000, 1000)
    assert (config.train_split, config.val_split) == ("train", "val")
    assert (config.held_out, config.clip_norm) == (0.1, 0.0)


@pytest.mark.parametrize(("network", "crop_size"), [("alexnet", 227), ("vgg16", 224)])
def test_classification_is_the_papers(network, crop_size):
    config = _resolved("classification", network)
    assert (config.batch_size, config.crop_size) == (16, crop_size)
    assert (config.weight_decay, config.clip_norm) == (1e-6, 10.0)
    assert (config.max_steps, config.eval_every) == (80_000, 2000)
    assert (config.train_split, config.val_split) == ("trainval", "test")
    assert config.fov_blocks == 0


def test_the_augmented_set_is_the_default_where_its_masks_are():
    assert _resolved("segmentation", sbd_dir="SBD").train_split == "train_aug"
    config = _resolved("segmentation", sbd_dir="SBD", train_split="train")
    assert config.train_split == "train"


def test_network_width_and_padding_are_the_backbones():
    config = _resolved("segmentation")
    assert (config.network, config.padding) == ("vgg16", "bias")
    assert config.width == pytest.approx(1 / 64)


@pytest.mark.parametrize(("crop_size", "margin"), [(112, 8), (448, 32), (600, 32)])
def test_small_crops_have_smaller_margins(crop_size, margin):
    assert _resolved("segmentation", crop_size=crop_size).point_margin == margin
    given = _resolved("segmentation", crop_size=crop_size, point_margin=3)
    assert given.point_margin == 3


def test_a_resolved_configuration_resolves_to_itself_and_survives_json():
    config = _resolved("segmentation", max_steps=100)
    backbone = networks.vgg16(width=1 / 64, padding="bias")
    assert config.resolved(backbone) == config
    assert from_json(VocConfig, to_json(config)) == config


def test_changing_the_length_of_a_run_keeps_the_period_that_was_resolved():
    short = _resolved("segmentation", max_steps=400)
    longer = dataclasses.replace(short, max_steps=800)
    assert (short.eval_every, longer.eval_every) == (10, 10)
    assert "max_steps" in RESUMABLE and "eval_every" not in RESUMABLE


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
        {"max_steps": 0},
        {"dropout": 1.0},
    ],
    ids=str,
)
def test_bad_fields_are_named(bad):
    name = list(bad)[-1]
    with pytest.raises(ValueError, match=f"Field `{name}` must be .* Received: "):
        VocConfig.for_task("segmentation", **{"voc_dir": "VOC", **bad})


def test_an_unknown_task_is_refused():
    with pytest.raises(ValueError, match="segmentation, classification"):
        VocConfig.for_task("detection", voc_dir="VOC")


def test_crops_below_alexnets_first_kernel_are_refused():
    with pytest.raises(ValueError, match="`crop_size` must be at least 11"):
        _resolved("segmentation", "alexnet", crop_size=10)
    assert _resolved("segmentation", "alexnet", crop_size=11).crop_size == 11


def test_paths_mean_the_same_from_every_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = _resolved("segmentation", init="runs/pre", sbd_dir="SBD")
    paths = config.voc_dir, config.init, config.sbd_dir
    assert paths == tuple(str(tmp_path / name) for name in ("VOC", "runs/pre", "SBD"))
    config = _resolved("classification")
    assert (config.init, config.sbd_dir) == ("random", "")
    tfds = dataclasses.replace(config, voc_dir="tfds:voc/2007")
    backbone = networks.vgg16(width=1 / 64)
    assert tfds.resolved(backbone).voc_dir == "tfds:voc/2007"
