"""Imports TensorFlow without its dozen lines of greeting.

Some of them are written before it reads its own setting. What OpenCV and Pillow
write about damaged files stays away too: the tools say it in their own lines.
"""

import os
import sys
import warnings

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
os.environ.setdefault("OPENCV_LOG_LEVEL", "SILENT")
warnings.filterwarnings("ignore", module="PIL")
sys.stderr.flush()
_screen, _nowhere = os.dup(2), os.open(os.devnull, os.O_WRONLY)
os.dup2(_nowhere, 2)
try:
    import tensorflow  # noqa: F401
finally:
    os.dup2(_screen, 2)
    os.close(_nowhere)
    os.close(_screen)
