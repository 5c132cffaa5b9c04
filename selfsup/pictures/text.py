"""Text on pictures."""

import cv2

_FONT = cv2.FONT_HERSHEY_SIMPLEX
_SIZE = 0.5


def text_width(text):
    """Returns how many pixels wide `write` writes a text."""
    # OpenCV 4 gives 1 for nothing.
    return cv2.getTextSize(text, _FONT, _SIZE, 1)[0][0] if text else 0


def write(picture, text, x, y):
    """Writes black text into a picture, about 11 pixels high.

    Args:
        picture: `[H, W, 3]`, uint8, changed in place.
        text: One line; some versions of OpenCV draw letters beyond ASCII as `?`.
        x: Column where it begins.
        y: Row that the letters stand on.
    """
    cv2.putText(picture, text, (x, y), _FONT, _SIZE, (0, 0, 0), 1, cv2.LINE_AA)
