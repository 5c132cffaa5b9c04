"""The number of scans of a JPEG, counted with TensorFlow ops alone."""

import tensorflow as tf

from selfsup.data import reading

# Progressive files have about ten.
_MAX_SCANS = 100

# Second bytes of markers: the first that a segment follows, those that none
# follows, the start of a scan, the end of the image.
_FIRST, _BARE_FIRST, _BARE_LAST = 0xC0, 0xD0, 0xD8
_SCAN, _END, _FILL = 0xDA, 0xD9, 0xFF


def are_few(encoded):
    """Returns whether a JPEG needs no `check`, `[]`, bool, which is cheap to tell.

    Among pixels no byte of 255 stands before that of a scan's mark.

    Args:
        encoded: `[]`, string, the content of a JPEG file.
    """
    values = tf.io.decode_raw(encoded, tf.uint8)
    marks = (values[:-1] == 0xFF) & (values[1:] == _SCAN)
    return tf.math.count_nonzero(marks) <= _MAX_SCANS


def check(encoded):
    """Returns an op that fails if the pixels are gone over again and again.

    A small file can hold thousands of scans. Only those of the image itself
    count: thumbnails before it and whatever stands behind its end are passed over.

    Args:
        encoded: `[]`, string, the content of a JPEG file.
    """
    places, codes = _markers(encoded)

    def look(position, scans, _):
        index = tf.searchsorted(places, position[None])[0]
        index = tf.minimum(index, tf.size(places) - 1)
        scans += tf.cast(codes[index] == _SCAN, tf.int64)
        # The size counts its own two bytes; the pixels follow the segment.
        size = tf.maximum(reading.unsigned(encoded, places[index] + 2, 2), 0)
        goes_on = (codes[index] != _END) & (scans <= _MAX_SCANS)
        return places[index] + 2 + size, scans, goes_on

    _, scans, unfinished = reading.walk(2, look)
    message = f"The image has over {_MAX_SCANS} scans or {reading.MAX_STEPS} segments:"
    return tf.debugging.Assert(~unfinished & (scans <= _MAX_SCANS), [message, scans])


def _markers(encoded):
    """Returns places `[N]`, int64, and codes `[N]`, uint8, of what may be markers.

    Some lie inside of segments. The last one is the end of the file.
    """
    values = tf.io.decode_raw(encoded, tf.uint8)
    codes = values[1:]
    bare = (codes >= _BARE_FIRST) & (codes <= _BARE_LAST)
    marks = (values[:-1] == 0xFF) & (codes >= _FIRST) & (codes != _FILL) & ~bare
    places = tf.where(marks)[:, 0]
    codes = tf.concat([tf.gather(codes, places), [_END]], axis=0)
    return tf.concat([places, [reading.length(encoded)]], axis=0), codes
