"""Transforms of labels: exact numbers, seeds and the text that composes them."""

import numpy as np
import pytest

from selfsup import data
from selfsup.data import label_transforms
from selfsup.data.label_transforms import Buckets, Noise, PerClass, apply, parse
from selfsup.data.labelled import LabeledSet
from selfsup.data.streams import FileImages


def samples_of(labels, classes=None):
    labels = np.asarray(labels)
    classes = classes or tuple(f"c{number}" for number in range(labels.max() + 1))
    images = FileImages([f"{number:05}.jpg" for number in range(len(labels))])
    return LabeledSet(images, tuple(classes), labels, "folder")


def content(samples):
    return [(samples.name(i), k) for i, k in enumerate(samples.labels)]


@pytest.fixture
def samples():
    """955 images: 55 of class 0, 64 of 1, ... 136 of 9, mixed."""
    labels = np.repeat(np.arange(10), [55 + 9 * n for n in range(10)])
    return samples_of(np.random.default_rng(0).permutation(labels))


def test_exactly_so_many_of_each_class(samples):
    found = apply(parse("per_class(55)"), samples, seed=1)
    assert np.bincount(found.labels).tolist() == [55] * 10
    numbers = [int(found.name(index)[:5]) for index in range(len(found))]
    assert numbers == sorted(set(numbers))
    np.testing.assert_array_equal(found.labels, samples.labels[numbers])
    # The smallest class is complete; of the others other seeds take others.
    assert set(np.flatnonzero(samples.labels == 0)) <= set(numbers)
    assert found.keys != apply(parse("per_class(55)"), samples, seed=2).keys
    assert found.keys == apply(parse("per_class(55)"), samples, seed=1).keys


def test_too_few_of_a_class_are_named(samples):
    message = r"per_class\(60\). Expected at least 60. Received: 55 of class 'c0'"
    with pytest.raises(ValueError, match=message):
        apply(parse("per_class(60)"), samples)


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 1.0])
def test_a_fixed_share_of_labels_is_drawn_from_all_classes(share):
    labels = np.tile(np.arange(10), 2000)
    found = apply((Noise(share),), samples_of(labels), seed=5).labels
    count = round(share * len(labels))
    changed = found != labels
    # One in ten comes out as before; within 5 standard deviations.
    assert abs(changed.sum() - 0.9 * count) <= 5 * np.sqrt(0.09 * count)
    drawn = np.bincount(found[changed], minlength=10)
    assert abs(drawn - 0.09 * count).max() <= 5 * np.sqrt(0.09 * count)
    # Labels of all places and classes are drawn.
    for part in (changed[: len(labels) // 2], changed[labels == 3]):
        assert abs(part.mean() - 0.9 * share) < 0.05


def test_the_number_of_labels_drawn_anew_is_exact():
    # Of a million classes hardly any label comes out as before.
    labels = np.zeros(1000, int)
    classes = [f"c{number}" for number in range(10**6)]
    found = apply((Noise(0.1),), samples_of(labels, classes)).labels
    assert np.count_nonzero(found) == 100


def test_the_order_in_which_samples_were_listed_changes_nothing(tmp_path):
    lines = [f"{number:03}.jpg c{number % 5}\n" for number in range(100)]
    for number in range(100):
        (tmp_path / f"{number:03}.jpg").touch()
    found = []
    for name, rows in (("a.txt", lines), ("b.txt", lines[::-1])):
        (tmp_path / name).write_text("".join(rows))
        opened, _ = data.open_labeled(str(tmp_path / name))
        transforms = parse("per_class(7), noise(0.5), buckets(R2)")
        changed = apply(transforms, opened, seed=3)
        found.append((changed.keys, changed.classes, changed.labels.tolist()))
    assert found[0] == found[1] and len(found[0][0]) == 35


IMAGENETTE = {
    "n01440764": "other_vertebrate",  # tench
    "n02102040": "hunting_dog",  # English springer
    "n02979186": "other_instrumentality",  # cassette player
    "n03000684": "implement",  # chain saw
    "n03028079": "structure",  # church
    "n03394916": "other_device",  # French horn
    "n03417042": "conveyance",  # garbage truck
    "n03425413": "other_device",  # gas pump
    "n03445777": "other_instrumentality",  # golf ball
    "n03888257": "other_instrumentality",  # parachute
}


@pytest.mark.parametrize("kind, count", [("H16", 7), ("H2", 2)])
def test_buckets_of_some_classes_are_those_present(kind, count):
    labels = [9, 0, 1, 2, 3, 4, 5, 6, 7, 8]
    found = apply((Buckets(kind),), samples_of(labels, list(IMAGENETTE)))
    assert len(found.classes) == count and list(found.classes) == sorted(found.classes)
    names = [found.classes[label] for label in found.labels]
    wnids = [list(IMAGENETTE)[label] for label in labels]
    if kind == "H16":
        assert names == [IMAGENETTE[wnid] for wnid in wnids]
    else:
        assert [name == "artifact" for name in names] == [x >= 2 for x in labels]


def test_buckets_of_a_file(tmp_path):
    path = tmp_path / "my map, two.json"
    path.write_text('{"a": "z", "b": "y", "c": "z", "unused": "x"}')
    transforms = parse(f"buckets({path})")
    found = apply(transforms, samples_of([0, 1, 2, 1], "abc"))
    assert found.classes == ("y", "z") and found.labels.tolist() == [1, 0, 1, 0]
    assert parse(label_transforms.canonical(transforms)) == transforms
    with pytest.raises(ValueError, match="each of 3.*none for 1, such as 'd'"):
        apply(transforms, samples_of([0, 1, 2], "abd"))
    with pytest.raises(ValueError, match="in one bucket.*Received: 'z'"):
        apply(transforms, samples_of([0, 1], "ac"))


def test_classes_without_a_bucket_of_wordnet_are_named():
    with pytest.raises(ValueError, match=r"buckets\(H2\).*none for 1, such as 'cat'"):
        apply(parse("buckets(H2)"), samples_of([0, 1], ["n01440764", "cat"]))


def test_transforms_are_applied_in_order(samples):
    noisy_first = apply(parse("noise(1), buckets(R2)"), samples)
    assert len(noisy_first.classes) == 2 and noisy_first.labels.max() == 1
    # After the buckets the noise is drawn from two classes, and hits half of them.
    coarse = apply(parse("buckets(R2)"), samples)
    both = apply(parse("buckets(R2), noise(1)"), samples)
    assert both.classes == coarse.classes
    assert 0.4 < np.mean(both.labels == coarse.labels) < 0.6


def test_each_place_has_a_seed_of_its_own(samples):
    once = apply(parse("noise(0.5)"), samples, seed=1).labels
    twice = apply(parse("noise(0), noise(0.5)"), samples, seed=1).labels
    assert np.any(once != twice)


def test_random_buckets_do_not_depend_on_other_changes_or_the_order(samples):
    few = apply(parse("per_class(5), noise(0), buckets(R5)"), samples)
    all_of_them = apply(parse("buckets(R5)"), samples)
    names = {image: all_of_them.classes[k] for image, k in content(all_of_them)}
    assert all(few.classes[k] == names[image] for image, k in content(few))
    order = [3, 1, 2, 0, 4, 5, 6, 7, 8, 9]
    classes = tuple(samples.classes[k] for k in order)
    other = samples_of(np.argsort(order)[samples.labels], classes)
    turned = apply(parse("buckets(R5)"), other)
    assert {image: turned.classes[k] for image, k in content(turned)} == names


def test_held_out_images_get_buckets_only(samples):
    transforms = parse("per_class(9), noise(1), buckets(R5)")
    train = apply(transforms, samples, seed=4)
    held_out = apply(transforms, samples, seed=4, held_out=True)
    assert len(held_out) == len(samples) and held_out.classes == train.classes
    expected = apply((PerClass(9), Noise(0), Buckets("R5")), samples, seed=4)
    numbers = [samples.keys.index(key) for key in expected.keys]
    np.testing.assert_array_equal(held_out.labels[numbers], expected.labels)


def test_inputs_are_left_as_they_are(samples):
    before = samples.labels.copy()
    apply(parse("noise(1), buckets(R2), per_class(1)"), samples)
    np.testing.assert_array_equal(samples.labels, before)


@pytest.mark.parametrize(
    "text, expected",
    [
        ("", ()),
        ("  ", ()),
        ("per_class(100)", (PerClass(100),)),
        ("noise ( .1 )", (Noise(0.1),)),
        (
            "per_class(100), noise(0.1),buckets(H16)",
            (PerClass(100), Noise(0.1), Buckets("H16")),
        ),
        ("buckets(a b, c/d.txt),noise(1)", (Buckets("a b, c/d.txt"), Noise(1.0))),
    ],
)
def test_text_is_read_and_written(text, expected):
    found = parse(text)
    assert found == expected
    assert parse(label_transforms.canonical(found)) == expected


def test_canonical_text():
    found = parse("per_class(007),noise(1),buckets( R16 )")
    text = "per_class(7), noise(1.0), buckets(R16)"
    assert label_transforms.canonical(found) == text


@pytest.mark.parametrize(
    "text, message",
    [
        ("shuffle(3)", r"per_class\(COUNT\), noise.*buckets.*Received: 'shuffle\(3\)'"),
        ("noise", "Received: 'noise'"),
        ("noise(0.1", r"Received: 'noise\(0.1'"),
        ("noise(0.1),", r"Received: 'noise\(0.1\),'"),
        ("noise(0.1) per_class(3)", r"Received: 'noise\(0.1\) per_class\(3\)'"),
        ("per_class(3), Noise(0.1)", r"Received: 'Noise\(0.1\)'"),
        ("noise(ten)", r"Received: 'noise\(ten\)'"),
        ("per_class(1.5)", r"Received: 'per_class\(1.5\)'"),
        ("per_class(0)", r"at least 1. Received: 'per_class\(0\)'"),
        ("noise(1.1)", r"in \[0, 1\]. Received: 'noise\(1.1\)'"),
        ("noise(-0.1)", r"in \[0, 1\]"),
        ("noise(nan)", r"in \[0, 1\]. Received: 'noise\(nan\)'"),
        ("buckets()", r"H16, H2.*Received: 'buckets\(\)'"),
    ],
)
def test_bad_text_is_named(text, message):
    with pytest.raises(ValueError, match=message) as caught:
        parse(text)
    assert "\n" not in str(caught.value) and "Expected" in str(caught.value)
