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


def weighted():
    """3 of 10 samples are of a; b and c share the others by their sizes."""
    rest = MixedImages([files("b", 5), files("c", 3)])
    return MixedImages([files("a", 4), rest], (3, 7))


def test_every_epoch_has_every_item_once_in_a_new_order():
    order = shuffled(np.arange(300), 100, seed=3).numpy().reshape(3, 100)
    np.testing.assert_array_equal(np.sort(order), np.tile(np.arange(100), [3, 1]))
    assert np.any(order[0] != order[1]) and np.any(order[1] != order[2])
    assert np.any(order[0] != shuffled(np.arange(100), 100, seed=4))


@pytest.mark.parametrize(
    "name, start, expected",
    [
        ("two", 0, "b2 a5 a0 b0 a1 a4 b1 a3 a2 a6 b2 a3 a0 b0 a6 a4"),
        ("two", 10**12 + 3, "b0 a1 a4 b1 a3 a2 a6 b2 a3 a0 b0 a6 a4 b1 a2 a1"),
        ("three", 0, "c5 c0 a2 c1 c4 a0 c3 a1 c2 c6 a4 b0 a3 c3 c0 a3"),
        ("three", 10**12 + 3, "c4 a2 c1 a0 c2 c3 a4 b0 a1 c5 c6 a0 c4 c1 a2 c3"),
    ],
)
def test_streams_without_weights_are_those_of_earlier_runs(name, start, expected):
    found = take(collections()[name].stream(5, start), 16)
    assert " ".join(content for _, content in found) == expected


@pytest.mark.parametrize("name", ["files", "two", "three", "weighted"])
def test_samplers_are_streams_at_once(name):
    images = weighted() if name == "weighted" else collections()[name]
    start = 10**12 + 3
    index, content = images.sampler(5)(np.arange(start, start + 60))
    found = zip(index.numpy(), content.numpy(), strict=True)
    assert [(i, c.decode()) for i, c in found] == take(images.stream(5, start), 60)


def test_what_is_read_in_order_has_no_sampler():
    chosen = collections()["two"].subset([1, 8])
    assert chosen.sampler(5) is None
    assert MixedImages([files("a", 2), chosen]).sampler(5) is None


@pytest.mark.parametrize("name", ["files", "two", "three", "weighted"])
def test_streams_start_anywhere(name):
    images = weighted() if name == "weighted" else collections()[name]
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


def test_weights_are_kept_in_every_window():
    drawn = [content[0] for _, content in take(weighted().stream(2), 120)]
    of_a = np.cumsum([0, *(letter == "a" for letter in drawn)])
    # Exactly after each period, and rounded down in between.
    np.testing.assert_array_equal(of_a, np.arange(121) * 3 // 10)
    others = [letter for letter in drawn if letter != "a"]
    for first in range(0, 80, 8):
        assert others[first : first + 8].count("b") == 5


def test_every_part_has_epochs_of_its_own():
    drawn = [content for _, content in take(weighted().stream(2), 120)]
    for letter, count, epochs in (("a", 4, 9), ("b", 5, 10), ("c", 3, 9)):
        of_part = [content for content in drawn if content[0] == letter]
        whole = np.reshape(of_part[: count * epochs], [epochs, count])
        names = [f"{letter}{number}" for number in range(count)]
        np.testing.assert_array_equal(np.sort(whole), [names] * epochs)
        assert np.any(whole[0] != whole[1])


def test_weighted_streams_are_exact_far_away():
    fine = MixedImages([files("a", 4), files("b", 9)], (333_333_333, 666_666_667))
    for images in (weighted(), fine):
        start = 10**15 + 7
        whole = take(images.stream(5, start), 30)
        assert take(images.stream(5, start + 11), 19) == whole[11:]


def test_weights_are_of_the_shuffled_stream_alone():
    images = weighted()
    plain = MixedImages([files("a", 4), files("b", 5), files("c", 3)])
    assert len(images) == 12 and images.keys == plain.keys == images.sources
    assert take(images.stream(5, 0, shuffle=False), 99) == list(enumerate(plain.keys))
    epoch = take(images.subset([1, 4, 11]).stream(5, 3), 3)
    assert sorted(epoch) == [(0, "a1"), (1, "b0"), (2, "c2")]


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
