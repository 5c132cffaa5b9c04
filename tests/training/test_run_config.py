"""What all runs share: ranges, and files of version 0.1.0."""

import dataclasses

import pytest

from selfsup import networks
from selfsup.training.run_config import NETWORKS, PointConfig, RunConfig


@pytest.mark.parametrize(
    "bad",
    [
        dict(network="vgg17"),
        dict(padding="same"),
        dict(precision="float16"),
        dict(width=0.0),
        dict(dropout=1.0),
        dict(crop_size=3),
        dict(batch_size=-1),
        dict(learning_rate=float("nan")),
        dict(learning_rate=0.0),
        dict(weight_decay=-1.0),
        dict(log_every=0),
        dict(seed=-1),
        dict(accumulation=3),
    ],
    ids=str,
)
def test_fields_out_of_range_are_named(bad):
    ((name, value),) = bad.items()
    with pytest.raises(ValueError, match=f"`{name}` must be .*{name}={value!r}"):
        RunConfig(**bad)


@pytest.mark.parametrize(
    "bad", [dict(jit=1), dict(seed=1.5), dict(width="1"), dict(network=None)], ids=str
)
def test_fields_of_another_type_are_named(bad):
    ((name, value),) = bad.items()
    with pytest.raises(TypeError, match=f"`{name}` must be .*{name}={value!r}"):
        RunConfig(**bad)


def test_only_what_changes_no_number_is_resumable():
    resumable = {
        field.name
        for field in dataclasses.fields(RunConfig)
        if field.metadata["resumable"]
    }
    assert resumable == {"callbacks", "log_every", "eval_every", "checkpoint_seconds"}


def test_every_field_has_a_help_text():
    assert all(field.metadata["help"] for field in dataclasses.fields(PointConfig))


def test_former_defaults_become_none_and_other_values_stay():
    former = dict(clip_norm=0.0, padding="", point_margin=-1, width=0.0, seed=0)
    assert RunConfig.upgraded(former) == {**dict.fromkeys(former), "seed": 0}
    now = dict(clip_norm=1.0, padding="bias", point_margin=0, width=0.5)
    assert RunConfig.upgraded(now) == now


@dataclasses.dataclass(frozen=True)
class _Successor(RunConfig):
    """Settings of a task that had two more fields."""

    former = frozenset(("points", "hidden"))


def test_former_fields_are_dropped_from_files_that_have_them_all():
    assert _Successor.from_json({"points": 3, "hidden": 4, "seed": 5}).seed == 5


def test_a_former_field_alone_is_refused_by_name():
    with pytest.raises(ValueError, match="Received: points$"):
        _Successor.from_json({"points": 3, "seed": 5})


def test_points_must_fit_the_crop():
    assert PointConfig(crop_size=65, point_margin=32).point_margin == 32
    with pytest.raises(ValueError, match="crop_size=64. Received: point_margin=32"):
        PointConfig(crop_size=64, point_margin=32)


def test_the_networks_are_those_of_the_registry():
    assert set(NETWORKS) == set(networks.ARCHITECTURES)
