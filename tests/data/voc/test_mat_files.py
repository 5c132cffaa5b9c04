"""Masks are read in other processes, which may crash."""

import concurrent.futures
import os
import signal

import numpy as np
import pytest

from selfsup.data.voc import mat_files, mat_worker

_CRASHES = """
import os, signal, sys
for line in sys.stdin:
    if "crash" in line:
        os.kill(os.getpid(), signal.SIGBUS)
    print('{"shape": [1, 2]}\\nab', end="", flush=True)
"""


@pytest.fixture
def fresh():
    mat_files.close()
    yield
    mat_files.close()


@pytest.fixture
def mask():
    return np.random.default_rng(0).integers(0, 21, (7, 13), dtype=np.uint8)


def test_one_process_reads_many_files(fresh, mask, tmp_path, tools):
    for i in range(5):
        tools.save_mat(tmp_path / f"{i}.mat", mask + i)
    for i in range(5):
        np.testing.assert_array_equal(mat_files.read(tmp_path / f"{i}.mat"), mask + i)
        np.testing.assert_array_equal(mat_worker.read(tmp_path / f"{i}.mat"), mask + i)
    assert mat_files._idle.qsize() == 1


def test_threads_have_their_own(fresh, mask, tmp_path, tools):
    for i in range(4):
        tools.save_mat(tmp_path / f"{i}.mat", mask + i)
    paths = [tmp_path / f"{i % 4}.mat" for i in range(40)]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        for i, found in enumerate(pool.map(mat_files.read, paths)):
            np.testing.assert_array_equal(found, mask + i % 4)
    assert mat_files._idle.qsize() <= 4


def test_crashes_are_survived(fresh, tmp_path, monkeypatch):
    worker = tmp_path / "worker.py"
    worker.write_text(_CRASHES)
    monkeypatch.setattr(mat_files, "_WORKER", worker)
    for _ in range(2):
        assert mat_files.read("fine.mat").tobytes() == b"ab"
        with pytest.raises(ValueError, match="crashed on it .SIGBUS"):
            mat_files.read("crash.mat")
        assert mat_files._idle.empty()


def test_a_worker_that_was_killed_is_replaced(fresh, mask, tmp_path, tools):
    tools.save_mat(tmp_path / "x.mat", mask)
    mat_files.read(tmp_path / "x.mat")
    worker = mat_files._idle.get()
    os.kill(worker.pid, signal.SIGKILL)
    worker.wait()
    mat_files._idle.put(worker)
    np.testing.assert_array_equal(mat_files.read(tmp_path / "x.mat"), mask)


def test_damaged_files_end_in_an_error(mask, tmp_path, tools):
    tools.save_mat(tmp_path / "x.mat", mask)
    content = (tmp_path / "x.mat").read_bytes()
    rng, read = np.random.default_rng(0), 0
    for _ in range(60):
        damaged = bytearray(content)
        for place in rng.integers(120, len(content), 3):
            damaged[place] = rng.integers(256)
        (tmp_path / "y.mat").write_bytes(damaged)
        try:
            mat_files.read(tmp_path / "y.mat")
            read += 1
        except ValueError:
            pass
    assert read < 60
