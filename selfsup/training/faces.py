"""The entry points by the names of the tasks that are used most."""

from selfsup.training import entry, tasks


def train_colorizer(config, workdir, overwrite=False, strategy=None):
    """Pretrains a network by colorization; see `train`.

    Args:
        config: A `ColorizationConfig`.
        workdir: Folder for everything that the run writes.
        overwrite: Whether to remove an earlier run in that folder.
        strategy: A `tf.distribute.Strategy`; None for all visible devices.

    Returns:
        The results, as written to `results.json`.
    """
    task = tasks.get("colorization")(config)
    return entry.train(task, workdir, overwrite, strategy)


def train_voc(config, workdir, overwrite=False, strategy=None):
    """Trains a segmenter or a classifier; see `train`.

    Args:
        config: A `SegmentationConfig` or a `ClassificationConfig`.
        workdir: As in `train_colorizer`.
        overwrite: As in `train_colorizer`.
        strategy: As in `train_colorizer`.

    Returns:
        The results, as written to `results.json`.
    """
    task = tasks.of_config(config)(config)
    return entry.train(task, workdir, overwrite, strategy)


def eval_voc(ckpt, output=None, strategy=None, **options):
    """Evaluates a segmenter or a classifier; see `evaluate`.

    Args:
        ckpt: A workdir or a `.keras` file.
        output: Folder of the report; None for `evaluation` in the workdir.
        strategy: A `tf.distribute.Strategy`; None for all visible devices.
        **options: Fields of the task's `EvaluationConfig`.

    Returns:
        A pair: the results, as written to `results.json`, and the folder.
    """
    kinds = "segmenter", "classifier"
    return entry.evaluate(ckpt, options, output, strategy, kinds)
