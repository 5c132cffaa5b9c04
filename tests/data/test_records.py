"""Records inside TFRecord files, against TensorFlow's own reader and writer."""

import numpy as np
import pytest
import tensorflow as tf

from selfsup import paths
from selfsup.data import records
from selfsup.data.record_writing import example

IMAGES = [b"first", b"", b"\0third\xff" * 50, b"fourth"]


def _write(path, feature="image", images=IMAGES):
    with tf.io.TFRecordWriter(str(path)) as writer:
        for number, image in enumerate(images):
            writer.write(example({feature: image, "key": f"image {number}"}))
    return str(path)


@pytest.fixture
def path(tmp_path):
    return _write(tmp_path / "a.tfrecord")


def test_positions_are_where_each_record_begins(path):
    positions = records.positions(path)
    assert positions[0] == 0 and len(positions) == len(IMAGES)
    with open(path, "rb") as file:
        content = file.read()
    for position, record in zip(positions, tf.data.TFRecordDataset(path), strict=True):
        # Behind the length and its checksum.
        assert content[position + 12 :].startswith(record.numpy())


def test_records_are_read_in_any_order(path):
    sources = [records.source(path, x) for x in records.positions(path)]
    stream = tf.data.Dataset.from_tensor_slices([sources[i] for i in (3, 0, 2, 0, 1)])
    found = list(stream.map(records.read).as_numpy_iterator())
    assert found == [IMAGES[i] for i in (3, 0, 2, 0, 1)]


@pytest.mark.parametrize("feature", ["image/encoded", "image_raw", "jpeg", "png"])
def test_records_of_others(tmp_path, feature):
    path = _write(tmp_path / "b.tfrecord", feature)
    source = records.source(path, int(records.positions(path)[2]))
    assert records.read(source).numpy() == IMAGES[2]


def test_what_is_no_record_is_an_error(path):
    for position in (1, 10**6):
        with pytest.raises(tf.errors.OpError):
            records.read(records.source(path, position))
    with pytest.raises(tf.errors.OpError):
        records.read(records.source(f"{path}.gone", 0))


def test_a_changed_byte_is_found(path):
    position = int(records.positions(path)[2])
    with open(path, "r+b") as file:
        file.seek(position + 40)
        file.write(b"?")
    with pytest.raises(tf.errors.DataLossError):
        records.read(records.source(path, position))


@pytest.mark.parametrize("bytes_less", [1, 20])
def test_a_file_that_is_cut_is_refused(path, bytes_less):
    with open(path, "r+b") as file:
        file.truncate(file.seek(0, 2) - bytes_less)
    with pytest.raises(ValueError, match="which end within record"):
        records.positions(path)


def test_a_file_of_something_else_is_refused(tmp_path):
    path = tmp_path / "text.tfrecord"
    path.write_text("no records " * 9)
    with pytest.raises(ValueError, match="Expected whole records"):
        records.positions(path)


def test_sources_are_told_from_paths(tmp_path):
    source = records.source("folder/a.tfrecord", 70)
    assert records.is_record(source) and not records.is_record("folder/a.tfrecord")
    assert records.may_be_record(tf.constant(source))
    assert not records.may_be_record(tf.constant("folder/a.jpg"))
    assert records.file_of(source) == records.file_of("folder/a.tfrecord")
    assert records.shown(source) == "folder/a.tfrecord, byte 70"
    assert records.shown("a.jpg") == "a.jpg"


def test_places_of_records_are_those_of_their_files(tmp_path):
    real = tmp_path / "real.tfrecord"
    real.touch()
    (tmp_path / "link.tfrecord").symlink_to(real)
    sources = [
        records.source(str(tmp_path / n), 5) for n in ("link.tfrecord", real.name)
    ]
    one, other = records.places(sources)
    assert one == other == records.source(paths.place(str(real)), 5)
    files = [str(tmp_path / "link.tfrecord"), str(tmp_path / "x.jpg")]
    assert records.places(files) == paths.file_places(files)


def test_files_and_records_of_one_collection(path, tmp_path):
    from selfsup.data.streams import FileImages

    (tmp_path / "c.jpg").write_bytes(b"a file")
    sources = [records.source(path, x) for x in records.positions(path)]
    mixed = FileImages([*sources, str(tmp_path / "c.jpg")])
    expected = [*IMAGES, b"a file"]
    for part in (mixed, mixed.subset([0, 2]), mixed.subset([4])):
        stream = part.stream(0, shuffle=False)
        found = list(stream.map(part.read).as_numpy_iterator())
        assert found == [expected[mixed.sources.index(s)] for s in part.sources]
    assert not mixed.has_vanished(0)
    (tmp_path / "a.tfrecord").unlink()
    assert mixed.has_vanished(0) and not mixed.has_vanished(4)
    assert mixed.name(1) == f"{path}, byte {np.int64(sources[1].split(chr(0))[1])}"


@pytest.mark.parametrize("bytes_less, expected", [(0, 4), (1, 3), (20, 3), (300, 2)])
def test_records_beyond_the_end_of_a_file_are_not_there(bytes_less, expected, path):
    sources = [records.source(path, x) for x in records.positions(path)]
    with open(path, "r+b") as file:
        file.truncate(file.seek(0, 2) - bytes_less)
    assert [records.is_there(x) for x in sources] == [
        n < expected for n in range(len(sources))
    ]
