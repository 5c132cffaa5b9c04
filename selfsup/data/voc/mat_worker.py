"""Reads masks of `.mat` files for another process; a script of its own.

SciPy can crash on a damaged file. For each line on the standard input, the path of a
file as JSON, a line of JSON is written to the standard output: the mask's height and
width, followed by its bytes, or what is wrong.
"""

import json
import sys

import numpy as np
import scipy.io


def read(path):
    """Returns what `mat_files.read` does. Of a damaged file SciPy raises anything."""
    content = scipy.io.loadmat(path, variable_names=["GTcls"])
    mask = np.asarray(content["GTcls"]["Segmentation"][0, 0])
    if mask.ndim != 2 or mask.dtype != np.uint8:
        raise ValueError(f"Segmentation is {mask.dtype} of shape {mask.shape}.")
    return mask


def main():
    """Answers until the standard input ends."""
    output = sys.stdout.buffer
    for line in sys.stdin:
        try:
            mask = read(json.loads(line))
            answer, content = {"shape": mask.shape}, mask.tobytes()
        except Exception as error:
            answer, content = {"error": f"{type(error).__name__}: {error}"}, b""
        output.write(json.dumps(answer).encode() + b"\n" + content)
        output.flush()


if __name__ == "__main__":
    main()
