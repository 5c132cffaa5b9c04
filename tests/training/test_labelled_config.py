"""Settings of single-label classification: what is refused, and sizes."""

import pytest

from selfsup.training.labelled_config import LabelledConfig


@pytest.mark.parametrize(
    "changes, received",
    [
        ({"data": ""}, "Received: data=''"),
        ({"labels": "noise(1.5)"}, r"Received: 'noise\(1.5\)'"),
        ({"labels": "blur(3)"}, r"Received: 'blur\(3\)'"),
        ({"crop_size": 64, "min_side": 32}, "min_side=32"),
        ({"schedule": "never"}, "Received: schedule='never'"),
        ({"held_out": 0.0}, "Received: held_out=0.0"),
        ({"retrain_on_all": True, "schedule": "cosine"}, "retrain_on_all=True"),
    ],
)
def test_bad_settings_are_refused(changes, received):
    with pytest.raises(ValueError, match=received):
        LabelledConfig(**{"data": "photos", **changes})


def test_sides_follow_the_crop():
    description = {"network": "alexnet", "width": 1.0, "padding": "zeros"}
    config = LabelledConfig(data="x").resolved(description, 224, 63)
    assert (config.crop_size, config.min_side, config.max_side) == (224, 256, 384)
    config = LabelledConfig(data="x", max_side=230).resolved(description, 224, 63)
    assert (config.min_side, config.max_side) == (230, 230)


def test_a_file_of_buckets_means_the_same_from_every_folder(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    config = LabelledConfig(data="x", labels="buckets(a.json), buckets(H16)").located()
    assert config.labels == f"buckets({tmp_path / 'a.json'}), buckets(H16)"
    assert (
        LabelledConfig(data="x", labels="buckets(R50)")
        .located()
        .labels.endswith("R50)")
    )


def test_samples_per_class_come_before_other_changes_of_the_labels():
    config = LabelledConfig(data="x", samples_per_class=3, labels="noise(.5)")
    assert [str(t) for t in config.transforms] == ["per_class(3)", "noise(0.5)"]
    assert config.located().labels == "noise(0.5)"
    assert LabelledConfig(data="x").transforms == ()
