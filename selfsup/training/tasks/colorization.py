"""The proxy task of the paper: predict the color of gray photographs."""

import dataclasses

import numpy as np
import tensorflow as tf
from absl import logging

from selfsup import (
    data,
    evaluation,
    heads,
    inference,
    losses,
    networks,
    pictures,
    workers,
)
from selfsup.settings import setting
from selfsup.training.pretraining_config import PretrainingConfig
from selfsup.training.run_config import PointConfig
from selfsup.training.step import WeightedLoss
from selfsup.training.strategies import precision
from selfsup.training.tasks.pretraining import (
    PERIODIC_BATCHES,
    PretrainingEvaluationConfig,
    PretrainingTask,
)

# Hue counts five times (the released prototxt's loss_weight).
_WEIGHTS = {heads.HUE: 5.0, heads.CHROMA: 1.0, heads.AB: 1.0}
_LOSSES = {
    heads.HUE: losses.HistogramKL,
    heads.CHROMA: losses.HistogramKL,
    heads.AB: losses.LabL2,
}

# Training batches that the mean histogram is taken from.
_BASELINE_BATCHES = 32


@dataclasses.dataclass(frozen=True)
class ColorizationConfig(PretrainingConfig, PointConfig):
    """Settings of pretraining by colorization."""

    loss: str = setting(
        "histogram",
        "What is predicted: histogram (of hue and of chroma) or lab (a and b).",
        choices=("histogram", "lab"),
    )
    hypercolumn: bool = setting(
        True, "Predict from all layers; without, from the last one only."
    )
    bins: int = setting(32, "Bins of each histogram.", 2, 256)


@dataclasses.dataclass(frozen=True)
class ColorizationEvaluationConfig(PretrainingEvaluationConfig):
    """Options of the evaluation of a colorizer."""

    crop_size: int | None = setting(
        None, "Side of the crops, for a .keras file without config.json.", 8
    )


class Colorization(PretrainingTask):
    """Predicts hue and chroma, or a and b, at points of gray photographs.

    Args:
        config: A `ColorizationConfig`.
    """

    name, kind = "colorization", "colorizer"
    Config, EvaluationConfig = ColorizationConfig, ColorizationEvaluationConfig
    figures = ("samples.png",)
    input_fields = [*PretrainingTask.input_fields, "points", "point_margin", "bins"]

    def __init__(self, config):
        super().__init__(config)
        self._baseline, self._shown = None, {}

    @property
    def logged(self):
        return (heads.AB,) if self.config.loss == "lab" else (heads.HUE, heads.CHROMA)

    @property
    def side(self):
        """Mean shortest side of images in training, in pixels."""
        return (self.config.min_side + self.config.max_side) // 2

    def input_config(self, **changes):
        return super().input_config(**{"targets": self.config.loss, **changes})

    def model(self, backbone, samples):
        config, taps = self.config, networks.taps(backbone)
        return heads.colorizer(
            backbone,
            taps if config.hypercolumn else taps[-1:],
            config.bins,
            loss=config.loss,
            hidden=config.hidden,
            dropout=config.dropout,
            hidden_stddev=config.hidden_stddev,
        )

    def batches(self, samples, start=0, shard=(0, 1)):
        return self._stream(samples, start, shard)

    def _stream(self, samples, start=0, shard=(0, 1)):
        return data.pipeline(
            self.input_config(), start, status=True, images=samples, shard=shard
        )

    def losses(self, model, samples):
        # Looks at the images before anything is trained on them.
        batches = self._stream(samples).take(_BASELINE_BATCHES)
        self._baseline = evaluation.constant_predictions(self.watched(batches, samples))
        if self.config.loss == "lab":
            scale = self._lab_scale(model, samples)
            logging.info("Lab loss scaled by %.4g for an equal gradient", scale)
            return {heads.AB: WeightedLoss(losses.LabL2(scale), _WEIGHTS[heads.AB])}
        return {
            name: WeightedLoss(_LOSSES[name](), _WEIGHTS[name]) for name in model.output
        }

    def _lab_scale(self, model, samples):
        """Returns the factor that makes the Lab loss start like the histogram loss.

        The backbone is the same, the hidden layers are equal at the start, and the
        losses are taken on the same first batch: the factor is the quotient of the
        norms of their gradients on the backbone's kernels. The paper says that the
        losses were "scaled similarly" and no more.
        """
        histogram = Colorization(dataclasses.replace(self.config, loss="histogram"))
        with precision(self.config.precision):
            backbone = networks.build(networks.describe(model))
            other = histogram.model(backbone, samples)
        for layer in other.layers:
            if not layer.name.startswith("prediction"):
                layer.set_weights(model.get_layer(layer.name).get_weights())
        norms = []
        for task, current in ((histogram, other), (self, model)):
            inputs, targets, weights, *_ = next(iter(task._stream(samples).take(1)))
            with tf.GradientTape() as tape:
                outputs = current(inputs, training=False)
                total = sum(
                    _WEIGHTS[name]
                    * _LOSSES[name]()(target, outputs[name], weights[name])
                    for name, target in targets.items()
                )
            kernels = [
                variable.value
                for layer in current.layers
                if not layer.name.startswith(("prediction", "h_fc1"))
                for variable in layer.trainable_variables
                if len(variable.shape) > 1
            ]
            norms.append(tf.linalg.global_norm(tape.gradient(total, kernels)))
        return float(norms[0] / norms[1])

    def predictor(self, model):
        return inference.colorizer_predictor(model)

    def measure(self, predict, samples, strategy=None, batches=PERIODIC_BATCHES):
        dataset = self.measured_batches(samples, self._each_once(strategy))
        found = self.watched(dataset.take(batches), samples)
        return evaluation.point_metrics(predict.points, found, self._baseline, strategy)

    def _each_once(self, strategy):
        options = {"status": True, "shard": workers.place(strategy)}
        config = self.input_config(augment=False)
        return lambda samples: data.pipeline(config, images=samples, **options)

    def draw(self, predict, parts):
        for part, title in (("train", "training"), ("held_out", "held out")):
            if part in parts and title not in self._shown:
                self._shown[title] = evaluation.choose_images(parts[part])
        return evaluation.colorization_sheet(predict.dense, self._shown, self.side)

    def facts(self):
        return {"constants": {n: v.tolist() for n, v in self._baseline.items()}}

    @classmethod
    def for_evaluation(cls, run, options):
        if run.settings is None:
            if not options.data or not options.crop_size:
                raise ValueError(
                    "There is no config.json beside the model. Expected one, or --data "
                    f"and --crop_size. Received: data={options.data}, "
                    f"crop_size={options.crop_size}"
                )
            config = ColorizationConfig.from_preset(
                "paper",
                crop_size=options.crop_size,
                loss="lab" if heads.AB in run.model.output else "histogram",
            )
            run = run._replace(settings=config.to_json())
        elif options.crop_size:
            raise ValueError(
                "The size of the crops is the run's own. Expected --crop_size only for "
                "a model without config.json. "
                f"Received: crop_size={options.crop_size}"
            )
        task, *others = super().for_evaluation(run, options)
        constants = (run.results or {}).get("constants")
        task._baseline = constants and {k: np.float32(v) for k, v in constants.items()}
        return task, *others

    def evaluate(self, model, samples, options, strategy=None, journal=None):
        predict = self.predictor(model)
        results = evaluation.evaluate_colorizer(
            predict, samples, self.input_config(augment=False), self._baseline
        )

        def draw(folder):
            shown = {"held out": evaluation.choose_images(samples, count=12)}
            sheet = evaluation.colorization_sheet(predict.dense, shown, self.side)
            pictures.save_image(folder / "samples.png", sheet)

        return results, draw
