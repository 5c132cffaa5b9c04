"""Keeps TensorFlow's greeting off the screen while it is imported."""

import contextlib
import os
import re
import sys
import tempfile

# Some lines are written before TensorFlow reads its own setting of what to log.
_GREETING = re.compile(
    rb"absl::InitializeLog|port\.cc|cudart_stub|cuda_\w+\.cc|cpu_feature_guard"
    rb"|computation_placer|^To enable the following instructions"
)


@contextlib.contextmanager
def importing():
    """Drops the lines of the greeting that are written within this block."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "1")
    try:
        sys.stderr.flush()
        screen = os.dup(2)
    except (AttributeError, OSError):
        # A program without a screen.
        yield
        return
    with tempfile.TemporaryFile() as written:
        os.dup2(written.fileno(), 2)
        try:
            yield
        finally:
            os.dup2(screen, 2)
            os.close(screen)
            written.seek(0)
            for line in written:
                if not _GREETING.search(line):
                    os.write(2, line)
