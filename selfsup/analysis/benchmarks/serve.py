"""Speed and memory of an exported model beside the Keras model."""

import pathlib
import statistics
import tempfile
import time

import cv2
import numpy as np
import tensorflow as tf

from selfsup import data, export, heads, inference, networks
from selfsup.analysis.benchmarks import process
from selfsup.data.decoding import decode_bytes

# Sides of the images of the memory test, in pixels.
_SIDES = (64, 640)

COLUMNS = {
    "way": ("way", ""),
    "processor ms/image": ("processor_ms_per_image", ".1f"),
    "speed beside keras": ("processor_ratio_to_keras", ".2f"),
    "images/s": ("images_per_second", ".1f"),
    "beside keras": ("ratio_to_keras", ".2f"),
    "MB at first": ("start_megabytes", ".0f"),
    "half way": ("half_way_megabytes", ".0f"),
    "at the end": ("end_megabytes", ".0f"),
    "at most": ("peak_megabytes", ".0f"),
}

# Requests after which memory is counted: caches fill with the first ones.
_FIRST = 20


def measure(config):
    """Colors photographs with an exported and with the Keras model, in turns.

    Both take encoded images, one a request, and return PNGs. The export is loaded
    by TensorFlow's own loader. Afterwards the memory of the process is watched
    while the export answers images of different sizes.

    Args:
        config: A `ServeConfig`.

    Returns:
        A list of a dict of figures for each way, `"saved_model"` and `"keras"`.
    """
    encoded = _photographs(config.data, config.images)
    builder = networks.ARCHITECTURES[config.network].builder
    backbone = builder(width=config.width)
    hidden = max(8, round(1024 * config.width))
    model = heads.colorizer(backbone, networks.taps(backbone), hidden=hidden)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        exported = export.ExportedModel("colorizer", model, config.crop_size)
        version = export.write(exported, pathlib.Path(folder, "colors"))
        export_seconds = time.perf_counter() - start
        loaded = tf.saved_model.load(str(version))
    ways = {
        "saved_model": _by_signature(loaded),
        "keras": _by_keras(model, config.crop_size),
    }
    figures = _speed(ways, encoded, config.rounds)
    figures["saved_model"] |= {
        "export_seconds": export_seconds,
        "requests_of_different_sizes": config.requests,
        **_memory(ways["saved_model"], encoded, config.requests),
    }
    settings = {
        "network": config.network,
        "width": config.width,
        "side": config.crop_size,
    }
    return [{**settings, "way": way, **own} for way, own in figures.items()]


def _photographs(sources, count):
    """Returns encoded images, over and over until there are enough."""
    images = data.open_images(sources)
    stream = images.stream(0, 0, shuffle=False)
    encoded = [images.read(*sample).numpy() for sample in stream.take(count)]
    return [encoded[i % len(encoded)] for i in range(count)]


def _by_signature(loaded):
    signature = loaded.signatures["serving_default"]

    def color(encoded):
        answer = signature(image_bytes=tf.constant([encoded]))
        return answer["colorized_bytes"].numpy()

    # The variables live as long as what was loaded.
    color.loaded = loaded
    return color


def _by_keras(model, short_side):
    predict = inference.dense_predictor(model)

    def color(encoded):
        image = decode_bytes(encoded, "image") / np.float32(255.0)
        rgb = inference.color_image(predict, image, short_side)
        return tf.io.encode_png(np.rint(255.0 * rgb).astype(np.uint8)).numpy()

    return color


def _speed(ways, encoded, rounds):
    runs = {
        name: lambda answer=answer: [answer(image) for image in encoded]
        for name, answer in ways.items()
    }
    seconds = process.seconds_in_turns(runs, rounds)
    return {
        name: {
            "processor_ms_per_image": 1000 / len(encoded) * _median(times, "processor"),
            "processor_ratio_to_keras": _ratio(seconds["keras"], times, "processor"),
            "images_per_second": len(encoded) / _median(times, "wall"),
            "ratio_to_keras": _ratio(seconds["keras"], times, "wall"),
        }
        for name, times in seconds.items()
    }


def _median(times, clock):
    return statistics.median(getattr(own, clock) for own in times)


def _ratio(others, times, clock):
    """Returns how many times as fast as the other a way is, by the median round."""
    return statistics.median(
        getattr(other, clock) / getattr(own, clock)
        for other, own in zip(others, times, strict=True)
    )


def _memory(answer, encoded, requests):
    """Watches the process while it answers images of changing sizes."""
    rng = np.random.default_rng(0)
    photographs = [decode_bytes(image, "image") for image in encoded[:40]]
    figures = {}
    for number in range(_FIRST + requests):
        if number == _FIRST:
            figures["start_megabytes"] = process.held_megabytes()
            process.reset_peak()
        elif number == _FIRST + requests // 2:
            figures["half_way_megabytes"] = process.held_megabytes()
        image = photographs[rng.integers(len(photographs))]
        width, height = (int(n) for n in rng.integers(*_SIDES, 2, endpoint=True))
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        answer(cv2.imencode(".jpg", image)[1].tobytes())
    return {
        **figures,
        "end_megabytes": process.held_megabytes(),
        "peak_megabytes": process.peak_megabytes(),
    }
