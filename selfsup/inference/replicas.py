"""One item for each device at a time."""

import itertools

import tensorflow as tf

from selfsup import stopping, workers


def over_replicas(function, items, strategy=None):
    """Applies a function to items, as many at once as there are replicas.

    Several workers take the same items and get all results, each a tensor.

    Args:
        function: Takes one tensor; runs on each replica.
        items: Iterable of pairs of anything and a tensor. Shapes may differ.
        strategy: A `tf.distribute.Strategy`; None for the current one.

    Yields:
        Pairs of the first element and the function's result, in order.
    """
    strategy = strategy or tf.distribute.get_strategy()
    replicas = strategy.num_replicas_in_sync
    run = _on_replicas(function, strategy) if replicas > 1 else None
    items = iter(items)
    while group := list(itertools.islice(items, replicas)):
        tensors = [tf.convert_to_tensor(tensor) for _, tensor in group]
        if run is None:
            results = [function(*tensors)]
        else:
            # Replicas that are left over repeat the last item.
            results = run(tensors + tensors[-1:] * (replicas - len(group)))
            if workers.place(strategy)[1] > 1:
                found = workers.exchange_tensors(strategy, results)
                results = list(itertools.chain.from_iterable(found))
        stopping.check()
        for (about, _), result in zip(group, results, strict=False):
            yield about, result


def _on_replicas(function, strategy):
    # In one graph: called eagerly, replicas would run one after the other.
    @tf.function(reduce_retracing=True)
    def run(tensors):
        values = strategy.experimental_distribute_values_from_function(
            lambda context: tensors[context.replica_id_in_sync_group]
        )
        results = strategy.run(lambda tensor: function(tensor), args=(values,))
        return strategy.experimental_local_results(results)

    return run
