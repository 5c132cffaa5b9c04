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


def shortened(text, width):
    """Returns a text that is no wider than some pixels, its middle left out.

    Args:
        text: One line; what cannot be printed becomes `?`.
        width: Greatest width, in pixels.
    """
    text = "".join(c if c.isascii() and c.isprintable() else "?" for c in text)
    # Fewer letters than the narrowest take.
    kept = min(len(text), width // 3)
    short = text
    while kept > 0 and text_width(short) > width:
        kept -= 1
        head = kept // 2
        short = f"{text[: kept - head]}...{text[len(text) - head :]}"
    return short if kept > 0 else ""
