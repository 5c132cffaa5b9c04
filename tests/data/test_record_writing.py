"""Photographs as records: the same stream, the same bytes, resumed after a stop."""

import shutil

import numpy as np
import pytest
import tensorflow as tf

from selfsup import data
from selfsup.data import decoding, record_index, record_writing
from selfsup.data.record_writing import RecordsConfig

import image_files


def _write(config, folder, jobs=1):
    opened = record_writing.open_sources(config)
    count = config.num_shards(len(opened[0]))
    for job in range(jobs):
        numbers = range(job, count, jobs)
        record_writing.write_shards(config, opened, folder, numbers, count)
    paths = [record_index.shard_path(folder, n, count) for n in range(count)]
    return record_index.write_manifest(folder, paths)


@pytest.fixture(scope="module")
def records(tmp_path_factory, photos):
    folder = tmp_path_factory.mktemp("records")
    _write(RecordsConfig(data=(str(photos),), shards=4, side=2000), folder, jobs=3)
    return folder


def test_the_stream_is_that_of_the_photographs(records, photos):
    for start in (0, 3):
        batches = []
        for folder in (photos, records):
            config = data.PipelineConfig(
                data=(str(folder),),
                val_fraction=0.2,
                crop_size=24,
                min_side=24,
                max_side=30,
                batch_size=8,
                points=4,
                point_margin=2,
            )
            batches.append(list(data.pipeline(config, start).take(2)))
        for ours, theirs in zip(*map(tf.nest.flatten, batches), strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_classes_are_those_of_the_folders(tmp_path, photos):
    shown = image_files.class_folders(tmp_path / "a", photos, 9, size=(30, 30))
    folder = tmp_path / "records"
    folder.mkdir()
    _write(RecordsConfig(labeled_data=str(shown), shards=2), folder)
    ours, _ = data.open_labeled(str(folder), val_fraction=0.3)
    theirs, _ = data.open_labeled(str(shown), val_fraction=0.3)
    assert ours.classes == theirs.classes and ours.keys == theirs.keys
    np.testing.assert_array_equal(ours.labels, theirs.labels)
    for number in range(len(ours)):
        np.testing.assert_array_equal(ours.image(number), theirs.image(number))


def test_records_without_classes_are_refused(records):
    with pytest.raises(ValueError, match="Records have no classes"):
        data.open_labeled(str(records))


def test_labels_of_a_list_stay(tmp_path, photos):
    paths = sorted(photos.glob("*.jpg"))[:4]
    lines = [f"{path}\t{'even' if n % 2 else 'odd'}\n" for n, path in enumerate(paths)]
    (tmp_path / "list.txt").write_text("".join(lines))
    config = RecordsConfig(labeled_data=str(tmp_path / "list.txt"), side=32)
    folder = tmp_path / "records"
    folder.mkdir()
    _write(config, folder)
    samples, _ = data.open_labeled(str(folder))
    names = [samples.classes[label] for label in samples.labels]
    assert sorted(names) == ["even", "even", "odd", "odd"]


@pytest.fixture(scope="module")
def picture(photos):
    return image_files.photograph(sorted(photos.glob("*.jpg"))[0], (61, 50))


CONFIG = RecordsConfig(side=50)
KEPT = {"jpeg", "progressive jpeg", "gray jpeg", "jpeg with more behind"}
KEPT |= {"png", "gray png", "transparent png", "transparent gray png"}
KEPT |= {"8 bit palette png", "8 bit transparent palette png"}


def test_bytes_are_kept_where_training_reads_them_fast(picture):
    for name, encoded in image_files.kinds(picture).items():
        found = record_writing.prepared(encoded, name, CONFIG)
        assert (found["height"], found["width"]) == (50, 61)
        assert (found["image"] == encoded) == (name in KEPT), name
        # Those that are encoded anew look the same.
        whole, again = (
            np.float32(decoding.decode_bytes(x, name))
            for x in (encoded, found["image"])
        )
        assert np.abs(whole - again).mean() < 4, name


def test_large_ones_are_scaled(picture):
    encoded = image_files.turned(picture, "JPEG", 6)
    found = record_writing.prepared(encoded, "a", RecordsConfig(side=25))
    # Upright, 61 rows by 50; the shortest side becomes 25.
    assert (found["height"], found["width"]) == (30, 25)
    image = decoding.decode_bytes(found["image"], "a")
    assert image.shape == (30, 25, 3)
    expected = decoding.decode_bytes(encoded, "a").reshape(61, 25, 2, 3).mean(axis=2)
    rows = np.linspace(0, 60, 30).round().astype(int)
    assert np.abs(image - expected[rows]).mean() < 12


def test_colors_keep_their_resolution():
    # Red and blue columns in turn; colors of half the resolution would mix them.
    image = np.zeros((40, 40, 3), np.uint8)
    image[:, ::2, 0] = image[:, 1::2, 2] = 200
    encoded = tf.io.encode_png(np.uint16(image) * 257).numpy()
    found = record_writing.prepared(encoded, "a", CONFIG)
    again = np.int32(decoding.decode_bytes(found["image"], "a"))
    assert np.abs(again - image).mean() < 5


def test_what_cannot_be_read_is_left_out_and_named(tmp_path, photos, picture):
    shown, folder = tmp_path / "photos", tmp_path / "records"
    shown.mkdir()
    folder.mkdir()
    good = image_files.encoded(picture, "JPEG")
    (shown / "a.jpg").write_bytes(good)
    (shown / "b.jpg").write_bytes(good[: len(good) // 2])
    (shown / "c.jpg").write_bytes(b"text")
    (shown / "d.png").write_bytes(good)
    manifest = _write(RecordsConfig(data=(str(shown),)), folder)
    assert manifest["unreadable"] == ["b.jpg", "c.jpg"]
    images = data.open_images([str(folder)])
    assert images.keys == ("a.jpg", "d.png")


def test_a_damaged_shard_is_no_source(tmp_path, records):
    folder = tmp_path / "damaged"
    shutil.copytree(records, folder)
    shard = sorted(folder.glob("*.tfrecord"))[0]
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    config = RecordsConfig(data=(str(folder),))
    written = tmp_path / "written"
    written.mkdir()
    with pytest.raises(ValueError, match=f"is damaged.*Received: .*{shard.name}"):
        _write(config, written)
    assert not (written / "manifest.json").exists()


def test_what_is_too_wide_for_a_jpeg_is_left_out(tmp_path, picture):
    shown, folder = tmp_path / "photos", tmp_path / "records"
    shown.mkdir()
    folder.mkdir()
    (shown / "a.jpg").write_bytes(image_files.encoded(picture, "JPEG"))
    wide = tf.io.encode_png(np.full([4, 66_000, 3], 999, np.uint16))
    (shown / "b.png").write_bytes(wide.numpy())
    manifest = _write(RecordsConfig(data=(str(shown),)), folder)
    assert manifest["unreadable"] == ["b.png"]


@pytest.mark.slow
def test_photographs_that_come_meanwhile_are_refused(tmp_path, picture):
    shown, folder = tmp_path / "photos", tmp_path / "records"
    shown.mkdir()
    folder.mkdir()
    for name in "bc":
        good = image_files.encoded(picture, "JPEG")
        (shown / f"{name}.jpg").write_bytes(good)
    config = RecordsConfig(data=(str(shown),), shards=2)
    opened = record_writing.open_sources(config)
    (shown / "a.jpg").write_bytes(good)
    with pytest.raises(ValueError, match="photographs changed while shards"):
        record_writing.write_shards(config, opened, folder, range(2), 2, processes=2)
    assert list(folder.iterdir()) == []


def test_shards_that_are_there_stay(tmp_path, photos):
    config = RecordsConfig(data=(str(photos),), shards=3, side=40)
    _write(config, tmp_path)
    contents = {path: path.read_bytes() for path in tmp_path.iterdir()}
    times = {path: path.stat().st_mtime_ns for path in contents}
    lost, cut, unlisted = (record_index.shard_path(tmp_path, n, 3) for n in range(3))
    lost.unlink()
    cut.write_bytes(contents[cut][:-5])
    _write(config, tmp_path)
    # Archives hold the time they were written at; what they hold is the same.
    for path in (lost, cut, unlisted):
        assert path.read_bytes() == contents[path]
    assert unlisted.stat().st_mtime_ns == times[unlisted]
    assert record_index.open_spec(str(tmp_path)).keys


def test_numbers_of_shards():
    assert RecordsConfig().num_shards(46) == 1
    assert RecordsConfig().num_shards(2001) == 3
    assert RecordsConfig(shards=64).num_shards(46) == 46


def test_data_of_both_kinds_are_refused():
    with pytest.raises(ValueError, match="labeled_data"):
        RecordsConfig(data=("a",), labeled_data="b")
