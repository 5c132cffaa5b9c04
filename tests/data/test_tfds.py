"""Data sets of TensorFlow Datasets, read from real TFRecord shards."""

import importlib.util

import cv2
import numpy as np
import pytest

from selfsup import data
from selfsup.data import record_index, record_writing
from selfsup.data.record_writing import RecordsConfig

COUNT = 23


@pytest.fixture(scope="module")
def prepared(tmp_path_factory):
    """A data set of 23 images in 4 shards; all pixels of image i are 10 * i."""
    tfds = pytest.importorskip("tensorflow_datasets")
    image = tfds.features.Image
    examples = [
        (
            number,
            {
                "kind": number % 3,
                "mask": np.zeros([4, 4, 1], np.uint8),
                "photo": _flat(number),
            },
        )
        for number in range(COUNT)
    ]
    folder = tmp_path_factory.mktemp("tfds")
    tfds.dataset_builders.store_as_tfds_dataset(
        name="tiny",
        version="1.0.0",
        config="plain",
        data_dir=folder,
        split_datasets={"train": examples},
        features=tfds.features.FeaturesDict(
            {
                "kind": tfds.features.ClassLabel(names=["y", "x", "unused", "z"]),
                "mask": image(shape=(None, None, 1)),
                "photo": image(shape=(None, None, 3)),
            }
        ),
        disable_shuffling=True,
        download_config=tfds.download.DownloadConfig(num_shards=4),
    )
    return folder


def _flat(number):
    return np.full([4, 4, 3], number * 10, np.uint8)


@pytest.fixture
def folder(prepared, monkeypatch):
    monkeypatch.setenv("TFDS_DATA_DIR", str(prepared))
    monkeypatch.setattr("tensorflow_datasets.core.constants.DATA_DIR", str(prepared))
    return prepared


def take(stream, count):
    """Returns pairs of the index and the number that the pixels hold."""
    result = []
    for index, encoded in stream.take(count).as_numpy_iterator():
        pixels = cv2.imdecode(np.frombuffer(encoded, np.uint8), cv2.IMREAD_COLOR)
        result.append((int(index), int(pixels[0, 0, 0]) // 10))
    return result


def test_every_image_comes_once_in_order(folder):
    images = data.open_images(["tfds:tiny/plain/train"])
    assert len(images) == COUNT
    assert images.name(7) == "tfds:tiny/plain/train#7"
    assert len(images._shards) == 4
    expected = [(number, number) for number in range(COUNT)]
    assert take(images.stream(0, shuffle=False), 99) == expected
    assert take(images.stream(0, 9, shuffle=False), 99) == expected[9:]


@pytest.mark.parametrize("split, count", [("train[:50%]", 12), ("train[3:20]", 17)])
def test_slices_of_splits(folder, split, count):
    images = data.open_images([f"tfds:tiny/plain/{split}"])
    first = 3 if "3:" in split else 0
    numbers = [number for _, number in take(images.stream(0, shuffle=False), 99)]
    assert numbers == list(range(first, first + count))


def test_held_out_examples_are_the_last(folder):
    parts = {
        subset: data.open_images(
            ["tfds:tiny/plain/train"], val_fraction=0.2, subset=subset
        )
        for subset in ("train", "val")
    }
    numbers = {
        subset: [number for _, number in take(part.stream(0, shuffle=False), 99)]
        for subset, part in parts.items()
    }
    assert numbers == {"train": list(range(18)), "val": list(range(18, 23))}


def test_mixed_with_files_in_proportion(folder, photos):
    images = data.open_images([photos, "tfds:tiny/plain/train"])
    assert len(images) == 46 + COUNT
    indices = [int(index) for index, _ in images.stream(3, 7).take(69)]
    assert sum(index >= 46 for index in indices) == COUNT


@pytest.mark.parametrize(
    "spec, error, message",
    [
        ("tfds:tiny", ValueError, "tfds:NAME/SPLIT. Received: 'tfds:tiny'"),
        ("tfds:no_such_set/train", ValueError, "no_such_set"),
        ("tfds:tiny/plain/validation", ValueError, "'train'.*'validation'"),
        ("tfds:mnist/train", FileNotFoundError, "download_and_prepare"),
    ],
)
def test_bad_specifications_are_named(folder, spec, error, message):
    with pytest.raises(error, match=message):
        data.open_images([spec])


def test_labels_are_those_of_the_images(folder):
    samples, held_out = data.open_labeled("tfds:tiny/plain/train", val_fraction=0.2)
    assert samples.classes == ("y", "x", "unused", "z")
    for part in (samples, held_out):
        for index, label in enumerate(part.labels):
            assert label == int(part.name(index).split("#")[1]) % 3
    numbers = take(held_out.stream(4), 15)
    assert len({number for _, number in numbers}) == 5
    for index, number in numbers:
        assert held_out.name(index) == f"tfds:tiny/plain/train#{number}"
    # 8, 8 and 7 examples of a class.
    assert np.bincount(held_out.labels).tolist() == [2, 2, 1]
    assert samples.image(3)[0, 0, 0] == 10 * int(samples.name(3).split("#")[1])


def _records(folder, **sources):
    folder.mkdir()
    config = RecordsConfig(**sources)
    opened = record_writing.open_sources(config)
    record_writing.write_shards(config, opened, folder, range(3), 3)
    paths = [record_index.shard_path(folder, n, 3) for n in range(3)]
    record_index.write_manifest(folder, paths)
    return str(folder)


def test_records_are_those_of_the_data_set(folder, tmp_path):
    spec = "tfds:tiny/plain/train"
    labeled = _records(tmp_path / "labeled", labeled_data=spec)
    plain = _records(tmp_path / "plain", data=(spec,))
    images, *others = (data.open_images([s]) for s in (spec, labeled, plain))
    expected = [content for _, content in images.stream(0, shuffle=False)]
    for found in others:
        assert found.keys == images.keys
        read = [found.read(*pair) for pair in found.stream(0, shuffle=False)]
        assert [x.numpy() for x in read] == [x.numpy() for x in expected]
    samples, _ = data.open_labeled(spec)
    again, _ = data.open_labeled(labeled)
    classes = [
        {key: s.classes[label] for key, label in zip(s.keys, s.labels, strict=True)}
        for s in (samples, again)
    ]
    assert classes[0] == classes[1]
    # The name of the data set is no class.
    with pytest.raises(ValueError, match="Records have no classes"):
        data.open_labeled(plain)


def test_shares_of_splits(folder, photos):
    specs = [photos, "tfds:tiny/plain/train[:9]=0.2", "tfds:tiny/plain/train[9:]"]
    images = data.open_images(specs)
    assert len(images) == 46 + COUNT
    indices = [int(index) for index, _ in images.stream(3, 10**6).take(75)]
    assert sum(index < 9 for index in indices) == 15
    # The others share by their sizes, 46 and 14.
    assert sum(index >= 55 for index in indices) == 14


def test_held_out_splits_have_the_classes_of_training(folder, tmp_path):
    for name in ("x", "y", "a"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "1.jpg").touch()
    spec = "tfds:tiny/plain/train[:4]"
    with pytest.raises(ValueError, match="unknown class.*Received: 'unused'"):
        data.open_labeled(tmp_path, val_spec=spec)
    (tmp_path / "a").rename(tmp_path / "unused")
    _, held_out = data.open_labeled(tmp_path, val_spec=spec)
    assert held_out.classes == ("unused", "x", "y")
    assert held_out.labels.tolist() == [2, 1, 0, 2]


def test_a_split_is_not_held_out_from_itself(folder):
    spec = "tfds:tiny/plain/train"
    with pytest.raises(ValueError, match="Training images are among the held-out"):
        data.open_labeled(spec, val_spec=spec)


@pytest.mark.parametrize(
    "labels, message",
    [
        (
            {"label": [0, -1, 1, -1]},
            "Received: 2 of 4 without one in 'tfds:small",
        ),
        ({}, r"no label.*ClassLabel.*'tfds:small/test' with features \['image'\]"),
        ({"one": [0, 0, 1, 1], "two": [1, 1, 0, 0]}, "several that is called label"),
    ],
)
def test_examples_without_a_label_are_an_error(tmp_path, monkeypatch, labels, message):
    tfds = pytest.importorskip("tensorflow_datasets")
    features = {"image": tfds.features.Image(shape=(4, 4, 3))}
    features |= {name: tfds.features.ClassLabel(num_classes=2) for name in labels}
    examples = [
        (n, {"image": _flat(n)} | {name: row[n] for name, row in labels.items()})
        for n in range(4)
    ]
    tfds.dataset_builders.store_as_tfds_dataset(
        name="small",
        version="1.0.0",
        data_dir=tmp_path,
        split_datasets={"test": examples},
        features=tfds.features.FeaturesDict(features),
    )
    monkeypatch.setattr("tensorflow_datasets.core.constants.DATA_DIR", str(tmp_path))
    with pytest.raises(ValueError, match=message):
        data.open_labeled("tfds:small/test")


def test_a_missing_package_is_named(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(ImportError, match=r"\[tfds\]'. Received: 'tfds:tiny/train'"):
        data.open_images(["tfds:tiny/train"])
