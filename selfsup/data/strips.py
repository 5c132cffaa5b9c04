"""Pixelwise work on large images, a strip of rows at a time.

A small file can hold an image of gigabytes; each step between its pixels and the
result would take as much again, and four times that as float32.
"""

import tensorflow as tf

# Pixels of a strip.
PIXELS = 2**20


def mapped(function, image, multiple=1):
    """Applies a function to an image strip by strip; runs in graphs.

    Args:
        function: Function from `[h, W, C]` to `[h / multiple, w, 3]`, uint8, of
            which each row depends on `multiple` rows.
        image: `[H, W, C]`.
        multiple: Rows of the image that make one of the result, an integer or
            `[]`, int32; a divisor of H.

    Returns:
        `[H / multiple, w, 3]`, uint8.
    """
    shape = tf.shape(image)
    step = multiple * tf.maximum(1, PIXELS // tf.maximum(1, shape[1] * multiple))
    count = (shape[0] + step - 1) // step

    def whole():
        return function(image)

    def strips():
        results = tf.TensorArray(
            tf.uint8, count, infer_shape=False, element_shape=[None, None, 3]
        )
        _, results = tf.while_loop(
            lambda i, _: i < count,
            lambda i, done: (
                i + 1,
                done.write(i, function(image[i * step : (i + 1) * step])),
            ),
            (0, results),
            parallel_iterations=1,
        )
        return results.concat()

    return tf.cond(count > 1, strips, whole)
