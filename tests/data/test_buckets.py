"""The table of WordNet's buckets, random buckets and mappings of users."""

import collections
import re

import numpy as np
import pytest

from selfsup.data import buckets

H16 = buckets.of_wordnet("H16")
H2 = buckets.of_wordnet("H2")

# Known by hand: what the photographs of a class show, and what that is.
KNOWN = {
    "n01440764": ("other_vertebrate", "other_entity"),  # tench
    "n01514668": ("bird", "other_entity"),  # cock
    "n01855672": ("bird", "other_entity"),  # goose
    "n02102040": ("hunting_dog", "other_entity"),  # English springer
    "n02113799": ("other_dog", "other_entity"),  # standard poodle
    "n02123045": ("other_mammal", "other_entity"),  # tabby
    "n02206856": ("other_organism", "other_entity"),  # bee
    "n02690373": ("conveyance", "artifact"),  # airliner
    "n02814533": ("conveyance", "artifact"),  # beach wagon, in WordNet a container too
    "n02992529": ("other_instrumentality", "artifact"),  # cellular telephone
    "n03028079": ("structure", "artifact"),  # church
    "n03481172": ("implement", "artifact"),  # hammer
    "n03594734": ("commodity", "artifact"),  # jean
    "n04591713": ("container", "artifact"),  # wine bottle
    "n07749582": ("other_entity", "other_entity"),  # lemon
}


def test_every_class_of_imagenet_has_one_bucket_of_each_kind():
    assert len(H16) == 1000 and H16.keys() == H2.keys()
    assert all(re.fullmatch(r"n\d{8}", name) for name in H16)
    lines = buckets._TABLE.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1001 and lines[1:] == sorted(lines[1:])


def test_each_small_bucket_lies_in_one_large():
    pairs = {(H16[name], H2[name]) for name in H16}
    assert len(pairs) == len(set(H16.values())) == 16
    assert len(set(H2.values())) == 2


@pytest.mark.parametrize("name", KNOWN)
def test_buckets_of_known_classes(name):
    assert (H16[name], H2[name]) == KNOWN[name]


def test_the_page_has_the_sizes_and_members(request):
    page = request.config.rootpath / "docs" / "labels.md"
    text = page.read_text(encoding="utf-8")
    for found in (H16, H2):
        for bucket, size in collections.Counter(found.values()).items():
            assert re.search(rf"\| `{bucket}` \| {size} \|", text), bucket
    parts = {bucket: H2[name] for name, bucket in H16.items()}
    for bucket, part in parts.items():
        assert re.search(rf"\| `{bucket}` \| \d+ \| `{part}` \|", text), bucket


@pytest.mark.parametrize("classes, count", [(1000, 50), (1000, 16), (10, 10), (7, 2)])
def test_random_buckets_are_of_nearly_equal_sizes(classes, count):
    names = [f"c{number}" for number in range(classes)]
    found = buckets.at_random(names, count, np.random.default_rng(3))
    assert list(found) != names and set(found) == set(names)
    sizes = collections.Counter(found.values())
    assert len(sizes) == count and max(sizes.values()) - min(sizes.values()) <= 1
    assert sorted(sizes, key=lambda n: int(n.split("-")[1])) == sorted(sizes)
    assert found == buckets.at_random(names, count, np.random.default_rng(3))
    if count < classes:
        assert found != buckets.at_random(names, count, np.random.default_rng(4))


@pytest.mark.parametrize("count", [1, 4])
def test_numbers_of_random_buckets_that_make_no_sense(count):
    with pytest.raises(ValueError, match=f"Expected 2 to 3.*Received: R{count}"):
        buckets.at_random("abc", count, np.random.default_rng(0))


@pytest.mark.parametrize(
    "name, content",
    [
        ("map.json", '{"great cat": 1, "dog": "pet"}'),
        ("MAP.JSON", '\ufeff{"great cat": "1", "dog": "pet", "dog": "pet"}'),
        ("map.txt", "# cats\ngreat cat 1\n\ndog pet\ndog  pet\n"),
        ("map.txt", "great cat\t1\ndog\tpet\n"),
    ],
)
def test_mappings_of_users(tmp_path, name, content):
    (tmp_path / name).write_text(content, encoding="utf-8")
    found = buckets.of_file(str(tmp_path / name))
    assert found == {"great cat": "1", "dog": "pet"}


@pytest.mark.parametrize(
    "name, content, message",
    [
        ("map.txt", "cat a\ncat b\n", "Received: 'cat', 'b'"),
        ("map.json", '{"cat": "a", "cat": "b"}', "Received: 'cat', 'b'"),
        ("map.txt", "cat\n", "Received: 'cat', ''"),
        ("map.json", '{"cat": ""}', "Received: 'cat', ''"),
        ("map.json", '{"cat": ["a"]}', r"Received: the bucket \['a'\]"),
        ("map.json", '{"cat": true}', "Received: the bucket True"),
        ("map.json", '["cat"]', "Expected a JSON object"),
        ("map.json", "3", "Expected a JSON object"),
        ("map.json", "{", "Expected a JSON object"),
    ],
)
def test_bad_mappings_are_named(tmp_path, name, content, message):
    (tmp_path / name).write_text(content)
    with pytest.raises(ValueError, match=message) as caught:
        buckets.of_file(str(tmp_path / name))
    assert name in str(caught.value) and "\n" not in str(caught.value)


def test_what_is_no_kind_and_no_file_is_named():
    message = "no such buckets. Expected H16, H2, R and a number.* Received: H17"
    with pytest.raises(FileNotFoundError, match=message):
        buckets.of_file("H17")
