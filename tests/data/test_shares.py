"""Shares of sources: how they are read, and what is refused."""

import pytest

from selfsup.data import shares


@pytest.mark.parametrize(
    "specs, parts, weights",
    [
        (["a", "b=0.3", "c", "d=0.25"], (2, 0, 2, 1), (6, 5, 9)),
        (["a=0.7", "b=0.2", "tfds:c/train=0.1"], (0, 1, 2), (7, 2, 1)),
        # Relative to their sum.
        (["a=3", "b=1"], (0, 1), (3, 1)),
        (["a=0.1", "b=0.1", "c=0.1"], (0, 1, 2), (1, 1, 1)),
        (["a=1e-2", "b"], (0, 1), (1, 99)),
        (["a=0.3"], (0,), (1,)),
        # Too fine for the arithmetic of streams.
        (["a=0.3333333333333333", "b"], (0, 1), (333333333, 666666667)),
        (["a=1e-300", "b"], (0, 1), (1, 10**9)),
    ],
)
def test_shares_are_whole_numbers_of_samples(specs, parts, weights):
    mix = shares.parse(specs)
    assert mix.sources == tuple(spec.split("=")[0] for spec in specs)
    assert (mix.parts, mix.weights) == (parts, weights)
    assert 2 * sum(weights) ** 2 < 2**63


def test_without_shares_there_is_one_part():
    assert shares.parse(["a", "b"]) == (("a", "b"), (0, 0), None)
    assert shares.parse(()) == ((), (), None)


@pytest.mark.parametrize(
    "specs, message",
    [
        (["a=0", "b"], "above 0 behind the last =.*Received: 'a=0'$"),
        (["a=-0.3", "b"], "above 0.*Received: 'a=-0.3'$"),
        (["b=0.3", "a=nan"], "above 0.*Received: 'a=nan'$"),
        (["a=inf", "b"], "above 0.*Received: 'a=inf'$"),
        (["a=1", "b"], "sum below 1. Received: 1 in all, and none of 'b'$"),
        (["a=0.7", "c", "b=0.5"], "Received: 1.2 in all, and none of 'c'$"),
        (["a=1.5"], "at most 1 where.*Received: 'a=1.5'$"),
    ],
)
def test_what_is_no_share_is_refused(specs, message):
    with pytest.raises(ValueError, match=message):
        shares.parse(specs)


def test_shares_are_refused_where_images_count_once(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    shares.check_none(["a", "tfds:a/train[:10%]", "a=b", tmp_path])
    with pytest.raises(ValueError, match="without =SHARE. Received: 'a=0.3'$"):
        shares.check_none(["b", "a=0.3"])
    (tmp_path / "a=0.3").mkdir()
    shares.check_none(["a=0.3"])
