"""One training step, on one device or several."""

import dataclasses
import math
from typing import NamedTuple

import keras
import tensorflow as tf
from absl import logging


class WeightedLoss(NamedTuple):
    """The loss of one output and its weight in the total.

    Attributes:
        loss: A Keras loss.
        weight: Its factor in the total.
        relative: Whether sample weights are divided by their mean over the batch, all
            replicas' parts of it; all remain 0 where they are.
    """

    loss: keras.losses.Loss
    weight: float
    relative: bool = False


@dataclasses.dataclass(frozen=True)
class Step:
    """One training step: gradients over the parts of a batch, one update.

    Args:
        model: A model whose outputs are a dict.
        optimizer: A built Keras optimizer.
        losses: A `WeightedLoss` for each output.
        strategy: The `tf.distribute.Strategy` of the model.
        accumulation: Parts that the batch is split into; their gradients are
            averaged before the update.
        jit: Whether to compile with XLA.
        clip_norm: Greatest norm of the gradient over all variables and all
            replicas, None for any. An optimizer's own `global_clipnorm` sees one
            replica's share only.
    """

    model: keras.Model
    optimizer: keras.optimizers.Optimizer
    losses: dict[str, WeightedLoss]
    strategy: tf.distribute.Strategy
    accumulation: int = 1
    jit: bool = False
    clip_norm: float | None = None

    def __call__(self, inputs, targets, weights):
        """Runs one step on the replicas' parts of a batch.

        Args:
            inputs: Dict of input tensors, the batch first.
            targets: Dict of target tensors, by output.
            weights: Dict of sample weights, by output.

        Returns:
            A dict of scalars: each output's unweighted loss, and `loss`.
        """
        update = (
            tf.function(self._update, jit_compile=True) if self.jit else self._update
        )
        values = self.strategy.run(update, args=(inputs, targets, weights))
        # Keras losses have divided by the number of replicas.
        return {
            name: self.strategy.reduce("SUM", value, axis=None)
            for name, value in values.items()
        }

    def _update(self, inputs, targets, weights):
        batch = inputs, targets, self._relative(weights)
        tensors = [tf.split(x, self.accumulation) for x in tf.nest.flatten(batch)]
        variables = self.model.trainable_variables
        sums = None
        for part in zip(*tensors, strict=True):
            # One after the other: at once they would need the memory of all.
            with tf.control_dependencies(sums[0] if sums else []):
                with tf.GradientTape() as tape:
                    values = self._losses(*tf.nest.pack_sequence_as(batch, part))
                gradients = tape.gradient(values["loss"], [v.value for v in variables])
                found = [tf.convert_to_tensor(x) for x in gradients], values
            sums = tf.nest.map_structure(tf.add, sums, found) if sums else found
        scale = 1.0 / self.accumulation
        gradients, values = tf.nest.map_structure(lambda x: scale * x, sums)
        if self.clip_norm:
            gradients = self._clipped(gradients)
        self.optimizer.apply(gradients, variables)
        # Adds nothing, unless a gradient is not finite: then the loss is not.
        values["loss"] += 0.0 * tf.linalg.global_norm(sums[0])
        return values

    def _relative(self, weights):
        weights = dict(weights)
        for name, weighted in self.losses.items():
            if weighted.relative:
                mean = tf.reduce_mean(weights[name])
                if self.strategy.num_replicas_in_sync > 1:
                    context = tf.distribute.get_replica_context()
                    mean = context.all_reduce("MEAN", mean)
                weights[name] = tf.math.divide_no_nan(weights[name], mean)
        return weights

    def _clipped(self, gradients):
        replicas = self.strategy.num_replicas_in_sync
        if replicas > 1:
            context = tf.distribute.get_replica_context()
            gradients = context.all_reduce("SUM", gradients)
        gradients, _ = tf.clip_by_global_norm(gradients, self.clip_norm)
        # The optimizer sums over the replicas once more.
        return [gradient / replicas for gradient in gradients]

    def _losses(self, inputs, targets, weights):
        outputs = self.model(inputs, training=True)
        values = {
            name: weighted.loss(targets[name], outputs[name], weights[name])
            for name, weighted in self.losses.items()
        }
        total = sum(self.losses[name].weight * value for name, value in values.items())
        return {**values, "loss": total}


def divisible_batch(batch_size, replicas, accumulation):
    """Checks that a batch splits evenly over replicas and parts.

    Args:
        batch_size: Images a step, over all replicas.
        replicas: Number of replicas.
        accumulation: Parts that each replica's share is split into.

    Raises:
        ValueError: If it does not.
    """
    parts = replicas * accumulation
    if batch_size % parts:
        count = math.ceil(batch_size / parts)
        raise ValueError(
            "The batch does not split evenly. Expected a multiple of "
            f"{replicas} devices x {accumulation} parts = {parts}. Received: "
            f"batch_size={batch_size}, try {count} x {parts} = {count * parts}"
        )


def one_device_for_jit(jit, replicas):
    """Checks that a step which is to be compiled runs on one device.

    Args:
        jit: Whether to compile with XLA.
        replicas: Number of replicas.

    Raises:
        ValueError: If there are several.
    """
    if jit and replicas > 1:
        raise ValueError(
            "XLA cannot compile a step over several devices. Expected jit=False or "
            f"one device. Received: jit=True, {replicas} devices"
        )
    if jit and not tf.config.list_logical_devices("GPU"):
        logging.warning(
            "XLA compiles the step for the CPU, which takes a minute or more; after "
            "it, steps took twice as long as without --jit"
        )
