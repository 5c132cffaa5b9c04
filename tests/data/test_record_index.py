"""The index of a folder of records: what it finds, and what it refuses."""

import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from selfsup.data import record_index, record_writing, records
from selfsup.data.record_writing import RecordsConfig


@pytest.fixture(scope="module")
def whole(tmp_path_factory, photos):
    folder = tmp_path_factory.mktemp("records")
    config = RecordsConfig(data=(str(photos),), shards=3, side=40)
    opened = record_writing.open_sources(config)
    record_writing.write_shards(config, opened, folder, range(3), 3)
    paths = [record_index.shard_path(folder, n, 3) for n in range(3)]
    assert record_index.write_manifest(folder, paths) is not None
    return folder


@pytest.fixture
def folder(whole, tmp_path):
    copy = tmp_path / "copy"
    copy.mkdir()
    for path in whole.iterdir():
        (copy / path.name).write_bytes(path.read_bytes())
    return copy


def _shard(folder, number=1):
    return record_index.shard_path(folder, number, 3)


def test_a_folder_lists_all_records(whole, photos):
    names = sorted(path.name for path in photos.glob("*.jpg"))
    found = record_index.open_spec(str(whole))
    assert found.keys == names and found.labels == [""] * len(names)
    assert len(set(found.sources)) == len(names)


def test_a_pattern_lists_the_same(whole):
    by_pattern = record_index.open_spec(f"{whole}/*.tfrecord")
    assert by_pattern == record_index.open_spec(str(whole))
    assert by_pattern == record_index.open_spec(f"{whole}/*.tfrecord*")
    one = record_index.open_spec(str(_shard(whole)))
    assert set(one.keys) < set(by_pattern.keys)


def test_files_without_an_index_are_read_through(folder):
    expected = record_index.open_spec(str(folder)).sources
    for path in folder.glob("*.npz"):
        path.unlink()
    found = record_index.open_spec(f"{folder}/*.tfrecord")
    assert found.sources == expected
    assert found.keys[0] == "photographs-00000-of-00003.tfrecord#0"


def test_files_of_others_need_images(tmp_path):
    (tmp_path / "empty.tfrecord").touch()
    with pytest.raises(ValueError, match="hold some. Received: '.*empty.tfrecord'"):
        record_index.open_spec(f"{tmp_path}/empty.tfrecord")
    contents = {
        "other": record_writing.example({"picture": b"\xff\xd8\xff", "image": 3}),
        "none": record_writing.example({"picture": b"\xff\xd8\xff"}),
        "bytes": b"\xff\xd8\xff",
        "good": record_writing.example({"image_raw": b"\xff\xd8\xff"}),
    }
    for name, content in contents.items():
        path = tmp_path / f"{name}.tfrecord-00000-of-00001"
        with tf.io.TFRecordWriter(str(path)) as file:
            file.write(content)
    for name in ("other", "none", "bytes"):
        with pytest.raises(ValueError, match=f"image/encoded, .*{name}.*, byte 0$"):
            record_index.open_spec(f"{tmp_path}/{name}.tfrecord-*")
    # Empty ones may stand beside others.
    assert len(record_index.open_spec(f"{tmp_path}/[eg]*.tfrecord*").keys) == 1


def test_other_specifications_are_none(tmp_path):
    for spec in (tmp_path, tmp_path / "list.txt", "tfds:voc/train"):
        assert record_index.open_spec(str(spec)) is None
    with pytest.raises(FileNotFoundError, match="Expected a pattern"):
        record_index.open_spec(f"{tmp_path}/*.tfrecord")


def _cut(path):
    path.write_bytes(path.read_bytes()[:-9])


def _other_version(path):
    content = json.loads(path.read_text())
    path.write_text(json.dumps({**content, "version": 2}))


def _changed(path, change):
    content = json.loads(path.read_text())
    change(content["shards"])
    path.write_text(json.dumps(content))


def _no_shards(path):
    _changed(path, list.clear)


def _one_shard_less(path):
    _changed(path, lambda shards: shards.pop(1))


def _shard_without_a_name(path):
    _changed(path, lambda shards: shards[1].update(file=None))


def _other_checksum(path):
    _changed(path, lambda shards: shards[1].update(sha256="0"))


def _none(path):
    path.write_text("null")


def _fewer(path):
    with np.load(path) as arrays:
        content = dict(arrays)
    np.savez(path, **{**content, "positions": content["positions"][1:]})


@pytest.mark.parametrize(
    "name, damage, message",
    [
        ("shard", _cut, "A shard is not the one of the manifest"),
        ("shard", pathlib.Path.unlink, "missing"),
        ("index", _cut, "The index of a shard cannot be read"),
        ("index", pathlib.Path.unlink, "The index of a shard cannot be read"),
        ("index", _fewer, "records instead of"),
        ("manifest", _other_version, "Expected version 1.*version 2"),
        ("manifest", _cut, "Expected version 1"),
        ("manifest", _none, "Expected version 1.*manifest.json"),
        ("manifest", _no_shards, "Received: .*manifest.json .no shards"),
        ("manifest", _one_shard_less, "'photographs-00000-of-00003.tfrecord' in place"),
        ("manifest", _shard_without_a_name, "manifest.json .file None of shard 1"),
        ("manifest", _other_checksum, "sha256 .* instead of 0 of the manifest"),
    ],
)
def test_what_is_damaged_is_refused(folder, name, damage, message):
    path = {
        "shard": _shard(folder),
        "index": record_index.index_path(_shard(folder)),
        "manifest": folder / record_index.MANIFEST,
    }[name]
    damage(path)
    with pytest.raises(ValueError, match=message):
        record_index.open_spec(str(folder))


@pytest.mark.parametrize(
    "name, damage, message",
    [
        ("shard", _cut, "A shard is not the one of the index"),
        ("shard", pathlib.Path.unlink, "Received: 1 of 3 missing, such as .*-00001-of"),
        ("index", _cut, "The index of a shard cannot be read"),
    ],
)
def test_a_pattern_needs_all_shards_and_whole_indices(folder, name, damage, message):
    damage(
        _shard(folder) if name == "shard" else record_index.index_path(_shard(folder))
    )
    with pytest.raises(ValueError, match=message):
        record_index.open_spec(f"{folder}/*.tfrecord")


def test_a_pattern_of_some_shards_is_one(whole):
    some = record_index.open_spec(f"{whole}/*-0000[01]-*.tfrecord")
    assert 0 < len(some.keys) < len(record_index.open_spec(str(whole)).keys)


def test_records_of_no_photograph_are_refused(tmp_path, photos):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "a.jpg").write_text("text")
    config = RecordsConfig(data=(str(tmp_path / "photos"),))
    opened = record_writing.open_sources(config)
    record_writing.write_shards(config, opened, tmp_path, range(1), 1)
    record_index.write_manifest(tmp_path, [record_index.shard_path(tmp_path, 0, 1)])
    with pytest.raises(ValueError, match="There are no records"):
        record_index.open_spec(str(tmp_path))


def test_changed_bytes_are_damage_wherever_they_are(folder):
    path = _shard(folder)
    first, second = (
        int(x.split("\0")[1]) for x in record_index.read_files([str(path)]).sources[:2]
    )
    source = records.source(str(path), first)
    assert not record_index.is_damaged(source)
    content = path.read_bytes()
    # The length, its checksum, the data at both ends, and their checksum.
    for place in (0, 7, 8, 12, 100, second - 5, second - 1):
        changed = bytearray(content)
        changed[first + place] ^= 1
        path.write_bytes(changed)
        assert record_index.is_damaged(source), place
        assert not record_index.is_damaged(records.source(str(path), second))
    # Of others nothing is known.
    record_index.index_path(path).unlink()
    assert not record_index.is_damaged(source)
    assert not record_index.is_damaged(str(path))


def test_a_manifest_needs_all_shards(folder):
    paths = [_shard(folder, n) for n in range(3)]
    (folder / record_index.MANIFEST).unlink()
    paths[2].unlink()
    assert record_index.write_manifest(folder, paths) is None
    assert not record_index.has_manifest(str(folder))


def test_names_that_are_no_text_come_back(tmp_path):
    path = tmp_path / "a.tfrecord"
    path.touch()
    names = ["ümlaut.jpg", "bad\udcff.jpg", "line\nbreak.jpg", ""]
    record_index.write_index(path, range(4), names, ["", "a", "b", ""], ["\udcfe"])
    about, unreadable = record_index.read_summary(path)
    assert about["records"] == 4 and unreadable == ["\udcfe"]
    assert record_index.read_files([str(path)]).keys == names
