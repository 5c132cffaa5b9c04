"""Tools in processes of their own that can be killed, forked from one parent.

The parent has imported TensorFlow, which takes half the time of a short run.
"""

import multiprocessing
import os
import threading

from tool_calls import Answer

_CONTEXT = multiprocessing.get_context("forkserver")


class Training:
    """A process that runs `tools/train_colorizer.py`.

    Args:
        *arguments: What stands behind the tool's name on the command line.
        saved: Called in the process once, when it has written its first checkpoint.
            It can be pickled.
    """

    def __init__(self, *arguments, saved=None):
        _CONTEXT.set_forkserver_preload(["selfsup.cli.train_colorizer"])
        # A pipe: a limit on the size of files does not touch it.
        reader, writer = _CONTEXT.Pipe(duplex=False)
        arguments = list(map(str, arguments))
        self._process = _CONTEXT.Process(target=_run, args=(writer, arguments, saved))
        self._process.start()
        writer.close()
        self._parts = []
        self._reading = threading.Thread(target=self._read, args=[reader], daemon=True)
        self._reading.start()

    def _read(self, reader):
        with open(reader.fileno(), "rb", buffering=0, closefd=False) as file:
            while part := file.read(1 << 16):
                self._parts.append(part)
        reader.close()

    def runs(self):
        """Returns whether the process has not ended."""
        return self._process.is_alive()

    def kill(self):
        """Ends the process by SIGKILL; returns whether it had not ended before."""
        self._process.kill()
        self._process.join()
        return self._process.exitcode < 0

    def wait(self):
        """Waits for the end; returns an `Answer`."""
        self._process.join()
        self._reading.join()
        return Answer(self._process.exitcode, b"".join(self._parts).decode())


def _run(screen, arguments, saved):
    for descriptor in (1, 2):
        os.dup2(screen.fileno(), descriptor)
    # Imported here: the tests' own process need not import them.
    from selfsup.cli.train_colorizer import TOOL
    from selfsup.training.checkpoints import Checkpoints

    save = Checkpoints.save

    def save_first(self, step):
        Checkpoints.save = save
        save(self, step)
        saved()

    if saved is not None:
        Checkpoints.save = save_first
    TOOL.run(["tool", *arguments])
