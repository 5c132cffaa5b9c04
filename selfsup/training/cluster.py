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
import tempfile

import tensorflow as tf
from absl import logging

from selfsup.training import meeting

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
        ValueError: If `TF_CONFIG` is not valid, or workers have different ones.
        TimeoutError: If a worker has not come in time; it is named.
        OSError: If the port of this worker cannot be used.
    """
    resolver = _resolver()
    if resolver is None:
        return None
    places = _places(resolver)
    own = places.index(_own_place(resolver))
    meeting.wait_for_all(places, own, seconds)
    # It describes every collective operation.
    tf.get_logger().setLevel("WARNING")
    with _default_signals(seconds):
        joined = tf.distribute.MultiWorkerMirroredStrategy(resolver)
    if own:
        # One of them tells what happens.
        logging.set_verbosity(logging.WARNING)
    logging.info("%d workers, %d replicas", len(places), joined.num_replicas_in_sync)
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
        jobs = {job: list(map(meeting.port, places)) for job, places in cluster.items()}
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


def _places(resolver):
    """Returns [task, address] of all workers, the chief's first."""
    cluster = resolver.cluster_spec().as_dict()
    return [[task, address] for task in _TASKS for address in cluster.get(task, ())]


def _own_place(resolver):
    cluster = resolver.cluster_spec().as_dict()
    return [resolver.task_type, cluster[resolver.task_type][resolver.task_id]]


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
