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

# Requests after which memory is counted: caches fill with the first ones.
_FIRST = 20


def measure(network, width, short_side, sources, images, rounds, requests):
    """Colors photographs with an exported and with the Keras model, in turns.

    Both take encoded images, one a request, and return PNGs. The export is loaded
    by TensorFlow's own loader. Afterwards the memory of the process is watched
    while the export answers images of different sizes.

    Args:
        network: Name of the backbone.
        width: Factor on its channels.
        short_side: Shortest side that the network sees.
        sources: Specifications of images; empty for the embedded photographs.
        images: Images a round.
        rounds: How often each is timed; medians count.
        requests: Requests of images of different sizes, during which memory is
            watched.

    Returns:
        A dict of figures for each way, `"saved_model"` and `"keras"`.
    """
    encoded = _photographs(sources, images)
    backbone = networks.ARCHITECTURES[network].builder(width=width)
    hidden = max(8, round(1024 * width))
    model = heads.colorizer(backbone, networks.taps(backbone), hidden=hidden)
    with tempfile.TemporaryDirectory() as folder:
        start = time.perf_counter()
        exported = export.ExportedModel("colorizer", model, short_side)
        version = export.write(exported, pathlib.Path(folder, "colors"))
        export_seconds = time.perf_counter() - start
        loaded = tf.saved_model.load(str(version))
    ways = {"saved_model": _by_signature(loaded), "keras": _by_keras(model, short_side)}
    figures = _speed(ways, encoded, rounds)
    figures["saved_model"] |= _memory(ways["saved_model"], encoded, requests)
    return {
        "network": network,
        "width": width,
        "side": short_side,
        "export_seconds": export_seconds,
        "requests_of_different_sizes": requests,
        "ways": figures,
    }


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
            "images_per_second": len(encoded) / statistics.median(times),
            "ratio_to_keras": statistics.median(
                keras / own for keras, own in zip(seconds["keras"], times, strict=True)
            ),
        }
        for name, times in seconds.items()
    }


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
