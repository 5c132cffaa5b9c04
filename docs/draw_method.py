"""Draws docs/method.png: what a colorizer learns from, on a photograph of the package.

python docs/draw_method.py
"""

import pathlib

import cv2
import keras
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
    outputs = {tap.layer: model.get_layer(tap.layer).output for tap in taps}
    network = keras.Model(model.input["gray"], outputs)
    maps = {name: x[0].numpy() for name, x in network(gray).items()}
    points = np.array(list(POINTS.values()))
    inputs = {"gray": tf.constant(gray), "points": tf.constant(points[None], "float32")}
    predicted = inference.point_predictor(model)(inputs)
    truth = targets.histograms(image.astype(np.float32) / 255, tf.constant(points))
    figure = Figure(figsize=(12, 4.6), layout="constrained")
    widths = [1.2, 0.15, 1.9, 0.15, 1.2, 0.15, 2.6]
    parts = figure.subfigures(1, len(widths), width_ratios=widths)
    for arrow in parts[1::2]:
        arrow.text(0.5, 0.45, "\N{RIGHTWARDS ARROW}", size=22, ha="center")
    draw_photos(parts[0], image)
    draw_maps(parts[2], {tap.layer: maps[tap.layer] for tap in chosen})
    draw_hypercolumns(parts[4], maps.values())
    draw_histograms(parts[6], predicted, truth)
    figure.savefig(pathlib.Path(__file__).with_name("method.png"), dpi=110)


def square(image):
    """Returns the center of an image, scaled to the side of the picture."""
    side = min(image.shape[:2])
    top, left = ((size - side) // 2 for size in image.shape[:2])
    center = np.ascontiguousarray(image[top : top + side, left : left + side])
    return cv2.resize(center, (SIDE, SIDE), interpolation=cv2.INTER_AREA)


def draw_photos(part, image):
    """Draws the photograph, and its gray image with the points."""
    top, bottom = part.subplots(2, 1)
    for axes, title, shown in (
        (top, "a photograph", image),
        (bottom, "gray, and points", image.mean(axis=-1)),
    ):
        axes.imshow(shown, cmap="gray")
        axes.set_title(title, fontsize="medium")
        axes.axis("off")
    mark_points(bottom, SIDE, 8)


def mark_points(axes, side, size):
    """Marks the points in an image or a map, whatever its side."""
    for color, (y, x) in POINTS.items():
        place = (x * side / SIDE, y * side / SIDE)
        axes.plot(*place, "o", color=color, markersize=size, markeredgecolor="white")


def draw_maps(part, maps):
    """Draws maps of some layers of the network, and where the points lie in them."""
    part.suptitle("maps of the network")
    grid = part.subplots(len(maps), SHOWN_MAPS)
    for row, (name, x) in zip(grid, maps.items(), strict=True):
        strongest = np.argsort(-x.std(axis=(0, 1)))[:SHOWN_MAPS]
        for axes, channel in zip(row, strongest, strict=True):
            axes.imshow(x[..., channel], cmap="viridis")
            axes.axis("off")
            mark_points(axes, x.shape[0], 4)
        title = f"{name}, {x.shape[0]} x {x.shape[1]}"
        row[SHOWN_MAPS // 2].set_title(title, fontsize="small")


def draw_hypercolumns(part, maps):
    """Draws what all layers hold at each point, one layer after the other."""
    part.suptitle("hypercolumns: the points\nin the maps of all layers")
    for axes, (color, (y, x)) in zip(part.subplots(3, 1), POINTS.items(), strict=True):
        places = [(m, y * len(m) // SIDE, x * len(m) // SIDE) for m in maps]
        values = [m[row, column] / m.max() for m, row, column in places]
        # As many bars of each layer, else the last ones fill the picture.
        bars = [v[:: max(1, len(v) // 12)][:12] for v in values]
        row = np.sqrt(np.maximum(np.concatenate(bars), 0))
        axes.imshow([row], cmap="viridis", aspect="auto", vmin=0, vmax=1)
        frame(axes, color)
        axes.set_xticks([])


def frame(axes, color):
    """Frames a plot in the color of its point."""
    axes.set_yticks([])
    for spine in axes.spines.values():
        spine.set_color(color)
        spine.set_linewidth(2)


def draw_histograms(part, predicted, truth):
    """Draws the predicted histograms at each point, and the true ones as lines."""
    part.suptitle("prediction from them; lines: the truth")
    grid = part.subplots(len(POINTS), 2, sharex=True)
    for row, color in zip(range(len(POINTS)), POINTS, strict=True):
        for axes, name in zip(grid[row], ("hue", "chroma"), strict=True):
            values = tf.nn.softmax(predicted[name][0, row]).numpy()
            bins = (np.arange(len(values)) + 0.5) / len(values)
            hue = [(x, 0.9, 0.9) for x in bins]
            chroma = [(0.08, x, 0.85) for x in bins]
            tint = hsv_to_rgb(hue if name == "hue" else chroma)
            axes.bar(bins, values, 1 / len(values), color=tint)
            axes.step(bins, truth[name][row], where="mid", color="black", linewidth=1)
            frame(axes, color)
            if row == 0:
                axes.set_title(name, fontsize="medium")


if __name__ == "__main__":
    main()
