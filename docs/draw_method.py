"""Draws docs/method.png: what a colorizer learns from, on a photograph of the package.

python docs/draw_method.py
"""

import pathlib

import cv2
import keras
import matplotlib
import numpy as np
import tensorflow as tf
from matplotlib.colors import hsv_to_rgb
from matplotlib.figure import Figure

import selfsup
from selfsup import data, inference, networks, targets, weights

SIDE = 196
# Color of the mark, and (y, x): sky, trees, grass.
POINTS = {"C0": (14, 100), "C1": (108, 60), "C2": (165, 120)}
SHOWN_MAPS = 3
PHOTO = pathlib.Path(selfsup.__file__).parent / "data" / "photos" / "aitzgorri.jpg"


def main():
    """Computes everything by the package's own functions and draws it."""
    image = square(cv2.imread(str(PHOTO))[..., ::-1])
    model = weights.zoo.load("sample")
    taps = networks.taps(model)
    chosen = [taps[number] for number in (1, len(taps) // 2, len(taps) - 3)]
    gray = data.as_network_input(image)[None]
    outputs = {tap.layer: model.get_layer(tap.layer).output for tap in chosen}
    network = keras.Model(model.input["gray"], outputs)
    maps = {name: x[0].numpy() for name, x in network(gray).items()}
    points = np.array(list(POINTS.values()))
    inputs = {"gray": tf.constant(gray), "points": tf.constant(points[None], "float32")}
    predicted = inference.point_predictor(model)(inputs)
    truth = targets.histograms(image.astype(np.float32) / 255, tf.constant(points))
    figure = Figure(figsize=(12, 4.4), layout="constrained")
    columns = figure.subfigures(1, 4, width_ratios=[1.1, 1.1, 1.2, 2.6])
    draw_photos(columns[0], columns[1], image)
    draw_maps(columns[2], maps)
    draw_histograms(columns[3], predicted, truth)
    figure.savefig(pathlib.Path(__file__).with_name("method.png"), dpi=110)


def square(image):
    """Returns the center of an image, scaled to the side of the picture."""
    side = min(image.shape[:2])
    top, left = ((size - side) // 2 for size in image.shape[:2])
    center = np.ascontiguousarray(image[top : top + side, left : left + side])
    return cv2.resize(center, (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def draw_photos(left, right, image):
    """Draws the photograph, and its gray image with the points."""
    gray = image.mean(axis=-1)
    for part, title, shown in (
        (left, "a photograph", image),
        (right, "gray, and points", gray),
    ):
        axes = part.subplots()
        axes.imshow(shown, cmap="gray")
        axes.set_title(title)
        axes.axis("off")
    for color, (y, x) in POINTS.items():
        axes.plot(x, y, "o", color=color, markersize=9, markeredgecolor="white")


def draw_maps(part, maps):
    """Draws maps of some layers of the network, and where the points lie in them."""
    part.suptitle("network: the hypercolumn of\na point takes all its layers")
    grid = part.subplots(len(maps), 1)
    for axes, (name, x) in zip(grid, maps.items(), strict=True):
        strongest = np.argsort(-x.std(axis=(0, 1)))[:SHOWN_MAPS]
        tiles = [x[..., k] / x[..., k].max() for k in strongest]
        axes.imshow(np.concatenate(tiles, axis=1), cmap="viridis")
        axes.set_title(f"{name}, {x.shape[0]} x {x.shape[1]}", fontsize="small")
        axes.axis("off")
        scale = x.shape[0] / SIDE
        for color, (py, px) in POINTS.items():
            place = (px * scale, py * scale)
            axes.plot(*place, "o", color=color, markersize=5, markeredgecolor="white")


def draw_histograms(part, predicted, truth):
    """Draws the predicted histograms at each point, and the true ones as lines."""
    part.suptitle("what it predicts there; lines: the truth around the point")
    grid = part.subplots(len(POINTS), 2, sharex=True)
    for row, color in zip(range(len(POINTS)), POINTS, strict=True):
        for axes, name in zip(grid[row], ("hue", "chroma"), strict=True):
            values = tf.nn.softmax(predicted[name][0, row]).numpy()
            bins = (np.arange(len(values)) + 0.5) / len(values)
            tint = hsv_to_rgb([(h, 0.9, 0.9) for h in bins])
            tint = tint if name == "hue" else matplotlib.colormaps["Purples"](bins)
            axes.bar(bins, values, 1 / len(values), color=tint)
            axes.step(bins, truth[name][row], where="mid", color="black", linewidth=1)
            axes.set_yticks([])
            for spine in axes.spines.values():
                spine.set_color(color)
                spine.set_linewidth(2)
            if row == 0:
                axes.set_title(name, fontsize="medium")


if __name__ == "__main__":
    main()
