"""What a task must answer; everything else about training is the same for all."""

from typing import ClassVar

from selfsup import runs, stopping, weights
from selfsup.settings import Config
from selfsup.training.run_config import RunConfig


class Task:
    """Base class of all tasks: what is learned, from what, and how it is measured.

    A set of samples has `len()` and `name(index)`. The parts of a run are `"train"`,
    `"held_out"` and `"test"`, of which the last two may be missing, and `"all"`,
    the first two together.

    Args:
        config: An instance of `Config`.

    Attributes:
        name: The task's name in settings and on the command line.
        kind: What `heads.kind` returns for its models.
        score: The measure that a plateau search follows; higher is better. Runs of a
            fixed length need none.
        Config: The class of its settings, a `RunConfig`.
        EvaluationConfig: The class of the options of `evaluate`, a `Config`.
        pretraining: Whether it learns from unlabeled photographs.
        figures: Names of the pictures that evaluations draw.
        backbone_measures: Names of the measures of the backbone that the log shows.
    """

    name: ClassVar[str]
    kind: ClassVar[str]
    score: ClassVar[str]
    Config: ClassVar[type[RunConfig]]
    EvaluationConfig: ClassVar[type[Config]]
    pretraining: ClassVar[bool]
    figures: ClassVar[tuple[str, ...]] = ()
    backbone_measures: tuple[str, ...] = ()

    def __init__(self, config):
        self.config = config
        self._measured = {}

    @property
    def has_fixed_length(self):
        """Whether a run trains for a number of steps, instead of a plateau search."""
        return self.pretraining

    @property
    def logged(self):
        """Names of the measures that the log shows, as `val_NAME`."""
        return (self.score,)

    def resolve(self, workdir=None):
        """Completes the settings before anything else is asked.

        Args:
            workdir: Folder of an earlier part of this run, or None.
        """

    def open(self, part):
        """Returns the samples of a part of the run, or None without such a part."""

    def list_samples(self, workdir):
        """Writes which samples were chosen, where the settings choose some.

        Args:
            workdir: Path of the folder of the run.
        """

    def names(self, samples):
        """Returns the names of samples, which a resumed run must find again."""
        return [samples.name(index) for index in range(len(samples))]

    def check(self, samples):
        """Raises a ValueError if samples cannot be measured on."""

    def check_training(self, samples):
        """Raises a ValueError if nothing can be learned from samples."""

    def backbone(self, samples):
        """Builds the backbone that the run starts from; `samples` train it."""

    def copy(self, backbone):
        """Builds the backbone again, with the same weights, in Keras' precision."""
        return weights.adapt(backbone)

    def model(self, backbone, samples):
        """Builds the model to train on a backbone."""

    def product(self, model):
        """Returns the part of a trained model that is saved, of this task's `kind`."""
        return model

    def losses(self, model, samples):
        """Returns a dict from the model's outputs to `WeightedLoss`."""

    def batches(self, samples, start=0, shard=(0, 1)):
        """Returns the endless training batches from a step on.

        Of `shard`, a worker's number and the number of workers, it is that worker's
        contiguous part of every batch.

        A `tf.data.Dataset` of `(inputs, targets, weights)`, each a dict, or with
        `status` as a fourth element, which `watch` is given.
        """

    def watch(self, samples):
        """Returns the function that is called with every `status`, or None."""

    def measured_batches(self, samples, make):
        """Returns batches of a set to measure on, one dataset for all evaluations.

        TensorFlow keeps the functions of every dataset that was made.

        Args:
            samples: What `open` returned.
            make: Function of them that makes the dataset.
        """
        key = id(samples)
        if key not in self._measured:
            # The set is kept too, so that its id stays its own.
            self._measured[key] = samples, make(samples)
        return self._measured[key][1]

    def watched(self, batches, samples):
        """Yields batches with a `status`, after `watch` has seen it."""
        watch = self.watch(samples)
        for batch in batches:
            stopping.check()
            watch(batch[3])
            yield batch

    def predictor(self, model):
        """Compiles what `measure` and `draw` take."""

    def measure(self, predict, samples, strategy=None):
        """Returns a dict with at least the measures in `logged`."""

    def measure_backbone(self, backbone):
        """Measures the backbone alone, whatever its head.

        Args:
            backbone: The backbone inside of the model.

        Returns:
            A dict for `results.json`, with at least `backbone_measures`, which the log
            shows as `val_NAME`.
        """
        return {}

    def score_baseline(self, samples):
        """Returns the score of the best prediction that does not look at the image.

        The same class everywhere, or a random ranking. A plateau search asks once.

        Args:
            samples: The held-out part.
        """

    def draw(self, predict, parts):
        """Returns a picture `[H, W, 3]`, uint8, of some predictions, or None."""

    def results(self, model, parts, strategy=None, journal=None):
        """Returns what `results.json` holds of the finished model, a dict.

        Args:
            model: The trained model, computing in float32.
            parts: Dict from part to samples.
            strategy: A `tf.distribute.Strategy`; None for the current one.
            journal: Path of a file that lets an interrupted call continue.
        """

    def baselines(self, results):
        """Returns lines for the curves: a dict from a column of the log to a value."""
        return {}

    @classmethod
    def config_of(cls, run):
        """Returns the settings of a finished `runs.Run`, or None without any."""
        if run.settings is None:
            return None
        return cls.Config.from_json(runs.split_settings(run.settings)[1])

    @classmethod
    def for_evaluation(cls, run, options):
        """Builds the task of a finished run, and opens what it is evaluated on.

        Args:
            run: A `runs.Run`.
            options: An `EvaluationConfig`.

        Returns:
            A triple: the task, the samples, and the options with the run's own
            settings in place of `None`.

        Raises:
            ValueError: If it is not known what to evaluate on.
        """

    def evaluate(self, model, samples, options, strategy=None, journal=None):
        """Evaluates a model on all samples.

        Args:
            model: The model of a finished run.
            samples: What `for_evaluation` returned.
            options: The options that it returned.
            strategy: A `tf.distribute.Strategy`; None for the current one.
            journal: Path of a file that lets an interrupted call continue.

        Returns:
            A pair: a dict for `results.json`, and a function that draws the
            pictures named in `figures` into a folder.
        """
