"""What proxy tasks on unlabeled photographs share."""

import dataclasses

from selfsup import data, networks, paths, runs
from selfsup.settings import Config, setting
from selfsup.training.image_watch import ImageWatch
from selfsup.training.online_probe import OnlineProbe
from selfsup.training.optimizers import run_momentum
from selfsup.training.tasks.task import Task

# Batches of evaluations during training, and of training images at its end; all
# held-out images are evaluated at the end.
PERIODIC_BATCHES = 64


@dataclasses.dataclass(frozen=True)
class PretrainingEvaluationConfig(Config):
    """Options of the evaluation of a proxy task."""

    data: tuple[str, ...] = setting(
        (),
        "Images: folder, list file or tfds:NAME/SPLIT. Default: those that the run "
        "held out.",
        path=True,
    )


class PretrainingTask(Task):
    """Base class of proxy tasks: fresh networks, collections of images.

    Args:
        config: A `PretrainingConfig`.
    """

    pretraining = True
    EvaluationConfig = PretrainingEvaluationConfig

    # Fields that `Config` has in common with `data.PipelineConfig`.
    input_fields = "data val_data crop_size min_side max_side batch_size seed".split()

    def __init__(self, config):
        super().__init__(config)
        self._watches, self._probe, self._held_out = {}, None, None

    @property
    def backbone_measures(self):
        return ("probe_accuracy",) if self.config.probe_data else ()

    def resolve(self, workdir=None):
        config = self.config
        begun = {} if workdir is None else runs.read_settings(workdir / "config.json")
        sources = {}
        for name in ("data", "val_data"):
            now = tuple(map(paths.absolute, getattr(config, name)))
            # A resumed run keeps the spelling that it began with.
            before = tuple((begun or {}).get(name) or ())
            same = paths.place(before) == paths.place(now)
            sources[name] = before if same else now
        probe_data = config.probe_data and paths.absolute(config.probe_data)
        self.config = dataclasses.replace(config, **sources, probe_data=probe_data)

    def names(self, samples):
        return list(samples.keys)

    def input_config(self, **changes):
        """Returns what the configuration says of the input.

        Args:
            **changes: Fields that differ, such as `augment=False`.

        Returns:
            A `data.PipelineConfig`.
        """
        config = self.config
        fields = {name: getattr(config, name) for name in self.input_fields}
        fields["val_fraction"] = 0.0 if config.val_data else config.val_fraction
        return data.PipelineConfig(**fields | changes)

    def open(self, part):
        config = self.config
        has_held_out = config.val_data or config.val_fraction
        if part == "test" or (part == "held_out" and not has_held_out):
            return None
        subset = {"train": "train", "held_out": "val", "all": "all"}[part]
        inputs = self.input_config(subset=subset)
        if part == "train" and has_held_out:
            images, self._held_out = data.parts_of(inputs)
        elif part == "held_out" and self._held_out is not None:
            images, self._held_out = self._held_out, None
        else:
            images = data.images_of(inputs)
        # The training goes on without held-out images that are of no use.
        self._watches[id(images)] = ImageWatch(images, fatal=part != "held_out")
        return images

    def check_training(self, samples):
        if self.config.probe_data:
            self._probe = OnlineProbe(self.config.probe_data, self.config.crop_size)
            self._probe.warn_of_overlap(samples)

    def watch(self, samples):
        return self._watches[id(samples)]

    def backbone(self, samples):
        config = self.config
        architecture = networks.ARCHITECTURES[config.network]
        momentum = run_momentum(config.bn_momentum, config.num_steps(len(samples)))
        options = (
            {"dropout": config.dropout} if "dropout" in architecture.options else {}
        )
        backbone = architecture.builder(
            width=config.width,
            padding=config.padding,
            normalization=config.normalization,
            bn_momentum=momentum,
            **options,
        )
        if self._probe is not None:
            # A photograph that can't be read ends the run before it begins.
            self._untrained = self._probe.measure(backbone)[0]
        return backbone

    def measure_backbone(self, backbone):
        if self._probe is None:
            return {}
        accuracy, layer = self._probe.measure(backbone)
        return {
            "probe_accuracy": accuracy,
            "probe_accuracy_baseline": self._untrained,
            "probe_layer": layer,
        }

    def baselines(self, results):
        ending = "_baseline"
        measures = {**results, **results.get("held_out", results["training"])}
        return {
            name.removesuffix(ending): value
            for name, value in measures.items()
            if name.endswith(ending)
        }

    def results(self, model, parts, strategy=None, journal=None):
        predict = self.predictor(model)
        train, held_out = parts["train"], parts.get("held_out")
        found = {
            "images": len(train),
            "unreadable_images": len(self.watch(train).unreadable),
            **self.facts(),
            "training": self.measure(predict, train, strategy),
        }
        if held_out is not None:
            found["held_out_images"] = len(held_out)
            found["held_out"] = self.measure(predict, held_out, strategy, batches=-1)
        return found

    @classmethod
    def for_evaluation(cls, run, options):
        config = cls.config_of(run)
        if config is None:
            raise ValueError(
                "There is no config.json beside the model. Expected a workdir. "
                f"Received: {run.folder}"
            )
        if options.data:
            config = dataclasses.replace(config, val_data=options.data)
        if not config.val_data and not config.val_fraction:
            raise ValueError(
                "The run held out no images. Expected --data with images to evaluate "
                "on. Received: none"
            )
        task = cls(config)
        return task, task.open("held_out"), options

    def facts(self):
        """Returns what `results.json` holds beside the measures, a dict."""
        return {}
