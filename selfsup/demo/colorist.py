"""What the page asks for: models by name, colored photographs, pictures to show."""

import functools
import threading

import numpy as np

from selfsup import color, heads, inference, pictures, runs
from selfsup.data.decoding import MAX_PIXELS, decode_bytes
from selfsup.weights import zoo

# Longest side of the pictures on the page. Browsers run out of memory on the largest
# photographs, and no screen shows them whole.
SHOWN_SIDE = 1600


def zoo_colorizers():
    """Returns the names of the zoo's colorizers whose weights are there.

    Raises:
        ValueError: As `zoo.path`.
    """
    names = []
    for name in zoo.names():
        if zoo.entry(name).kind == "colorizer":
            try:
                zoo.path(name)
            except FileNotFoundError:
                continue
            names.append(name)
    return names


class Colorist:
    """Colorizers by name, one photograph at a time.

    A model is opened when it is first used, and kept. So is the last photograph, which
    is shown first and saved later.

    Args:
        names: What `runs.open_run` takes: workdirs, `.keras` files, names of the zoo.

    Attributes:
        names: The same, a tuple without repetitions.
    """

    def __init__(self, names):
        self.names = tuple(dict.fromkeys(names))
        self._lock = threading.Lock()
        self._opened = functools.cache(self._open)
        self._last = functools.lru_cache(maxsize=1)(self._color)

    def open(self, name):
        """Opens a model.

        Args:
            name: One of `names`.

        Returns:
            What `inference.dense_predictor` returns, and the shortest side at which
            the model saw images in training, or None.

        Raises:
            FileNotFoundError: If there is no such model.
            ValueError: If the model is no colorizer, or none of `names`.
        """
        if name not in self.names:
            raise ValueError(
                "There is no such model on this page. Expected one of "
                f"{', '.join(self.names)}. Received: {name}"
            )
        return self._opened(name)

    def _open(self, name):
        run = runs.open_run(name, ["colorizer"])
        heads.check_kind(run.model, ["colorizer"], name)
        return inference.dense_predictor(run.model), run.side

    def color(self, encoded, name, model, config):
        """Colors a photograph as `evaluation.color_files` does.

        Args:
            encoded: Bytes of an image file.
            name: What errors call the file.
            model: One of `names`.
            config: An `evaluation.ColorizeConfig`.

        Returns:
            The photograph and the colored one, each `[H, W, 3]`, uint8 RGB.

        Raises:
            FileNotFoundError: As `open`.
            ValueError: As `open`, or if the file can't be decoded.
        """
        with self._lock:
            return self._last(encoded, name, model, config)

    def _color(self, encoded, name, model, config):
        try:
            image = decode_bytes(encoded, name)
        except ValueError as error:
            # In words for the page; the log of a server has no use for its bytes.
            raise ValueError(
                f"{name} is no photograph that can be read: it is damaged, of another "
                f"kind, or of more than {MAX_PIXELS // 10**6} megapixels."
            ) from error
        predict, side = self.open(model)
        return image, inference.color_photograph(predict, image, **config.modes(side))


def shown(image):
    """Encodes a picture for the page.

    Args:
        image: `[H, W, 3]`, uint8 RGB.

    Returns:
        Bytes of a PNG, of at most `SHOWN_SIDE` pixels a side.
    """
    return pictures.encode_image("shown.png", _shrunk(image))


def shown_gray(image):
    """Encodes the gray of a photograph for the page.

    Args:
        image: `[H, W, 3]`, uint8 RGB.

    Returns:
        Bytes of a PNG, the mean of R, G and B, as large as `shown` of the same image.
    """
    gray = color.rgb_to_gray(_shrunk(image) / np.float32(255.0)).numpy()
    levels = np.rint(255.0 * gray).astype(np.uint8)
    return pictures.encode_image("shown.png", np.repeat(levels, 3, axis=-1))


def _shrunk(image):
    scale = SHOWN_SIDE / max(image.shape[:2])
    return pictures.resize(image, scale) if scale < 1 else image
