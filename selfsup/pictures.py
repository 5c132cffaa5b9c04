"""Pictures to look at: contact sheets and training curves."""

import csv
import pathlib

import cv2
import numpy as np

from selfsup.whole_files import replacing

_MARGIN = 6
_HEADER = 26


def contact_sheet(rows, titles, height=160):
    """Lays pictures out in rows under column titles.

    Args:
        rows: Sequence of `(label, images)`; images are `[H, W, 3]`, float in
            `[0, 1]`, one for each title. Sizes may differ.
        titles: Text above each column.
        height: Height that all pictures are scaled to, in pixels.

    Returns:
        `[H, W, 3]`, uint8.

    Raises:
        ValueError: If there are no rows, or a row has another length.
    """
    if not rows or any(len(images) != len(titles) for _, images in rows):
        raise ValueError(
            f"A contact sheet needs rows of {len(titles)} pictures. "
            f"Received: rows of {[len(images) for _, images in rows]}"
        )
    cells = [[_scaled(image, height) for image in images] for _, images in rows]
    widths = [
        max(row[column].shape[1] for row in cells) for column in range(len(titles))
    ]
    gutter = max(_text_width(label) for label, _ in rows) + 2 * _MARGIN
    total = gutter + sum(width + _MARGIN for width in widths)
    sheet = np.full((_HEADER + len(rows) * (height + _MARGIN), total, 3), 255, np.uint8)
    x = gutter
    for title, width in zip(titles, widths, strict=True):
        _write(sheet, title, x, _HEADER - 9)
        x += width + _MARGIN
    for index, ((label, _), row) in enumerate(zip(rows, cells, strict=True)):
        y = _HEADER + index * (height + _MARGIN)
        _write(sheet, label, _MARGIN, y + 16)
        x = gutter
        for cell, width in zip(row, widths, strict=True):
            sheet[y : y + height, x : x + cell.shape[1]] = cell
            x += width + _MARGIN
    return sheet


def save_image(path, image):
    """Writes a picture, whole or not at all.

    Args:
        path: Where to; the ending tells the format.
        image: `[H, W, 3]`, uint8 RGB.

    Raises:
        OSError: If it cannot be written.
    """
    done, encoded = cv2.imencode(pathlib.Path(path).suffix, image[..., ::-1])
    if not done:
        raise OSError(
            "A picture could not be encoded. Expected an ending such as .png or "
            f".jpg. Received: {path}"
        )
    with replacing(path) as unfinished:
        unfinished.write_bytes(encoded.tobytes())


def curves(log, path, baselines=None):
    """Draws the columns of a training log over the steps.

    Columns `X` and `val_X` share a panel, and so does the baseline of `X`.

    Args:
        log: Path of a CSV file with a column `step`.
        path: Path of the picture.
        baselines: Dict from column to a constant to compare with.
    """
    # Its own canvas, so that no window system and no global state is touched.
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    with open(log, newline="") as file:
        rows = list(csv.DictReader(file))
    columns = {name: _floats(rows, name) for name in (rows[0] if rows else ())}
    hidden = {"epoch", "step", "steps_per_second"}
    panels = [n for n in columns if n not in hidden and not n.startswith("val_")]
    figure = Figure(figsize=(4 * max(1, len(panels)), 3.2), layout="constrained")
    FigureCanvasAgg(figure)
    for axes, name in zip(
        figure.subplots(1, max(1, len(panels)), squeeze=False)[0], panels, strict=False
    ):
        for column, label in ((name, "training"), (f"val_{name}", "held out")):
            if column in columns:
                known = ~np.isnan(columns[column])
                axes.plot(
                    columns["step"][known],
                    columns[column][known],
                    marker="." if label == "held out" else None,
                    label=label,
                )
        if baselines and name in baselines:
            axes.axhline(
                baselines[name], color="gray", linestyle="--", label="mean histogram"
            )
        axes.set_title(name.replace("_", " "))
        axes.set_xlabel("step")
        if len(axes.get_lines()) > 1:
            axes.legend(fontsize="small")
    with replacing(path) as unfinished:
        figure.savefig(unfinished, dpi=110)


def _floats(rows, name):
    return np.array([float(row[name] or "nan") for row in rows])


def _scaled(image, height):
    image = np.clip(np.asarray(image, np.float32), 0.0, 1.0)
    image = np.repeat(image, 3, -1) if image.shape[-1] == 1 else image
    width = max(1, round(image.shape[1] * height / image.shape[0]))
    shrinks = height < image.shape[0]
    image = cv2.resize(
        image,
        (width, height),
        interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR,
    )
    return np.rint(255 * image).astype(np.uint8)


_FONT = cv2.FONT_HERSHEY_SIMPLEX


def _text_width(text):
    return cv2.getTextSize(text, _FONT, 0.5, 1)[0][0]


def _write(sheet, text, x, y):
    cv2.putText(sheet, text, (x, y), _FONT, 0.5, (0, 0, 0), 1, cv2.LINE_AA)
