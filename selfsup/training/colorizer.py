"""Pretraining: learns features by predicting the colours of photographs."""

import dataclasses

import keras
import tensorflow as tf
from absl import logging

from selfsup import data, evaluation, inference, pictures, runs
from selfsup.training.callbacks import Periodically, Progress, Summaries
from selfsup.training.checkpoints import Checkpoints, save_model
from selfsup.training.colorizer_model import build_colorizer, loss_terms
from selfsup.training.config import RESUMABLE, ColorizerConfig
from selfsup.training.image_watch import ImageWatch
from selfsup.training.loop import (
    LogRow,
    Schedule,
    Step,
    divisible_batch,
    memory_advice,
    one_device_for_jit,
    train,
)
from selfsup.training.optimizers import make_optimizer
from selfsup.training.strategies import (
    averaged_weights,
    default_strategy,
    synchronized_normalization,
)

# Training batches that the mean histogram is taken from.
_BASELINE_BATCHES = 32

# Batches of each evaluation during training, and of training images at its end;
# held-out images are all evaluated at the end.
_PERIODIC_BATCHES = 64


def pipeline_config(config, subset="train"):
    """Returns the part of a configuration that describes the input.

    Args:
        config: A `ColorizerConfig`.
        subset: `"train"`: endless and augmented, or `"val"`: each image once.

    Returns:
        A `data.PipelineConfig`.
    """
    return data.PipelineConfig(
        data=config.data,
        val_data=config.val_data,
        val_fraction=0.0 if config.val_data else config.val_fraction,
        subset=subset,
        crop_size=config.crop_size,
        min_side=config.min_side,
        max_side=config.max_side,
        batch_size=config.batch_size,
        points=config.points,
        point_margin=config.point_margin,
        bins=config.bins,
        targets=config.loss,
        augment=subset == "train",
        seed=config.seed,
    )


def evaluation_config(run, sources=None, crop_size=None):
    """Returns what a finished run is evaluated on, and how.

    Args:
        run: A `Run` whose model is a colorizer.
        sources: Specifications of images; None for those that the run held out.
        crop_size: Side of the crops where the run has no settings.

    Returns:
        A `data.PipelineConfig` that reads each image once.

    Raises:
        ValueError: If the model is no colorizer, or it is not known on which
            images or at which scale to evaluate it.
    """
    outputs = set(run.model.output) if isinstance(run.model.output, dict) else set()
    if outputs not in ({"hue", "chroma"}, {"ab"}):
        raise ValueError(
            "The model is no colorizer. Expected outputs hue and chroma, or ab. "
            f"Received: {run.model.name!r} in {run.folder}"
        )
    if run.settings is not None:
        config = ColorizerConfig.from_json(run.settings)
    elif sources and crop_size:
        config = ColorizerConfig.from_preset(
            "paper", crop_size=crop_size, loss="lab" if "ab" in outputs else "histogram"
        )
    else:
        raise ValueError(
            "There is no config.json beside the model. Expected one, or --data and "
            f"--crop_size. Received: data={sources}, crop_size={crop_size}"
        )
    if run.settings is not None and crop_size:
        raise ValueError(
            "The size of the crops is the run's own. Expected --crop_size only for a "
            f"model without config.json. Received: crop_size={crop_size}"
        )
    if sources:
        config = dataclasses.replace(config, val_data=tuple(sources))
    if not config.val_data and not config.val_fraction:
        raise ValueError(
            "The run held out no images. Expected --data with images to evaluate "
            "on. Received: none"
        )
    return pipeline_config(config, "val")


def train_colorizer(config, workdir, overwrite=False, strategy=None):
    """Pretrains a network, or goes on where an earlier run was stopped.

    Args:
        config: A `ColorizerConfig`.
        workdir: Folder for everything that the run writes.
        overwrite: Whether to remove an earlier run in that folder.
        strategy: A `tf.distribute.Strategy`; None for all visible devices.

    Returns:
        The results, as written to `results.json`.

    Raises:
        ValueError: If the settings, the images or the folder do not fit.
        FloatingPointError: If a loss is not finite.
        MemoryError: If the batch is too large for the device.
        OSError: If something cannot be written.
    """
    strategy = strategy or default_strategy()
    replicas = strategy.num_replicas_in_sync
    divisible_batch(config.batch_size, replicas, config.accumulation)
    one_device_for_jit(config.jit, replicas)
    images = data.images_of(pipeline_config(config))
    held_out = _open_held_out(config)
    workdir = runs.prepare(workdir, config, RESUMABLE, overwrite)
    run = _Run(config, workdir, strategy, images, held_out)
    return run.run()


def _open_held_out(config):
    if not config.val_data and not config.val_fraction:
        return None
    return data.images_of(pipeline_config(config, "val"))


class _Run:
    """One run of one process: what its parts share."""

    def __init__(self, config, workdir, strategy, images, held_out):
        self.config, self.workdir, self.strategy = config, workdir, strategy
        self.images, self.held_out = images, held_out
        self.steps = config.num_steps(len(images))
        self.input = pipeline_config(config)
        self.watch = ImageWatch(images)
        self.watch_held_out = ImageWatch(held_out, fatal=False)
        # The seed of the weights and of dropout.
        keras.utils.set_random_seed(config.seed)
        if config.deterministic:
            tf.config.experimental.enable_op_determinism()
        with strategy.scope():
            self.backbone, self.model = build_colorizer(config, self.steps)
            self.optimizer = make_optimizer(config, self.steps)
            self.optimizer.build(self.model.trainable_variables)
        # Keras callbacks look for it there.
        self.model.optimizer = self.optimizer
        self.predict = inference.dense_predictor(self.model)
        self.predict_points = inference.point_predictor(self.model)
        self.shown = {"training": evaluation.choose_images(images)}
        if held_out is not None:
            self.shown["held out"] = evaluation.choose_images(held_out)
        self.summaries = Summaries(workdir / "tensorboard")

    def run(self):
        config = self.config
        self.constants = self._constants()
        terms = loss_terms(config, self.model, self.input, self.images)
        checkpoints = Checkpoints(
            self.workdir / "checkpoints",
            self.model,
            self.optimizer,
            LogRow((*terms, "loss")),
            config.checkpoint_seconds,
        )
        first_step = checkpoints.restore()
        self._check_images(first_step)
        runs.cut_log(self.workdir / "log.csv", first_step)
        self._announce(first_step)
        step = Step(
            self.model,
            self.optimizer,
            terms,
            self.strategy,
            config.accumulation,
            config.jit,
        )
        done = first_step
        if first_step < self.steps:
            done = self._train(step, checkpoints, first_step)
        return self._finish(done)

    def _train(self, step, checkpoints, first_step):
        config = self.config
        periods = (config.eval_every, config.keep_every)
        with (
            memory_advice(config.batch_size, config.accumulation),
            synchronized_normalization(self.model, self.strategy),
        ):
            return train(
                step,
                lambda start: data.pipeline(
                    self.input, start, status=True, images=self.images
                ),
                Schedule(self.steps, config.log_every, periods),
                checkpoints,
                self._callbacks(),
                self.watch,
                first_step,
            )

    def _constants(self):
        """Returns the best constant prediction, and looks at the images first."""
        batches = data.pipeline(self.input, status=True, images=self.images)
        return evaluation.constant_predictions(
            _watched(batches.take(_BASELINE_BATCHES), self.watch)
        )

    def _check_images(self, first_step):
        parts = {"training": self.images}
        if self.held_out is not None:
            parts["held_out"] = self.held_out
        names = {part: _names(images) for part, images in parts.items()}
        runs.check_images(self.workdir, names, resuming=first_step > 0)

    def _announce(self, first_step):
        logging.info(
            "%s: %d images, %s held out, %d parameters, on %d %s",
            self.config.network,
            len(self.images),
            len(self.held_out) if self.held_out else "none",
            self.model.count_params(),
            self.strategy.num_replicas_in_sync,
            "GPU" if tf.config.list_logical_devices("GPU") else "CPU",
        )
        if first_step:
            logging.info("Resuming after step %d of %d", first_step, self.steps)

    def _callbacks(self):
        config, workdir = self.config, self.workdir
        outputs = [f"val_{name}" for name in self.model.output]
        return [
            Periodically(config.eval_every, self.steps, self._evaluate, outputs),
            Periodically(config.eval_every, self.steps, self._draw),
            Periodically(config.keep_every, 0, self._keep),
            self.summaries,
            keras.callbacks.CSVLogger(str(workdir / "log.csv"), append=True),
            Progress(),
        ]

    def _evaluate(self, step):
        del step
        if self.held_out is None:
            return {}
        metrics = self._metrics("val", _PERIODIC_BATCHES)
        return {f"val_{name}": metrics[name] for name in self.model.output}

    def _metrics(self, subset, batches=-1):
        dataset = data.pipeline(
            dataclasses.replace(self.input, subset=subset, augment=False),
            status=True,
            images=self.held_out if subset == "val" else self.images,
        ).take(batches)
        watch = self.watch_held_out if subset == "val" else self.watch
        with averaged_weights(self.model, self.optimizer):
            return evaluation.point_metrics(
                self.predict_points, _watched(dataset, watch), self.constants
            )

    def _draw(self, step):
        side = (self.config.min_side + self.config.max_side) // 2
        with averaged_weights(self.model, self.optimizer):
            sheet = evaluation.colorization_sheet(self.predict, self.shown, side)
        pictures.save_image(self.workdir / "samples.png", sheet)
        self.summaries.image("samples", sheet, step)

    def _keep(self, step):
        folder = self.workdir / "snapshots"
        folder.mkdir(exist_ok=True)
        backbone, _ = self._portable()
        save_model(backbone, folder / f"backbone-{step:08d}.keras")

    def _portable(self):
        """Returns what is saved: averaged weights, computing in float32."""
        config = dataclasses.replace(self.config, precision="float32")
        backbone, model = build_colorizer(config, self.steps)
        with averaged_weights(self.model, self.optimizer):
            model.set_weights(self.model.get_weights())
        return backbone, model

    def _finish(self, done):
        results = {
            "steps": done,
            "images": len(self.images),
            "unreadable_images": len(self.watch.unreadable),
            "constants": {name: v.tolist() for name, v in self.constants.items()},
            "training": self._metrics("train", _PERIODIC_BATCHES),
        }
        if self.held_out is not None:
            results["held_out_images"] = len(self.held_out)
            results["held_out"] = self._metrics("val")
        backbone, model = self._portable()
        save_model(model, self.workdir / "colorizer.keras")
        save_model(backbone, self.workdir / "backbone.keras")
        if (self.workdir / "log.csv").exists():
            pictures.curves(
                self.workdir / "log.csv",
                self.workdir / "curves.png",
                _baselines(results.get("held_out") or results["training"]),
            )
        runs.write_json(self.workdir / "results.json", results)
        return results


def _names(images):
    return [images.name(index) for index in range(len(images))]


def _watched(batches, watch):
    for batch in batches:
        watch(batch[3])
        yield batch


def _baselines(metrics):
    ending = "_baseline"
    return {
        name.removesuffix(ending): value
        for name, value in metrics.items()
        if name.endswith(ending)
    }
