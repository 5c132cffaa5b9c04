"""The first frame of a GIF, cut out with TensorFlow ops alone.

TensorFlow's op reads all frames before it drops them, and each may claim a size
of its own: a small file can ask for any amount of memory.
"""

import tensorflow as tf

from selfsup.export import reading

_EXTENSION, _FRAME, _END = 0x21, 0x2C, b"\x3b"

# Blocks of up to 255 bytes: 4 MB of a frame, after a second at most.
_MAX_BLOCKS = 2**14


def first_frame(encoded):
    """Cuts a GIF off behind its first frame.

    Args:
        encoded: `[]`, string.

    Returns:
        A triple: the GIF with one frame, `[]`, string, empty if there is no whole
        frame; and the frame's height and width, `[]`, int64.
    """

    def look(position, frame, in_blocks, _, __):
        value = reading.unsigned(encoded, position, 1)
        starts_frame = ~in_blocks & (value == _FRAME)
        starts = starts_frame | (~in_blocks & (value == _EXTENSION))
        # A frame's header, its colours, and a byte of the compression.
        header = 10 + _colors(encoded, position + 9) + 1
        step = tf.where(in_blocks, value + 1, tf.where(starts_frame, header, 2))
        frame = tf.where(starts_frame, position, frame)
        # A block without bytes is the last one.
        whole = in_blocks & (value == 0) & (frame > 0)
        goes_on = (starts | in_blocks & (value >= 0)) & ~whole
        return position + step, frame, starts | in_blocks & (value > 0), whole, goes_on

    start = tf.constant(13, tf.int64) + _colors(encoded, 10)
    position, frame, _, whole, _ = tf.while_loop(
        lambda position, frame, in_blocks, whole, goes_on: goes_on,
        look,
        (start, tf.constant(0, tf.int64), *map(tf.constant, (False, False, True))),
        maximum_iterations=_MAX_BLOCKS,
    )
    cut = tf.strings.join([reading.slice_of(encoded, 0, position), _END])
    width, height = (
        reading.unsigned(encoded, frame + place, 2, True) for place in (5, 7)
    )
    return tf.where(whole, cut, b""), height, width


def _colors(encoded, place):
    """Returns the bytes of the colour table that the flags at a place announce."""
    flags = reading.unsigned(encoded, place, 1)
    bits = tf.bitwise.bitwise_and(flags, 7) + 1
    announced = tf.bitwise.bitwise_and(flags, 0x80) > 0
    return tf.where(announced, 3 * reading.power_of_two(bits), 0)
