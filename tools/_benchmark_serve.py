"""Speed and memory of an exported model in TensorFlow's C library."""

import contextlib
import importlib
import pathlib
import statistics
import sys
import tempfile
import time

import cv2
import numpy as np
import tensorflow as tf

from selfsup import data, export, heads, inference, networks
from selfsup.data.decoding import decode_bytes

_TESTS = pathlib.Path(__file__).resolve().parents[1] / "tests"

_LIBRARIES = {"library": {}, "library_without_onednn": {"TF_ENABLE_ONEDNN_OPTS": "0"}}

# Sides of the images of the memory test, in pixels.
_SIDES = (64, 640)

# Requests after which memory is counted: caches fill with the first ones.
_FIRST = 20


def measure(network, width, side, sources, images, rounds, requests):
    """Colours photographs in the C library and with the Keras model, in turns.

    All get encoded images, one a request, and give PNGs. The library runs in
    processes of its own that have neither Python's TensorFlow nor Keras: as it is,
    and without oneDNN, whose kernels keep memory for every size they have seen.

    Args:
        network: Name of the backbone.
        width: Factor on its channels.
        side: Shortest side that the network sees.
        sources: Specifications of images; empty for the embedded photographs.
        images: Images a round.
        rounds: How often each is timed; medians count.
        requests: Requests of images of different sizes, during which memory is
            watched.

    Returns:
        A dict of figures for each way.
    """
    encoded = _photographs(sources, images)
    backbone = networks.ARCHITECTURES[network].builder(width=width)
    hidden = max(8, round(1024 * width))
    model = heads.colorizer(backbone, networks.taps(backbone), hidden=hidden)
    sys.path.append(str(_TESTS))
    c_library = importlib.import_module("c_library")
    subject = export.Subject("colorizer", model, side)
    with contextlib.ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        start = time.perf_counter()
        version = export.write(subject, pathlib.Path(folder, "colors"))
        exported = time.perf_counter() - start
        clients = {
            name: stack.enter_context(c_library.Client(**environment))
            for name, environment in _LIBRARIES.items()
        }

        def served_by(client):
            def color(image):
                image = c_library.strings(image)
                client.run(version, "serving_default", image_bytes=image)

            return color

        ways = {name: served_by(client) for name, client in clients.items()}
        ways["keras"] = _by_keras(model, side)
        figures = _speed(ways, encoded, rounds)
        for name, client in clients.items():
            figures[name] |= _memory(client, ways[name], encoded, requests)
    return {
        "network": network,
        "width": width,
        "side": side,
        "export_seconds": exported,
        "requests_of_different_sizes": requests,
        "ways": figures,
    }


def _photographs(sources, count):
    """Returns encoded images, over and over until there are enough."""
    images = data.open_images(sources)
    stream = images.stream(0, 0, shuffle=False)
    encoded = [images.read(*sample).numpy() for sample in stream.take(count)]
    return [encoded[i % len(encoded)] for i in range(count)]


def _by_keras(model, side):
    predict = inference.dense_predictor(model)

    def color(encoded):
        image = decode_bytes(encoded, "image") / np.float32(255.0)
        rgb = inference.colorize(predict, image, side)
        return tf.io.encode_png(np.rint(255.0 * rgb).astype(np.uint8)).numpy()

    return color


def _speed(ways, encoded, rounds):
    seconds = {name: [] for name in ways}
    for answer in ways.values():
        answer(encoded[0])
    for _ in range(rounds):
        for name, answer in ways.items():
            start = time.perf_counter()
            for image in encoded:
                answer(image)
            seconds[name].append(time.perf_counter() - start)
    return {
        name: {
            "images_per_second": len(encoded) / statistics.median(times),
            "ratio_to_keras": statistics.median(
                keras / own for keras, own in zip(seconds["keras"], times, strict=True)
            ),
        }
        for name, times in seconds.items()
    }


def _memory(client, answer, encoded, requests):
    """Watches the process while it answers images of ever other sizes."""
    rng = np.random.default_rng(0)
    photographs = [decode_bytes(image, "image") for image in encoded[:40]]
    figures = {}
    for number in range(_FIRST + requests):
        if number == _FIRST:
            figures["start_megabytes"] = client.memory()[0]
        elif number == _FIRST + requests // 2:
            figures["half_way_megabytes"] = client.memory()[0]
        image = photographs[rng.integers(len(photographs))]
        width, height = (int(n) for n in rng.integers(*_SIDES, 2, endpoint=True))
        image = cv2.resize(image, (width, height), interpolation=cv2.INTER_AREA)
        answer(cv2.imencode(".jpg", image)[1].tobytes())
    end, peak = client.memory()
    return {**figures, "end_megabytes": end, "peak_megabytes": peak}
