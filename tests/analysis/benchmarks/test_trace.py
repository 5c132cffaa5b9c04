"""Kernels are summed from traces as the profiler writes them."""

import gzip
import json

import pytest

from selfsup.analysis.benchmarks import trace


def _write(folder, events):
    folder.mkdir(parents=True)
    with gzip.open(folder / "host.trace.json.gz", "wt") as file:
        json.dump({"traceEvents": events}, file)


def _name(kind, name, pid, tid=None):
    return {"ph": "M", "name": kind, "pid": pid, "tid": tid, "args": {"name": name}}


def _event(name, pid, tid, dur):
    return {"ph": "X", "name": name, "pid": pid, "tid": tid, "dur": dur}


def test_the_streams_of_a_device_count_and_nothing_else(tmp_path):
    events = [
        _name("process_name", "/device:GPU:0", 1),
        _name("process_name", "/host:CPU", 2),
        _name("thread_name", "Stream #13(Compute)", 1, 5),
        _name("thread_name", "XLA Modules", 1, 6),
        _event("conv", 1, 5, 3000),
        _event("add", 1, 5, 1000),
        _event("conv", 1, 5, 5000),
        _event("jit_step", 1, 6, 9000),
        _event("python", 2, 5, 9000),
    ]
    _write(tmp_path / "plugins" / "profile", events)
    found = trace.longest(trace.newest(tmp_path), steps=2, count=1)
    assert found == {"all": 4.5, "conv": 4.0}


def test_on_a_cpu_the_operations_count(tmp_path):
    events = [
        _name("process_name", "/host:CPU", 2),
        _name("thread_name", "tf_XLAEigen/7", 2, 7),
        _name("thread_name", "python", 2, 8),
        _event("ThunkExecutor::Execute", 2, 7, 9000),
        _event("dot", 2, 7, 2000),
        _event("main", 2, 8, 9000),
    ]
    _write(tmp_path / "a", events)
    assert trace.longest(trace.newest(tmp_path), 1) == {"all": 2.0, "dot": 2.0}


def test_a_missing_trace_is_named(tmp_path):
    with pytest.raises(FileNotFoundError, match="none below"):
        trace.newest(tmp_path)
