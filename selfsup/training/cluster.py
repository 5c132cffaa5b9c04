"""Several machines: from the environment to a strategy that spans them.

Every machine runs the same command. Who takes part stands in `TF_CONFIG`, or comes from
SLURM where a job step has several tasks; see docs/machines.md.
"""

import contextlib
import json
import math
import os
import shutil
import signal
import socket
import tempfile
import time

import tensorflow as tf
from absl import logging

# Until all workers have come; machines of a job start at different times.
WAIT_SECONDS = 300.0

_TASKS = ("chief", "worker")
# More than tasks of a job on one machine.
_MANY = 1024
_EXPECTED = (
    'Expected such as {"cluster": {"worker": ["HOST:PORT", "HOST:PORT"]}, "task": '
    '{"type": "worker", "index": 0}}'
)


def strategy(seconds=WAIT_SECONDS):
    """Joins the cluster that the environment names.

    To be called before TensorFlow has done anything else.

    Args:
        seconds: Longest wait for the others.

    Returns:
        A `tf.distribute.MultiWorkerMirroredStrategy`, or None where the environment
        names no others.

    Raises:
        ValueError: If `TF_CONFIG` is not valid.
        TimeoutError: If a worker has not come in time; it is named.
        OSError: If the port of this worker cannot be used.
    """
    resolver = _resolver()
    if resolver is None:
        return None
    addresses = _addresses(resolver)
    own = addresses.index(_own_address(resolver))
    _wait_for_all(addresses, own, seconds)
    # It describes every collective operation.
    tf.get_logger().setLevel("WARNING")
    with _default_signals(seconds):
        joined = tf.distribute.MultiWorkerMirroredStrategy(resolver)
    if own:
        # One of them tells what happens.
        logging.set_verbosity(logging.WARNING)
    logging.info("%d workers, %d replicas", len(addresses), joined.num_replicas_in_sync)
    return joined


def _resolver():
    """Returns a resolver of TensorFlow's, or None where there are no others."""
    resolvers = tf.distribute.cluster_resolver
    if "TF_CONFIG" in os.environ:
        config = _checked(os.environ["TF_CONFIG"])
        alone = sum(len(config["cluster"].get(task, ())) for task in _TASKS) == 1
        return None if alone else resolvers.TFConfigClusterResolver()
    if int(os.environ.get("SLURM_STEP_NUM_TASKS", 1)) > 1:
        resolver = resolvers.SlurmClusterResolver(
            # Jobs may share a machine.
            port_base=20000 + int(os.environ.get("SLURM_JOB_ID", 0)) % 20000,
            # SLURM binds GPUs to tasks; the resolver would count them by nvidia-smi.
            gpus_per_node=_MANY,
            gpus_per_task=1,
            auto_set_gpu=False,
        )
        # It learns its own task here.
        resolver.cluster_spec()
        return resolver
    return None


def _checked(text):
    """Returns the content of `TF_CONFIG`, valid."""
    try:
        config = json.loads(text)
        cluster, task = config["cluster"], config["task"]
        jobs = {job: list(map(_port, places)) for job, places in cluster.items()}
        valid = (
            set(jobs) <= set(_TASKS)
            and len(jobs.get("chief", ())) <= 1
            and 0 <= task["index"] < len(jobs[task["type"]])
        )
    except (KeyError, TypeError, ValueError, AttributeError):
        valid = False
    if not valid:
        raise ValueError(
            f"The variable TF_CONFIG is not valid. {_EXPECTED}, of chief and worker "
            f"alone. Received: {text}"
        )
    return config


def _port(address):
    host, _, port = address.rpartition(":")
    if not host or not 0 < int(port) < 65536:
        raise ValueError
    return int(port)


def _addresses(resolver):
    """Returns the addresses of all workers, the chief's first."""
    cluster = resolver.cluster_spec().as_dict()
    return [address for task in _TASKS for address in cluster.get(task, ())]


def _own_address(resolver):
    cluster = resolver.cluster_spec().as_dict()
    return cluster[resolver.task_type][resolver.task_id]


def _wait_for_all(addresses, own, seconds):
    """Returns when all workers are there.

    TensorFlow's own wait can take an hour, names nobody and heeds no signal. So the
    workers meet here before: each one calls at the chief's address until it answers,
    and the chief answers all at once when the last one has called.
    """
    deadline = time.monotonic() + seconds
    try:
        port = int(addresses[own].rpartition(":")[2])
        listener = socket.create_server(("", port))
    except OSError as error:
        raise OSError(
            "The port of this worker cannot be used. Expected a free one. "
            f"Received: {addresses[own]} ({error.strerror})"
        ) from error
    with contextlib.ExitStack() as opened:
        opened.enter_context(listener)
        if own:
            _call(addresses, own, deadline, seconds)
        else:
            _answer(opened, listener, addresses, deadline, seconds)


def _answer(opened, listener, addresses, deadline, seconds):
    callers = {}
    while len(callers) < len(addresses) - 1:
        listener.settimeout(max(0.01, deadline - time.monotonic()))
        try:
            caller = opened.enter_context(listener.accept()[0])
            caller.settimeout(10)
            callers[int(caller.recv(16))] = caller
        except TimeoutError:
            if time.monotonic() >= deadline:
                others = [i for i in range(1, len(addresses)) if i not in callers]
                _fail(", ".join(addresses[i] for i in others), seconds)
        except (OSError, ValueError):
            continue  # It hung up, or is somebody else; the worker calls again.
    for caller in callers.values():
        caller.sendall(b"go")


def _call(addresses, own, deadline, seconds):
    host, _, port = addresses[0].rpartition(":")
    while True:
        try:
            left = max(0.01, deadline - time.monotonic())
            chief = socket.create_connection((host, int(port)), timeout=min(5, left))
            with chief:
                chief.sendall(str(own).encode())
                chief.settimeout(left)
                if chief.recv(2) == b"go":
                    return
        except OSError:
            pass
        if time.monotonic() >= deadline:
            _fail(f"{addresses[0]}, or another worker that it waits for", seconds)
        time.sleep(0.2)


def _fail(missing, seconds):
    raise TimeoutError(
        f"Not all workers have come in {seconds:.0f} seconds. Expected the same "
        "command on all machines, and ports that they can reach. Received nothing "
        f"from: {missing}"
    )


@contextlib.contextmanager
def _default_signals(seconds):
    """Lets signals, and the end of a time, end the process.

    TensorFlow waits without heeding Python's handlers. All workers were there just now,
    so it does where one of them has died since.
    """
    numbers = signal.SIGINT, signal.SIGTERM, signal.SIGALRM
    before = [signal.signal(number, signal.SIG_DFL) for number in numbers]
    signal.alarm(math.ceil(seconds))
    try:
        yield
    finally:
        signal.alarm(0)
        for number, handler in zip(numbers, before, strict=True):
            signal.signal(number, handler)


@contextlib.contextmanager
def private_copy(workdir):
    """Yields a folder of a worker that is not the chief, as a copy of the run's.

    What it writes there is what the chief writes to `workdir`; it goes in the end.

    Args:
        workdir: The folder of the run.
    """

    def place(source, target):
        # Checkpoints and models are read only.
        large = source.endswith((".keras", ".index")) or ".data-" in source
        (os.symlink if large else shutil.copy2)(os.path.abspath(source), target)

    unneeded = shutil.ignore_patterns(
        ".*", "tensorboard", "snapshots", "evaluation", "*.png"
    )
    with tempfile.TemporaryDirectory(prefix="selfsup-worker-") as folder:
        shutil.copytree(
            workdir, folder, copy_function=place, ignore=unneeded, dirs_exist_ok=True
        )
        yield folder
