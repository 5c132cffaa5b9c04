"""Labels of images from the lists of classes, and from TensorFlow Datasets."""

import numpy as np
import pytest

from selfsup import data
from selfsup.data import voc

LABELS = [[1, -1], [-1, 1], [0, -1], [1, 1], [-1, 0], [-1, -1], [0, 0]]

# By hand: 1 is present, -1 absent, 0 difficult.
EXPECTED = [[1, 0], [0, 1], [255, 0], [1, 1], [0, 255], [0, 0], [255, 255]]


@pytest.fixture
def labeled(folder, tools):
    tools.write_lines(folder.root / "classes.txt", ["background", "cat", "dog"])
    (folder.root / "ImageSets/Main").mkdir()
    classes = ["cat", "dog"]
    for number, name in enumerate(classes):
        rows = zip(folder.names, LABELS, strict=True)
        lines = [f"{image} {row[number]:2d}" for image, row in rows]
        # The files' order is their own.
        folder.split(f"{name}_train", lines[::-1], "Main")
    folder.split("train", folder.names, "Main")
    return folder


def test_labels_of_a_folder(labeled):
    samples = voc.open_classification(labeled.root, "train")
    assert samples.classes == ("cat", "dog")
    assert samples.names == tuple(labeled.names) and len(samples) == 7
    assert samples.labels.dtype == np.uint8
    assert samples.labels.tolist() == EXPECTED
    for index, name in enumerate(labeled.names):
        path = labeled.image(name)
        assert samples.name(index) == str(path)
        np.testing.assert_array_equal(samples.image(index), data.load_image(path))


def test_a_subset_has_its_own_order(labeled):
    samples = voc.open_classification(labeled.root, "train")
    subset = samples.subset([6, 1])
    assert subset.names == (labeled.names[6], labeled.names[1])
    assert subset.labels.tolist() == [[255, 255], [0, 1]]
    np.testing.assert_array_equal(subset.image(1), samples.image(1))


def test_the_classes_of_voc(folder):
    folder.split("val", folder.names[:2], "Main")
    names = voc.open_segmentation(folder.root, "val").classes[1:]
    for name in names:
        values = (1, 0) if name == "person" else (-1, -1)
        lines = [f"{n}  {v}" for n, v in zip(folder.names, values, strict=False)]
        folder.split(f"{name}_val", lines, "Main")
    samples = voc.open_classification(folder.root, "val")
    assert len(samples.classes) == 20
    column = samples.classes.index("person")
    assert samples.labels[:, column].tolist() == [1, 255]
    assert samples.labels.sum() == 256


def change(labeled, name, old, new):
    path = labeled.root / "ImageSets/Main" / name
    content = path.read_text()
    assert old in content
    path.write_text(content.replace(old, new))


@pytest.mark.parametrize(
    "old, new, message",
    [
        ("2007_000003  1", "2007_000003  2", "line 4.*1, -1 or 0.*'2007_000003  2'"),
        ("2007_000003  1", "2007_000003", "line 4.*Received: '2007_000003'"),
        ("2007_000003  1", "2007_000004  1", "line 4.*Received: '2007_000004  1'"),
        ("2007_000003  1", "", "lacks.*all 7.*of 1, the first is '2007_000003'"),
        ("2007_00000", "2008_00000", "of 7, the first is '2007_000000'"),
    ],
)
def test_bad_files_of_classes(labeled, old, new, message):
    change(labeled, "cat_train.txt", old, new)
    with pytest.raises(ValueError, match=f"cat_train.txt.*{message}"):
        voc.open_classification(labeled.root, "train")


def test_bad_folders_and_splits(labeled, tmp_path):
    root = labeled.root
    with pytest.raises(FileNotFoundError, match=r"one of \['train'\].*'test'"):
        voc.open_classification(root, "test")
    with pytest.raises(FileNotFoundError, match="none"):
        voc.open_classification(tmp_path / "none", "train")
    labeled.image(labeled.names[2]).unlink()
    with pytest.raises(FileNotFoundError, match="000002.jpg.*train.txt.*1 of 7"):
        voc.open_classification(root, "train")
    (root / "ImageSets/Main/dog_train.txt").unlink()
    with pytest.raises(FileNotFoundError, match="file of a class.*dog_train.txt"):
        voc.open_classification(root, "train")


def test_a_split_without_labels(labeled):
    for name in ("cat_train.txt", "dog_train.txt"):
        change(labeled, name, "  1", " -1")
    with pytest.raises(ValueError, match="has no labels.*'train' of '.*VOC2012'"):
        voc.open_classification(labeled.root, "train")


# Objects of the examples: (class, whether difficult).
OBJECTS = {
    "train": {"000012": [("bus", 0), ("bus", 1)], "000005": [("cat", 1), ("dog", 0)]},
    "validation": {"000007": [("cat", 1)]},
    "test": {"000001": [("dog", 0)]},
}


@pytest.fixture(scope="module")
def prepared(tmp_path_factory, tiny):
    """Four images in shards, with the features of `voc/2007`."""
    tfds = pytest.importorskip("tensorflow_datasets")
    classes = voc.open_segmentation(tiny.root, "val").classes[1:]
    label = tfds.features.ClassLabel(names=classes)
    features = {
        "image": tfds.features.Image(),
        "image/filename": tfds.features.Text(),
        "objects": tfds.features.Sequence({"label": label}),
        "labels": tfds.features.Sequence(label),
        "labels_no_difficult": tfds.features.Sequence(label),
    }
    paths = iter(sorted((tiny.root / "JPEGImages").glob("*.jpg")))
    folder, written = tmp_path_factory.mktemp("tfds"), {}

    def examples(split):
        for name, objects in OBJECTS[split].items():
            written[name] = next(paths)
            yield (
                name,
                {
                    "image": str(written[name]),
                    "image/filename": f"{name}.jpg",
                    "objects": [{"label": cls} for cls, _ in objects],
                    "labels": sorted({cls for cls, _ in objects}),
                    "labels_no_difficult": sorted(
                        {c for c, hard in objects if not hard}
                    ),
                },
            )

    tfds.dataset_builders.store_as_tfds_dataset(
        name="voc",
        version="5.0.0",
        config="2007",
        data_dir=folder,
        split_datasets={split: list(examples(split)) for split in OBJECTS},
        features=tfds.features.FeaturesDict(features),
    )
    return folder, written


@pytest.fixture
def tfds_folder(prepared, monkeypatch):
    folder, written = prepared
    monkeypatch.setenv("TFDS_DATA_DIR", str(folder))
    monkeypatch.setattr("tensorflow_datasets.core.constants.DATA_DIR", str(folder))
    return written


@pytest.mark.parametrize(
    "split, expected",
    [
        (
            "trainval",
            {"000005": ("dog", "cat"), "000007": (0, "cat"), "000012": ("bus",)},
        ),
        ("train", {"000005": ("dog", "cat"), "000012": ("bus",)}),
        ("val", {"000007": (0, "cat")}),
        ("test", {"000001": ("dog",)}),
    ],
)
def test_labels_of_tensorflow_datasets(tfds_folder, split, expected):
    """Expected are the class that is present and the one that is difficult."""
    if split == "val":
        with pytest.raises(ValueError, match="has no labels.*'val' of 'tfds:voc/2007'"):
            voc.open_classification("tfds:voc/2007", split)
        return
    samples = voc.open_classification("tfds:voc/2007", split)
    assert len(samples.classes) == 20
    # In the order of VOC's own lists.
    assert samples.names == tuple(expected)
    for index, (name, classes) in enumerate(expected.items()):
        row = np.zeros(20)
        for cls, value in zip(classes, (1, 255), strict=False):
            if cls:
                row[samples.classes.index(cls)] = value
        np.testing.assert_array_equal(samples.labels[index], row)
        assert samples.name(index) == name
        image = data.load_image(tfds_folder[name])
        np.testing.assert_array_equal(samples.image(index), image)


@pytest.mark.parametrize(
    "spec, split, error, message",
    [
        ("tfds:voc/2012", "train", FileNotFoundError, "download_and_prepare"),
        ("tfds:voc/2007", "minival", ValueError, "'test'.*'train'.*'validation'"),
        ("tfds:", "train", ValueError, "tfds:NAME/SPLIT"),
    ],
)
def test_bad_data_sets(tfds_folder, spec, split, error, message):
    with pytest.raises(error, match=message):
        voc.open_classification(spec, split)


def test_another_data_set_is_refused(tmp_path, monkeypatch):
    tfds = pytest.importorskip("tensorflow_datasets")
    monkeypatch.setattr("tensorflow_datasets.core.constants.DATA_DIR", str(tmp_path))
    image = tfds.features.Image(shape=(4, 4, 3))
    tfds.dataset_builders.store_as_tfds_dataset(
        name="flat",
        version="1.0.0",
        data_dir=tmp_path,
        split_datasets={"train": [("a", {"image": np.zeros([4, 4, 3], np.uint8)})]},
        features=tfds.features.FeaturesDict({"image": image}),
    )
    with pytest.raises(ValueError, match="labels_no_difficult.*with .'image'"):
        voc.open_classification("tfds:flat", "train")


def test_an_image_in_memory_is_named(tfds_folder):
    samples = voc.open_classification("tfds:voc/2007", "test")
    broken = voc.ClassificationSet(
        "test", samples.classes, samples.names, samples.labels, (b"no image",)
    )
    with pytest.raises(ValueError, match="can't be decoded.*'000001'"):
        broken.image(0)
