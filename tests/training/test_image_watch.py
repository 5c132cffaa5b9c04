"""Images that teach nothing are counted, named once, and end hopeless runs."""

import logging

import numpy as np
import pytest

from selfsup import data
from selfsup.training.image_watch import ImageWatch


class _Images:
    def __init__(self, count):
        self._count, self.vanished, self.damaged = count, set(), set()

    def __len__(self):
        return self._count

    def name(self, index):
        return f"photo-{index}.jpg"

    def has_vanished(self, index):
        return index in self.vanished

    def is_damaged(self, index):
        return index in self.damaged


def _status(kinds, first=0):
    return {
        "index": np.arange(first, first + len(kinds)),
        "status": np.array(kinds, np.int8),
    }


def test_unreadable_images_are_named_once(caplog):
    watch = ImageWatch(_Images(100))
    with caplog.at_level(logging.WARNING, logger="absl"):
        for _ in range(3):
            watch(_status([data.OK] * 40 + [data.UNDECODABLE]))
    named = [r.getMessage() for r in caplog.records if "photo-40.jpg" in r.getMessage()]
    assert len(named) == 1
    assert watch.unreadable == {40}


def test_mostly_unreadable_images_end_the_run():
    watch = ImageWatch(_Images(100))
    watch(_status([data.UNDECODABLE] * 20))
    with pytest.raises(ValueError, match="35 unreadable of 60 samples.*photo-0.jpg"):
        watch(_status([data.UNDECODABLE] * 15 + [data.OK] * 25, first=20))


def test_many_whole_samples_do_not_hide_that_all_are_unreadable_now():
    watch = ImageWatch(_Images(10_000))
    for _ in range(100):
        watch(_status([data.OK] * 100))
    with pytest.raises(ValueError, match="of 256 samples"):
        for _ in range(3):
            watch(_status([data.UNDECODABLE] * 60))


def test_a_vanished_image_ends_the_run_at_once():
    images = _Images(1000)
    watch = ImageWatch(images)
    watch(_status([data.OK] * 100 + [data.UNDECODABLE]))
    images.vanished = {7}
    with pytest.raises(FileNotFoundError, match="photo-7.jpg, missing"):
        watch(_status([data.OK, data.UNDECODABLE], first=6))
    # Held-out ones are of no use, and no more.
    ImageWatch(images, fatal=False)(_status([data.UNDECODABLE], first=7))


@pytest.mark.parametrize("fatal", [True, False])
def test_a_damaged_shard_ends_the_run_at_once(fatal):
    images = _Images(1000)
    images.damaged = {7}
    watch = ImageWatch(images, fatal=fatal)
    watch(_status([data.OK] * 100 + [data.UNDECODABLE]))
    with pytest.raises(ValueError, match="damaged.*Received: photo-7.jpg"):
        watch(_status([data.OK, data.UNDECODABLE], first=6))


def test_held_out_images_never_end_the_run():
    watch = ImageWatch(_Images(3), fatal=False)
    watch(_status([data.UNDECODABLE] * 3))
    watch(_status([data.ACHROMATIC] * 300))
    assert watch.unreadable == {0, 1, 2}


def test_a_small_folder_is_judged_when_it_was_seen_once():
    watch = ImageWatch(_Images(3))
    with pytest.raises(ValueError, match="2 unreadable of 3 samples"):
        watch(_status([data.UNDECODABLE, data.OK, data.UNDECODABLE]))


def test_gray_images_warn_at_half_and_stop_when_nearly_all_are(caplog):
    watch = ImageWatch(_Images(1000))
    with caplog.at_level(logging.WARNING, logger="absl"):
        watch(_status([data.ACHROMATIC] * 45 + [data.OK] * 55))
        assert not caplog.records
        watch(_status([data.ACHROMATIC] * 20))
        watch(_status([data.ACHROMATIC] * 20))
    assert len(caplog.records) == 1 and "gray" in caplog.records[0].getMessage()
    with pytest.raises(ValueError, match="Nearly all images are gray"):
        for _ in range(30):
            watch(_status([data.ACHROMATIC] * 100))
