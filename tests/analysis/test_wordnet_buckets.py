"""Buckets of a small hierarchy, worked by hand."""

import csv

import pytest

from selfsup.analysis import wordnet_buckets


def line(offset, words, *hypernyms):
    """A line of `data.noun`: counts of words are hexadecimal, of pointers decimal."""
    names = " ".join(f"{word} 0" for word in words)
    # A hyponym, as the real lines have: no part of the way up.
    pointers = [("~", "00000099"), *(("@", parent) for parent in hypernyms)]
    pointed = " ".join(f"{symbol} {target} n 0000" for symbol, target in pointers)
    head = f"{offset} 05 n {len(words):02x} {names} {len(pointers):03} {pointed}"
    return f'{head} | what it is; "@ 00000098 n 0000"  \n'


# entity - animal - dog - d1, d2, d3
#        |        - a4, a5
#        - object - box - b6, car
#                 - machine - vehicle - car - c7
LINES = [
    "  1 This software and database is provided as is  \n",
    line("00000010", ["entity"]),
    line("00000011", ["animal", "beast"], "00000010"),
    line("00000012", ["dog", *("hound" + "s" * n for n in range(10))], "00000011"),
    line("00000013", ["object"], "00000010"),
    line("00000014", ["box"], "00000013"),
    line("00000015", ["machine"], "00000013"),
    line("00000016", ["vehicle"], "00000015"),
    line("00000017", ["car"], "00000014", "00000016"),
    *(line(f"0000000{n}", [f"d{n}"], "00000012") for n in (1, 2, 3)),
    *(line(f"0000000{n}", [f"a{n}"], "00000011") for n in (4, 5)),
    line("00000006", ["b6"], "00000014"),
    line("00000007", ["c7"], "00000017"),
]
CLASSES = [f"n0000000{n}" for n in range(1, 8)]


@pytest.fixture
def synsets():
    return wordnet_buckets.read_synsets(LINES, CLASSES)


def test_a_synset_hangs_below_the_deepest_of_its_hypernyms(synsets):
    path = [synsets[offset].name for offset in synsets["00000007"].path]
    assert path == ["c7", "car", "vehicle", "machine", "object", "entity"]
    assert synsets["00000001"].path == ("00000001", "00000012", "00000011", "00000010")


@pytest.mark.parametrize(
    "count, expected",
    [
        (1, "entity entity entity entity entity entity entity"),
        # 3 dogs of 7; animals would be 5, objects 2.
        (2, "dog dog dog other_entity other_entity other_entity other_entity"),
        # 2 of 4, animals or objects: equally deep, so the greater offset.
        (3, "dog dog dog other_entity other_entity object object"),
        (4, "other_dog other_dog d3 other_entity other_entity object object"),
        # Of three buckets of 2 the greatest offset; of a chain the deepest.
        (5, "other_dog other_dog d3 other_entity other_entity other_object c7"),
    ],
)
def test_the_largest_bucket_is_split_most_evenly(synsets, count, expected):
    found = wordnet_buckets.split(synsets, CLASSES, count)
    assert [found[name] for name in CLASSES] == expected.split()


def test_fewer_classes_than_buckets_are_refused(synsets):
    with pytest.raises(ValueError, match="each of 7 classes. Received: 8 buckets"):
        wordnet_buckets.split(synsets, CLASSES, 8)


def test_a_class_of_another_wordnet_is_named():
    with pytest.raises(ValueError, match="WordNet 3.0.*Received: 'n00000098'"):
        wordnet_buckets.read_synsets(LINES, [*CLASSES, "n00000098"])


def test_the_table_has_a_row_for_each_class(monkeypatch):
    monkeypatch.setattr(wordnet_buckets, "_SIZES", (3, 2))
    rows = list(csv.reader(wordnet_buckets.table(LINES, CLASSES[::-1]).splitlines()))
    assert rows[0] == ["class", "H3", "H2"]
    assert rows[1] == ["n00000001", "dog", "dog"]
    assert rows[6] == ["n00000006", "object", "other_entity"]
    assert [row[0] for row in rows[1:]] == CLASSES
