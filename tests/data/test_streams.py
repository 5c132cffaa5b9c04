"""Streams of collections: order, mixing and starting in the middle."""

import numpy as np
import pytest

from selfsup.data.streams import ChosenImages, FileImages, MixedImages, shuffled


def take(stream, count):
    return [
        (int(index), content.decode())
        for index, content in stream.take(count).as_numpy_iterator()
    ]


def files(prefix, count):
    return FileImages([f"{prefix}{number}" for number in range(count)])


def collections():
    return {
        "files": files("a", 10),
        "two": MixedImages([files("a", 7), files("b", 3)]),
        "three": MixedImages([files("a", 5), files("b", 1), files("c", 7)]),
    }


def test_every_epoch_has_every_item_once_in_a_new_order():
    order = shuffled(np.arange(300), 100, seed=3).numpy().reshape(3, 100)
    np.testing.assert_array_equal(np.sort(order), np.tile(np.arange(100), [3, 1]))
    assert np.any(order[0] != order[1]) and np.any(order[1] != order[2])
    assert np.any(order[0] != shuffled(np.arange(100), 100, seed=4))


@pytest.mark.parametrize("name", ["files", "two", "three"])
def test_streams_start_anywhere(name):
    images = collections()[name]
    whole = take(images.stream(5), 60)
    assert all(images.name(index) == content for index, content in whole)
    for start in (1, 12, 13, 14, 25, 40):
        assert take(images.stream(5, start), 20) == whole[start : start + 20]


@pytest.mark.parametrize("name", ["files", "two", "three"])
def test_parts_are_mixed_in_proportion(name):
    images = collections()[name]
    count = len(images)
    for first in range(0, 5 * count, count):
        epoch = [index for index, _ in take(images.stream(1, first), count)]
        assert sorted(epoch) == list(range(count))


def test_mixing_is_even():
    images = MixedImages([files("a", 75), files("b", 25)])
    letters = [content[0] for _, content in take(images.stream(0), 100)]
    for first in range(0, 100, 4):
        assert letters[first : first + 4].count("b") == 1


@pytest.mark.parametrize("name", ["files", "two", "three"])
@pytest.mark.parametrize("start", [0, 6, 9, 12])
def test_unshuffled_streams_end(name, start):
    images = collections()[name]
    expected = [(n, images.name(n)) for n in range(start, len(images))]
    assert take(images.stream(5, start, shuffle=False), 99) == expected


def test_mixed_collections_read_with_the_right_part(tmp_path):
    class Inline(FileImages):
        def read(self, index, content):
            return content

    (tmp_path / "x").write_bytes(b"file")
    images = MixedImages([FileImages([str(tmp_path / "x")]), Inline(["inline"])])
    read = images.stream(0, 0, shuffle=False).map(images.read)
    assert [value.numpy() for value in read] == [b"file", b"inline"]


def test_chosen_images_are_a_stream_of_their_own():
    chosen = ChosenImages(collections()["three"], [1, 4, 5, 12])
    names = ["a1", "a4", "b0", "c6"]
    assert [chosen.name(index) for index in range(len(chosen))] == names
    assert chosen.keys == tuple(names)
    in_order = list(enumerate(names))
    assert take(chosen.stream(0, shuffle=False), 99) == in_order
    assert take(chosen.stream(0, 3, shuffle=False), 99) == in_order[3:]
    whole = take(chosen.stream(5), 40)
    assert all(names[index] == name for index, name in whole)
    epochs = [whole[first : first + 4] for first in range(0, 40, 4)]
    assert all(sorted(epoch) == in_order for epoch in epochs)
    assert any(epoch != epochs[0] for epoch in epochs)
    for start in (1, 4, 7, 18):
        assert take(chosen.stream(5, start), 10) == whole[start : start + 10]
    assert take(chosen.subset([1, 3]).stream(0, shuffle=False), 9) == [
        (0, "a4"),
        (1, "c6"),
    ]


def test_a_subset_of_mixed_collections_is_a_stream():
    subset = collections()["three"].subset([1, 4, 12])
    assert take(subset.stream(0, shuffle=False), 9) == [(0, "a1"), (1, "a4"), (2, "c6")]
    assert len(subset) == 3


def test_a_subset_of_files_has_its_own_order():
    subset = FileImages(["x/a", "x/b", "x/c"], ["a", "b", "c"]).subset([2, 0])
    assert subset.sources == ("x/c", "x/a") and subset.keys == ("c", "a")
