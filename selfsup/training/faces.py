"""The entry points by the names of the tasks that are used most."""

from selfsup.training import entry, tasks

_VOC = "segmentation", "classification"


def train_colorizer(config, workdir, overwrite=False, strategy=None):
    """Pretrains a network by colorization; see `train`.

    Args:
        config: A `ColorizationConfig`.
        workdir: Folder for everything that the run writes.
        overwrite: Whether to remove an earlier run in that folder.
        strategy: A `tf.distribute.Strategy`; None for all visible devices.

    Returns:
        The results, as written to `results.json`.

    Raises:
        TypeError: If the configuration is that of another task.
    """
    return _train(config, ("colorization",), workdir, overwrite, strategy)


def train_voc(config, workdir, overwrite=False, strategy=None):
    """Trains a segmenter or a classifier; see `train`.

    Args:
        config: A `SegmentationConfig` or a `ClassificationConfig`.
        workdir: As in `train_colorizer`.
        overwrite: As in `train_colorizer`.
        strategy: As in `train_colorizer`.

    Returns:
        The results, as written to `results.json`.

    Raises:
        TypeError: If the configuration is that of another task.
    """
    return _train(config, _VOC, workdir, overwrite, strategy)


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
    return entry.evaluate(ckpt, options, output, strategy, _VOC)


def _train(config, accepted, *others):
    task = tasks.of_config(config)
    if task.name not in accepted:
        names = " or ".join(tasks.get(name).Config.__name__ for name in accepted)
        raise TypeError(
            "The configuration is that of another task. Expected a "
            f"{names}. Received: a {type(config).__name__}"
        )
    return entry.train(task(config), *others)
