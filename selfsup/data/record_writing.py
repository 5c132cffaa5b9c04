"""Writes images as shards of TFRecord, each whole or not at all."""

import concurrent.futures
import concurrent.futures.process
import contextlib
import dataclasses
import functools
import hashlib
import math
import multiprocessing
import os
import signal
import threading

import cv2
import tensorflow as tf

from selfsup import atomic, stopping
from selfsup.data import decoding, labelled, record_index, records, shares, sources
from selfsup.data.config import PipelineConfig
from selfsup.progress import progress_bar
from selfsup.settings import Config, changed, fail, setting

# Photographs of a shard where the number of shards is not given: some 100 MB.
_OF_A_SHARD = 1000

_PNG = b"\x89PNG\r\n\x1a\n"


@dataclasses.dataclass(frozen=True)
class RecordsConfig(Config):
    """What becomes records, and how.

    Raises:
        ValueError: If a field is out of its range, or fields contradict.
        TypeError: If a field is of another type than declared.
    """

    data: tuple[str, ...] = changed(
        PipelineConfig,
        "data",
        (),
        "Image sources: folders, list files, image files, folders of records, patterns "
        "of *.tfrecord files or tfds:NAME/SPLIT. Empty: the embedded photographs.",
    )
    labeled_data: str | None = setting(
        None,
        "Photographs with classes, in place of --data: a folder of class folders, a "
        "list file or tfds:NAME/SPLIT.",
        path=True,
    )
    shards: int | None = setting(
        None, "Number of files. Default: one for 1,000 photographs.", 1, 99_999
    )
    side: int = setting(
        600, "Shortest side that larger photographs are scaled to, in pixels.", 8
    )
    quality: int = setting(
        95, "JPEG quality of photographs that have to be encoded anew.", 50, 100
    )

    def __post_init__(self):
        super().__post_init__()
        if self.data and self.labeled_data:
            fail("data", self.data, "left out where labeled_data is given")

    def num_shards(self, count):
        """Returns the number of shards of so many photographs."""
        return min(count, self.shards or math.ceil(count / _OF_A_SHARD))


def open_sources(config):
    """Opens what becomes records.

    Args:
        config: A `RecordsConfig`.

    Returns:
        A pair: a collection of images, see `selfsup.data.streams`, and a list of the
        names of their classes; empty strings where there are none.

    Raises:
        FileNotFoundError: If a source does not exist.
        ValueError: If it holds no images or has a share.
    """
    if config.labeled_data:
        samples, _ = labelled.open_labeled(config.labeled_data)
        return samples.images, [samples.classes[label] for label in samples.labels]
    shares.check_none(config.data)
    images = sources.open_images(config.data)
    return images, [""] * len(images)


def write_shards(config, opened, folder, numbers, count, processes=1):
    """Writes shards that are not there yet.

    Args:
        config: A `RecordsConfig`.
        opened: What `open_sources` returned for it.
        folder: Path of the folder, a `pathlib.Path`; it exists.
        numbers: Numbers of the shards.
        count: Number of all shards.
        processes: Processes that work side by side.

    Raises:
        OSError: If something cannot be written, or a process is lost.
        ValueError: If another process finds other photographs.
    """
    missing = [
        number
        for number in numbers
        if record_index.read_summary(record_index.shard_path(folder, number, count))
        is None
    ]
    processes = min(processes, len(missing))
    if processes <= 1:
        for number in progress_bar(missing, "shards", unit="shard"):
            _write_shard(config, opened, folder, count, number)
        return
    write = functools.partial(_open_and_write, config, _digest(opened), folder, count)
    try:
        with _started(processes, write, missing) as futures:
            done = concurrent.futures.as_completed(futures)
            for future in progress_bar(done, "shards", len(missing), "shard"):
                future.result()
    except concurrent.futures.process.BrokenProcessPool as error:
        raise OSError(
            "A process that writes shards was lost. Expected all of them to stay; the "
            "same command goes on, and fewer --processes take less memory. Received: "
            "the end of one, such as by a kill or for want of memory"
        ) from error


@contextlib.contextmanager
def _started(processes, function, items):
    """Lets processes work on items within this block.

    They end with the block, and with this process, however it ends.

    Args:
        processes: Number of processes.
        function: Function of an item; it can be pickled.
        items: A sequence.

    Yields:
        A list of a `concurrent.futures.Future` for each item.
    """
    # Not forked: TensorFlow has threads.
    context = multiprocessing.get_context("spawn")
    reader, writer = context.Pipe(duplex=False)
    pool = concurrent.futures.ProcessPoolExecutor(
        processes, context, _end_with, [reader]
    )
    try:
        with _signals_kept_away():
            futures = [pool.submit(function, item) for item in items]
        yield futures
    finally:
        writer.close()
        pool.shutdown()
        reader.close()


@contextlib.contextmanager
def _signals_kept_away():
    """Lets processes that start within this block not be ended by signals.

    A terminal and a cluster send them to all processes. The parent tells its own.
    """
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, stopping.SIGNALS)
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _end_with(reader):
    """Ends this process when the other end of a pipe is closed."""

    def wait():
        reader.poll(None)
        os._exit(1)

    threading.Thread(target=wait, daemon=True).start()


def _open_and_write(config, digest, folder, count, number):
    _write_shard(config, _opened(config, digest), folder, count, number)


@functools.cache
def _opened(config, digest):
    """Opens what becomes records, and refuses others than another process found."""
    opened = open_sources(config)
    if _digest(opened) != digest:
        sources = config.data or [config.labeled_data]
        raise ValueError(
            "The photographs changed while shards are written. Expected all of them to "
            "stay and no others to come, or another --output. "
            f"Received: others than a moment ago in {', '.join(map(str, sources))}"
        )
    return opened


def _digest(opened):
    """Returns what tells photographs in their order from others."""
    images, labels = opened
    digest = hashlib.sha256()
    for number, label in enumerate(labels):
        name = f"{images.name(number)}\0{label}\0"
        digest.update(name.encode("utf-8", "surrogateescape"))
    return digest.hexdigest()


def _write_shard(config, opened, folder, count, number):
    """Writes a shard and its index."""
    images, labels = opened
    first, last = (len(images) * n // count for n in (number, number + 1))
    path = record_index.shard_path(folder, number, count)
    keys, kept, unreadable = images.keys, [], []
    with (
        atomic.write(path) as unfinished,
        tf.io.TFRecordWriter(str(unfinished)) as file,
    ):
        stream = images.stream(0, first, shuffle=False).take(last - first)
        for index, content in stream:
            image = int(index)
            try:
                encoded = images.read(index, content).numpy()
                fields = prepared(encoded, images.name(image), config)
            except (ValueError, tf.errors.OpError) as error:
                if images.is_damaged(image):
                    raise ValueError(
                        "A shard of records is damaged. Expected what make_records.py "
                        "wrote; without the file the same command of it writes the "
                        f"file anew. Received: {images.name(image)}"
                    ) from error
                unreadable.append(keys[image])
                continue
            file.write(example({**fields, "key": keys[image], "label": labels[image]}))
            kept.append(image)
    names = [[names[image] for image in kept] for names in (keys, labels)]
    record_index.write_index(path, records.positions(path), *names, unreadable)


def prepared(encoded, name, config):
    """Returns what is stored of an image.

    The file's own bytes, if it is a JPEG or an 8-bit PNG and not too large; otherwise
    a JPEG with the full resolution of colors, upright.

    Args:
        encoded: Content of the file.
        name: What errors call it.
        config: A `RecordsConfig`.

    Returns:
        A dict of `image`, bytes, and `height` and `width` of the upright image.

    Raises:
        ValueError: If it can't be decoded, or is too wide for a JPEG.
    """
    image = decoding.decode_bytes(encoded, name)
    scale = config.side / min(image.shape[:2])
    if scale < 1:
        size = [max(1, round(scale * x)) for x in image.shape[1::-1]]
        image = cv2.resize(image, size, interpolation=cv2.INTER_AREA)
    if scale < 1 or not _is_plain(encoded):
        flags = [
            *(cv2.IMWRITE_JPEG_QUALITY, config.quality),
            *(
                cv2.IMWRITE_JPEG_SAMPLING_FACTOR,
                cv2.IMWRITE_JPEG_SAMPLING_FACTOR_444,
            ),
        ]
        done, content = cv2.imencode(".jpg", image[..., ::-1], flags)
        if not done:
            raise ValueError(
                "An image cannot be encoded as JPEG. Expected sides of at most 65,500 "
                f"pixels. Received: {name}, {image.shape[1]} x {image.shape[0]}"
            )
        encoded = content.tobytes()
    return {"image": encoded, "height": image.shape[0], "width": image.shape[1]}


def _is_plain(encoded):
    """Returns whether a file is one that training reads at full speed."""
    if encoded[:3] == b"\xff\xd8\xff":
        # Four are those of print.
        return int(tf.io.extract_jpeg_shape(encoded)[2]) < 4
    return encoded[:8] == _PNG and encoded[24:25] == b"\x08"


def example(fields):
    """Returns a serialized `tf.train.Example`.

    Args:
        fields: Dict of bytes, strings and integers.
    """
    features = {}
    for name, value in fields.items():
        if isinstance(value, int):
            feature = tf.train.Feature(int64_list=tf.train.Int64List(value=[value]))
        else:
            if isinstance(value, str):
                value = value.encode("utf-8", "surrogateescape")
            feature = tf.train.Feature(bytes_list=tf.train.BytesList(value=[value]))
        features[name] = feature
    features = tf.train.Features(feature=features)
    # Otherwise the order of the features differs from process to process.
    return tf.train.Example(features=features).SerializeToString(deterministic=True)
