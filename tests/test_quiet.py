"""The greeting of TensorFlow is dropped, and nothing else."""

import os

from selfsup import quiet


def test_other_lines_come_through(capfd):
    with quiet.importing():
        os.write(2, b"I0000 00:00 1 port.cc:153] oneDNN custom operations are on.\n")
        os.write(2, b"a warning of somebody else\n")
    assert capfd.readouterr().err == "a warning of somebody else\n"
