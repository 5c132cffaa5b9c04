"""Where a process stands among workers; what they send each other needs several.

The exchange itself is tested in training/test_cluster.py, by two processes.
"""

import signal

import pytest
import tensorflow as tf

from selfsup import stopping, workers


class _Cluster:
    """A strategy that says where it stands, and no more."""

    num_replicas_in_sync = 4

    def __init__(self, jobs, task_type="worker", task_id=0):
        self.jobs, self.task_type, self.task_id = jobs, task_type, task_id
        self.cluster_resolver = self

    def cluster_spec(self):
        """Returns the jobs and their addresses."""
        return tf.train.ClusterSpec(self.jobs)


TWO = _Cluster({"worker": ["a:1", "b:1"]}, task_id=1)


@pytest.mark.parametrize(
    ("strategy", "place"),
    [
        (tf.distribute.get_strategy(), (0, 1)),
        (_Cluster({}), (0, 1)),
        (TWO, (1, 2)),
        (_Cluster({"chief": ["c:1"], "worker": ["a:1", "b:1"]}, "chief"), (0, 3)),
        (_Cluster({"chief": ["c:1"], "worker": ["a:1", "b:1"]}, task_id=1), (2, 3)),
    ],
)
def test_place(strategy, place):
    assert workers.place(strategy) == place


def test_one_process_gets_what_it_sends():
    alone = tf.distribute.get_strategy()
    assert workers.exchange(alone, "é") == ["é".encode()]
    sent = [
        tf.constant([[1, 2]], tf.int8),
        tf.constant(["text"]),
        tf.zeros([0], tf.bool),
    ]
    (found,) = workers.exchange_tensors(alone, sent)
    for one, other in zip(found, sent, strict=True):
        assert one.dtype == other.dtype
        assert one.numpy().tolist() == other.numpy().tolist()


def _told(monkeypatch, *texts):
    """Lets workers have sent these texts."""
    monkeypatch.setattr(workers, "exchange", lambda strategy, text="": list(texts))


def test_numbers_are_summed_over_the_workers(monkeypatch):
    assert workers.total(None, {"a": 1, "b": 0.1}) == {"a": 1, "b": 0.1}
    _told(monkeypatch, b'{"a": 1, "b": 0.25}', b'{"a": 2, "b": 0.5}')
    assert workers.total(TWO, {"a": 1, "b": 0.25}) == {"a": 3, "b": 0.75}


def test_different_settings_are_named_with_their_workers(monkeypatch):
    _told(monkeypatch, b'{"seed": 1, "width": 2}', b'{"seed": 1, "width": 3, "x": 0}')
    with pytest.raises(ValueError, match="started differently") as error:
        workers.check_equal(TWO, {})
    assert "Received: width (worker 0: 2, worker 1: 3); x (" in str(error.value)
    _told(monkeypatch, b'{"seed": 1}', b'{"seed": 1}')
    workers.check_equal(TWO, {})


def test_the_others_hear_why_the_chief_failed(monkeypatch):
    _told(monkeypatch, b"The workdir is full.", b"")
    with pytest.raises(ValueError, match="The workdir is full."):
        with workers.chief_first(TWO):
            pytest.fail("This worker goes on.")
    sent = []
    monkeypatch.setattr(workers, "exchange", lambda _, text="": sent.append(text))
    with pytest.raises(OSError, match="full"):
        with workers.chief_first(tf.distribute.get_strategy()):
            raise OSError("The workdir is full.\nSo it is.")
    assert sent == ["The workdir is full."]


def test_a_lost_worker_takes_one_line():
    error = tf.errors.UnavailableError(None, None, "of many\nlines")
    with pytest.raises(RuntimeError, match="A worker was lost. Expected 2 of them"):
        with workers.together(TWO):
            raise error
    # Alone it is what it is.
    with pytest.raises(tf.errors.UnavailableError):
        with workers.together(tf.distribute.get_strategy()):
            raise error


def test_a_signal_waits_until_all_know_of_it():
    with stopping.handled(), workers.together(TWO):
        signal.raise_signal(signal.SIGTERM)
        stopping.check()
        assert stopping.pending() == signal.SIGTERM
        stopping.deliver(0)
        stopping.check()
        stopping.deliver(signal.SIGTERM)
        with pytest.raises(stopping.Stopped):
            stopping.check()
        assert (stopping.pending(), stopping.exit_code()) == (0, 143)


def test_a_signal_that_was_not_shared_counts_in_the_end():
    with stopping.handled():
        with workers.together(TWO):
            signal.raise_signal(signal.SIGTERM)
        assert stopping.exit_code() == 143
