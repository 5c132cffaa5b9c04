"""Parts are whole or not there, and belong to one work."""

import numpy as np
import pytest

from selfsup.analysis.embedding_parts import Parts, has_begun

SETTINGS = {"pool": "mean", "side": 64, "projector": None}


def test_parts_are_read_back_and_counted_from_the_first(tmp_path):
    parts = Parts(tmp_path, SETTINGS)
    assert not parts.begun and not has_begun(tmp_path)
    parts.begin()
    arrays = {"features": np.eye(2, dtype=np.float32), "numbers": np.arange(2)}
    for number in (0, 1, 3):
        parts.add(number, arrays, [["read", f"{number}.jpg"]])
    again = Parts(tmp_path, dict(SETTINGS))
    assert again.begun and has_begun(tmp_path) and again.count() == 2
    for found, name in zip(again.read(1, *arrays), arrays, strict=True):
        np.testing.assert_array_equal(found, arrays[name])
    assert again.about(1) == [["read", "1.jpg"]]
    again.remove()
    assert not tmp_path.exists()


def test_parts_of_other_settings_are_refused(tmp_path):
    Parts(tmp_path, SETTINGS).begin()
    with pytest.raises(ValueError, match=r"pool \(there 'mean', now 'max'\)$"):
        Parts(tmp_path, {**SETTINGS, "pool": "max"})


def test_what_a_kill_leaves_of_a_part_does_not_count(tmp_path, monkeypatch):
    parts = Parts(tmp_path, SETTINGS)

    def half(path, **arrays):
        path.write_bytes(b"PK")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(np, "savez", half)
        with pytest.raises(KeyboardInterrupt):
            parts.add(0, {}, [])
    assert parts.count() == 0
    parts.add(0, {}, [])
    assert parts.count() == 1
