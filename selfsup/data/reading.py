"""Numbers and chunks out of encoded files, with TensorFlow ops alone.

For code that runs within a model server: there is no Python, and a damaged file
must neither crash it nor keep it busy.
"""

import tensorflow as tf

# Steps of a search through a file. A step takes some ten microseconds, and files
# with more parts than this are rare.
MAX_STEPS = 4096

_TYPES = {1: tf.uint8, 2: tf.uint16, 4: tf.int32}


def unsigned(encoded, position, size, little_endian=False):
    """Reads an integer.

    Args:
        encoded: `[]`, string.
        position: Its first byte, an integer or `[]`, int64.
        size: 1, 2 or 4, its bytes.
        little_endian: Whether the lowest byte comes first, a boolean or `[]`.

    Returns:
        `[]`, int64; -1 if a byte lies outside of the string.
    """
    inside = (position >= 0) & (position + size <= length(encoded))
    first = tf.where(inside, tf.cast(position, tf.int64), 0)
    # Zeros only keep the shape known where the string is shorter.
    part = tf.strings.join([tf.strings.substr(encoded, first, size), b"\0" * size])
    value = numbers(tf.strings.substr(part, 0, size), size, little_endian)[0]
    return tf.where(inside, value, -1)


def numbers(part, size, little_endian=False):
    """Reads integers in a row.

    Args:
        part: `[]`, string, of a multiple of `size` bytes.
        size: 1, 2 or 4, bytes of each.
        little_endian: Whether the lowest byte comes first, a boolean or `[]`.

    Returns:
        `[N]`, int64, not negative.
    """
    low_first, high_first = (
        tf.io.decode_raw(part, _TYPES[size], little_endian=order)
        for order in (True, False)
    )
    values = tf.cast(tf.where(little_endian, low_first, high_first), tf.int64)
    # TensorFlow reads no unsigned integers of four bytes.
    return tf.bitwise.bitwise_and(values, 2**32 - 1)


def length(encoded):
    """Returns the number of bytes, `[]`, int64."""
    return tf.cast(tf.strings.length(encoded), tf.int64)


def slice_of(encoded, first, size):
    """Returns what there is of `size` bytes from a position on, `[]`, string."""
    end = length(encoded)
    first, size = (
        tf.minimum(tf.maximum(tf.cast(number, tf.int64), 0), end)
        for number in (first, size)
    )
    return tf.strings.substr(encoded, first, size)


def png_chunk(encoded, name, last):
    """Finds a chunk of a PNG.

    Args:
        encoded: `[]`, string.
        name: Name of the chunk, four bytes.
        last: Name of a chunk that it must precede.

    Returns:
        Its content, `[]`, string; empty if there is none.
    """

    def look(position, _, __):
        size = unsigned(encoded, position, 4)
        title = slice_of(encoded, position + 4, 4)
        found = title == name
        goes_on = (size >= 0) & ~found & (title != last) & (title != b"")
        # The chunk's name, and a checksum behind it.
        following = tf.where(found, position + 8, position + 12 + size)
        return following, tf.where(found, size, 0), goes_on

    position, size, _ = walk(8, look)
    return slice_of(encoded, position, size)


def walk(start, look):
    """Goes through the parts of a file, at most `MAX_STEPS` of them.

    Args:
        start: Position of the first part, an integer.
        look: Function from a part's position, `[]`, int64, the value found so
            far, `[]`, int64, and True, to the next position, the value, and
            whether to go on, `[]`, bool.

    Returns:
        What `look` returned last.
    """
    return tf.while_loop(
        lambda position, value, goes_on: goes_on,
        look,
        (tf.constant(start, tf.int64), tf.constant(0, tf.int64), True),
        maximum_iterations=MAX_STEPS,
    )
