"""The processes that train one model together, and how they tell each other things.

A worker is a process under `tf.distribute.MultiWorkerMirroredStrategy`. Worker 0 is the
chief: what it writes counts. All workers call `exchange` at the same places, so that
they take the same decisions; a signal that one of them gets reaches all there.
"""

import contextlib
import functools
import json

import numpy as np
import tensorflow as tf

from selfsup import atomic, stopping

# What a collective operation ends in when another worker dies.
_LOST = (
    tf.errors.AbortedError,
    tf.errors.CancelledError,
    tf.errors.DeadlineExceededError,
    tf.errors.InternalError,
    tf.errors.UnavailableError,
)


def place(strategy):
    """Returns which worker this process is, and how many there are.

    Args:
        strategy: A `tf.distribute.Strategy`; None for the current one.

    Returns:
        A pair: a number from 0 on, the chief's first, and the number of workers, 1
        without a cluster.
    """
    resolver = (strategy or tf.distribute.get_strategy()).cluster_resolver
    if resolver is None or not resolver.cluster_spec():
        return 0, 1
    cluster = resolver.cluster_spec().as_dict()
    before = len(cluster.get("chief", ())) if resolver.task_type == "worker" else 0
    return before + resolver.task_id, sum(map(len, cluster.values()))


def exchange(strategy, text=""):
    """Sends a text to all workers and returns what they send.

    Args:
        strategy: A `tf.distribute.Strategy`.
        text: A string, or bytes.

    Returns:
        A list of the bytes of every worker, the chief's first.

    Raises:
        stopping.Stopped: If a worker got a signal.
    """
    found = _exchanged(strategy, text.encode() if isinstance(text, str) else text)
    if len(found) > 1:
        stopping.check()
    return found


def _exchanged(strategy, data):
    worker, workers = place(strategy)
    if workers == 1:
        return [data]
    words = np.frombuffer(data + bytes(-len(data) % 4), np.int32)
    message = np.concatenate([[len(data), stopping.pending()], words]).astype(np.int32)
    replicas = strategy.num_replicas_in_sync // workers

    def of_replica(context):
        speaks = context.replica_id_in_sync_group % replicas == 0
        # Empty tensors are not gathered by every device.
        return tf.constant(message if speaks else [-1], tf.int32)

    values = strategy.experimental_distribute_values_from_function(of_replica)
    found, signals, texts = strategy.gather(values, axis=0).numpy(), [], []
    while len(found):
        size = found[0]
        words = (size + 3) // 4
        if size >= 0:
            signals.append(int(found[1]))
            texts.append(found[2 : 2 + words].tobytes()[:size])
        found = found[1 if size < 0 else 2 + words :]
    stopping.deliver(max(signals))
    return texts


def exchange_tensors(strategy, tensors):
    """Sends tensors to all workers; returns a list of those of each.

    A signal waits for `stopping.check`, so that what was sent is not lost.

    Args:
        strategy: A `tf.distribute.Strategy`.
        tensors: List of tensors, of the same number and types on all workers.
    """
    parts = [tf.io.serialize_tensor(tensor).numpy() for tensor in tensors]
    sizes = json.dumps([len(part) for part in parts]).encode()
    found = _exchanged(strategy, sizes + b"\n" + b"".join(parts))
    return [_parsed(message, [tensor.dtype for tensor in tensors]) for message in found]


def _parsed(message, types):
    sizes, _, rest = message.partition(b"\n")
    tensors = []
    for size, dtype in zip(json.loads(sizes), types, strict=True):
        tensors.append(tf.io.parse_tensor(rest[:size], dtype))
        rest = rest[size:]
    return tensors


def total(strategy, values):
    """Sums numbers over all workers.

    Args:
        strategy: A `tf.distribute.Strategy`; None for the current one.
        values: Dict from names, the same on all workers, to numbers.

    Returns:
        A dict from the names to the sums, equal on all workers.
    """
    if place(strategy)[1] == 1:
        return dict(values)
    found = [json.loads(text) for text in exchange(strategy, json.dumps(values))]
    return {name: sum(one[name] for one in found) for name in values}


def take_from_chief(strategy, variables):
    """Gives variables the values that the chief has.

    Args:
        strategy: A `tf.distribute.Strategy`.
        variables: Keras variables, made in its scope.
    """

    def of_replica(context, value):
        mine = context.replica_id_in_sync_group == 0
        return value if mine else tf.zeros_like(value)

    for variable in variables:
        value = tf.convert_to_tensor(variable.numpy())
        if value.dtype.is_integer:
            # Seeds are of a type that GPUs do not sum.
            value = tf.cast(value, tf.int64)
        values = strategy.experimental_distribute_values_from_function(
            functools.partial(of_replica, value=value)
        )
        chiefs = strategy.reduce("SUM", values, axis=None)
        variable.assign(tf.cast(chiefs, variable.dtype))


def check_equal(strategy, settings):
    """Checks that all workers were started with the same settings.

    Args:
        strategy: A `tf.distribute.Strategy`.
        settings: Dict that `json.dumps` accepts.

    Raises:
        ValueError: If they differ; it names the settings.
    """
    found = [json.loads(x) for x in exchange(strategy, json.dumps(settings))]
    differing = [
        f"{name} ({', '.join(f'worker {i}: {x.get(name)!r}' for i, x in pairs)})"
        for name in sorted({name for one in found for name in one})
        if any(one.get(name) != found[0].get(name) for one in found)
        for pairs in [list(enumerate(found))]
    ]
    if differing:
        raise ValueError(
            "The workers were started differently. Expected the same command and the "
            f"same data on each. Received: {'; '.join(differing)}"
        )


@contextlib.contextmanager
def chief_first(strategy):
    """Lets the chief do something before the others go on.

    Yields:
        Whether this process is the chief.

    Raises:
        ValueError: On all workers, with the chief's text, if the chief failed.
    """
    chief = place(strategy)[0] == 0
    if chief:
        try:
            yield True
        except (OSError, ValueError) as error:
            exchange(strategy, atomic.first_line(error))
            raise
        exchange(strategy)
        return
    failure = exchange(strategy)[0]
    if failure:
        raise ValueError(failure.decode())
    yield False


@contextlib.contextmanager
def together(strategy):
    """Shares signals among the workers and names a lost one within this block.

    Raises:
        RuntimeError: If another worker ended in the middle.
    """
    workers = place(strategy)[1]
    if workers == 1:
        yield
        return
    try:
        with stopping.shared():
            yield
    except _LOST as error:
        raise RuntimeError(
            f"A worker was lost. Expected {workers} of them until the end; the same "
            "command on all goes on from the newest checkpoint. "
            f"Received: {type(error).__name__}"
        ) from error
