"""Features of many photographs in one file, with their names."""

import collections
import concurrent.futures
import contextlib
import dataclasses
import hashlib
import itertools
import json
import os
import pathlib

import numpy as np
import tensorflow as tf

from selfsup import data, inference, locking, stopping
from selfsup.analysis import embedding_files, projector
from selfsup.analysis.embedding_parts import Parts, has_begun
from selfsup.analysis.feature_cache import identity
from selfsup.data import batching, shares
from selfsup.evaluation.left_out import FAILURES, LeftOut
from selfsup.inference.frozen_features import POOLS
from selfsup.inference.image_features import AHEAD
from selfsup.progress import progress_bar
from selfsup.settings import Config, changed, fail, setting


@dataclasses.dataclass(frozen=True)
class EmbedConfig(Config):
    """Which features of which photographs."""

    data: tuple[str, ...] = changed(
        data.PipelineConfig,
        "data",
        (),
        "Photographs to embed: folders, list files, image files or tfds:NAME/SPLIT. "
        "Empty: the embedded photographs.",
    )
    layer: str | None = setting(
        None, "Layer with a feature map. Default: the network's last."
    )
    pool: str = setting(
        "mean",
        "What is taken of the map: its mean, its max, or all of it (none; only into "
        ".npz).",
        choices=POOLS,
    )
    side: int | None = setting(
        None,
        "Shortest side that photographs are scaled to, in pixels. Default: the mean of "
        f"the training, or {inference.DEFAULT_SIDE} where that is not known.",
        1,
        2048,
    )
    batch_size: int = setting(
        16, "Photographs of one size that the network sees at once.", 1
    )
    overwrite: bool = setting(False, "Replace an output that exists.")


def check(output, config, projector_folder=None):
    """Refuses what could not be written, before any work.

    Args:
        output: Path of the file.
        config: An `EmbedConfig`.
        projector_folder: Path of the folder for TensorBoard, or None.

    Raises:
        ValueError, FileExistsError, ImportError: As `embed`.
    """
    maps = config.pool == "none"
    if maps and projector_folder:
        fail("pool", config.pool, "mean or max for a projector, which shows vectors")
    # What an earlier call of the same work has written already is its own.
    overwrite = config.overwrite or has_begun(unfinished(output))
    embedding_files.check(output, maps, overwrite)
    if projector_folder:
        projector.check(projector_folder, overwrite)
    shares.check_none(config.data)


def unfinished(output):
    """Returns the folder of what is done of an embedding that is not finished."""
    output = pathlib.Path(output)
    return output.with_name(f"{output.name}.unfinished")


def embed(model, output, config=None, short_side=None, projector_folder=None):
    """Writes the features of photographs; see `embedding_files.write`.

    Photographs are seen whole, their aspect kept. Those of one size share a batch. A
    photograph that can't be read is left out, and named in the end. The same call goes
    on where an earlier one stopped, to the same file, bit for bit on a CPU.

    Args:
        model: A backbone, or a colorizer, segmenter or classifier.
        output: Path of the file: `.npz`, `.csv` or `.parquet`.
        config: An `EmbedConfig`; None for the defaults.
        short_side: Shortest side at which the model saw images in training, or None.
        projector_folder: Path of a folder for TensorBoard's projector, or None.

    Returns:
        The number of photographs in the file.

    Raises:
        FileNotFoundError: If a source of photographs does not exist.
        FileExistsError: If the output exists and is not to be overwritten.
        ValueError: If there are no photographs, there is no such layer, the ending is
            unknown, or an embedding of other settings was begun; nothing is written
            then. If photographs could not be read: all others have been written.
        ImportError: If the library of the format is not installed.
        BlockingIOError: If another process works on the same output.
        MemoryError: If the device is too small for a batch.
        OSError: If the output cannot be written.
        stopping.Stopped: If the program was asked to stop.
    """
    config = config or EmbedConfig()
    check(output, config, projector_folder)
    extractor = inference.FeatureExtractor(model, config.layer, config.pool)
    images = data.open_images(config.data)
    folder = unfinished(output)
    folder.mkdir(parents=True, exist_ok=True)
    with locking.locked(folder):
        work = _Embedding(extractor, images, config, short_side, projector_folder)
        return work.run(model, pathlib.Path(output), folder)


class _Embedding:
    """One call's work on an output that is locked."""

    def __init__(self, extractor, images, config, short_side, projector_folder):
        self.extractor, self.images, self.config = extractor, images, config
        self.side = config.side or short_side or inference.DEFAULT_SIDE
        self.projector, self.maps = projector_folder, config.pool == "none"
        self.thumbnails = projector.thumbnail_side(len(images))
        # Maps are large: few are held at once.
        self.of_a_part = config.batch_size * (1 if self.maps else AHEAD)
        self.left_out, self.parts = LeftOut(), None

    def run(self, model, output, folder):
        weights, *photographs = identity(model, self.images)
        digest = hashlib.sha256(json.dumps(photographs).encode())
        settings = {
            "model": weights,
            "photographs": digest.hexdigest()[:16],
            "layer": self.extractor.layer,
            "pool": self.config.pool,
            "side": self.side,
            "batch_size": self.config.batch_size,
            "projector": self.projector and os.path.abspath(self.projector),
        }
        if self.config.overwrite:
            _clear(folder)
        self.parts = Parts(folder, settings)
        if not self.parts.begun:
            check(output, self.config, self.projector)
            self.parts.begin()
        count = -(-len(self.images) // self.of_a_part)
        self._compute(count)
        names, rows = self._names(count), None
        if names:
            channels = None if self.maps else self.extractor.channels
            embedding_files.write(output, names, self._blocks(count), channels)
            rows = len(names)
        if names and self.projector:
            shown = self._concatenated(count, "thumbnails")
            projector.write(self.projector, names, self._blocks(count), shown)
        self.parts.remove()
        if self.left_out.failures:
            raise self.left_out.error(len(self.images))
        return rows

    def _compute(self, count):
        first = self.parts.count()
        for number in range(first):
            self.left_out.failures += map(tuple, self.parts.about(number))
        done = min(first * self.of_a_part, len(self.images))
        bar = progress_bar(None, "embedding", len(self.images), initial=done)
        workers = concurrent.futures.ThreadPoolExecutor(min(16, os.cpu_count() or 1))
        try:
            with batching.reading_errors():
                parts = self._read(workers, done)
                for number, part in zip(range(first, count), parts, strict=True):
                    self._add(number, part, bar)
                    done += len(part)
        except stopping.Stopped:
            about = f"after {done} of {len(self.images)} photographs"
            raise stopping.Stopped(about) from None
        finally:
            workers.shutdown(cancel_futures=True)
            bar.close()

    def _read(self, workers, start):
        """Yields parts, lists of triples of a number, its input and its thumbnail.

        The next part is read while one is computed. In place of the input there may be
        the error that it ended in.
        """
        stream = iter(self.images.stream(0, start, shuffle=False))
        waiting = collections.deque()
        while some := list(itertools.islice(stream, self.of_a_part)):
            waiting.append([workers.submit(self._read_one, *sample) for sample in some])
            if len(waiting) > 1:
                yield [future.result() for future in waiting.popleft()]
        for futures in waiting:
            yield [future.result() for future in futures]

    def _read_one(self, index, content):
        number = int(index)
        try:
            pixels = data.read_image(self.images, index, content)
            shown = self.projector and projector.thumbnail(pixels, self.thumbnails)
            return number, self.extractor.network_input(pixels, self.side), shown
        except FAILURES as error:
            return number, error, None

    def _add(self, number, part, bar):
        """Computes a part and keeps it."""
        known = len(self.left_out.failures)
        good = []
        for sample in part:
            if isinstance(sample[1], Exception):
                self._leave_out("read", sample[1], sample[0])
                bar.update()
            else:
                good.append(sample)
        found = {}
        inputs = [image for _, image, _ in good]
        for some in inference.same_size(inputs, self.config.batch_size):
            stopping.check()
            try:
                values = self.extractor.predict([inputs[i] for i in some])
                found.update(zip(some, values, strict=True))
            except tf.errors.ResourceExhaustedError as error:
                raise MemoryError(
                    "The device has too little memory. Expected a smaller --batch_size "
                    f"or --side. Received: batch_size={self.config.batch_size}, "
                    f"side={self.side}"
                ) from error
            except (ValueError, tf.errors.OpError) as error:
                # Too small for the network: all of them have this size.
                for i in some:
                    self._leave_out("embedded", error, good[i][0])
            bar.update(len(some))
        kept = sorted(found)
        arrays = {"numbers": np.array([good[i][0] for i in kept], np.int64)}
        if self.maps:
            arrays |= {f"map_{n}": found[i] for n, i in enumerate(kept)}
        else:
            shape = len(kept), self.extractor.channels
            rows = np.array([found[i] for i in kept], np.float32)
            arrays["features"] = rows.reshape(shape)
        if self.projector:
            shape = len(kept), self.thumbnails, self.thumbnails, 3
            shown = np.array([good[i][2] for i in kept], np.uint8)
            arrays["thumbnails"] = shown.reshape(shape)
        self.parts.add(number, arrays, self.left_out.failures[known:])

    def _leave_out(self, step, error, number):
        self.left_out.add(step, error, self.images.name(number))

    def _names(self, count):
        keys = self.images.keys
        if len(set(keys)) < len(keys):
            # The same name in several sources.
            keys = [self.images.name(i) for i in range(len(self.images))]
        return [_text(keys[i]) for i in self._concatenated(count, "numbers")]

    def _concatenated(self, count, name):
        parts = [self.parts.read(number, name) for number in range(count)]
        return np.concatenate([array for (array,) in parts])

    def _blocks(self, count):
        for number in range(count):
            if self.maps:
                (numbers,) = self.parts.read(number, "numbers")
                names = [f"map_{i}" for i in range(len(numbers))]
                yield self.parts.read(number, *names)
            else:
                yield from self.parts.read(number, "features")


def _text(name):
    """Returns a name as text that every format holds: its bytes may be none."""
    encoded = str(name).encode("utf-8", "surrogateescape")
    return encoded.decode("utf-8", "backslashreplace")


def _clear(folder):
    """Removes what an earlier call left, but for the lock."""
    for path in folder.iterdir():
        if path.name != locking.NAME:
            with contextlib.suppress(OSError):
                path.unlink()
