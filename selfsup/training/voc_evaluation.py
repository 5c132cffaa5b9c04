"""The report on a trained segmenter or classifier, from its workdir or file."""

import dataclasses
import pathlib

from absl import logging

from selfsup import data, evaluation, inference, runs
from selfsup.settings import check_ranges, fail, from_json, setting
from selfsup.training.strategies import default_strategy
from selfsup.training.voc_config import VocConfig
from selfsup.training.voc_tasks import TASKS

# Flags of each task that the other one has no use for.
_SEGMENTATION_FLAGS = ("flip", "scales", "stride", "sbd_dir")
_CLASSIFICATION_FLAGS = ("crops", "crop_size", "seed")
_OTHERS_FLAGS = {
    "segmentation": _CLASSIFICATION_FLAGS,
    "classification": _SEGMENTATION_FLAGS,
}


@dataclasses.dataclass(frozen=True)
class VocEvaluation:
    """Settings of an evaluation, checked.

    Every field is a flag of `tools/eval_voc.py`; its metadata holds the help
    text.

    Raises:
        ValueError: If a field is out of its range.
    """

    voc_dir: str = setting("", "Data to evaluate on. Default: the run's.")
    split: str = setting("", "Images to evaluate on. Default: the run's --val_split.")
    sbd_dir: str = setting("", "Folder of the SBD masks, for --split train_aug.")
    crops: str = setting(
        "10",
        "Classification: number of random crops an image, scaled and mirrored as in "
        "training; or fixed: corners and centre, each mirrored too.",
    )
    crop_size: int = setting(
        0, "Classification: side of the crops in pixels. Default: the run's."
    )
    flip: bool = setting(False, "Segmentation: average with the mirror image.")
    scales: str = setting(
        "1", "Segmentation: factors on the image's size to average over: 0.75,1,1.25."
    )
    stride: int = setting(
        1, "Segmentation: predict every pixel (1), or every 2nd or 4th."
    )
    figures: bool = setting(
        False, "Draw pictures: predictions beside the truth, and bars by class."
    )
    seed: int = setting(0, "Seed of the random crops.")

    def __post_init__(self):
        check_ranges(self, {"seed": (0, 2**31 - 1), "crop_size": (0, 8192)})
        if self.crops != "fixed" and not (
            self.crops.isdecimal() and 1 <= int(self.crops) <= 1000
        ):
            fail("crops", repr(self.crops), "a number in [1, 1000], or fixed")
        if self.stride not in (1, 2, 4):
            fail("stride", self.stride, "1, 2 or 4")
        try:
            factors = [float(scale) for scale in self.scales.split(",")]
        except ValueError:
            factors = [float("nan")]
        if not all(0.1 <= factor <= 10 for factor in factors):
            fail(
                "scales", repr(self.scales), "numbers in [0.1, 10] with commas between"
            )

    @property
    def factors(self):
        """The scales as a tuple of floats."""
        return tuple(float(scale) for scale in self.scales.split(","))


def eval_voc(ckpt, settings, output=None, strategy=None):
    """Evaluates a trained model, and writes the report.

    Args:
        ckpt: A workdir of `train_voc`, or a `.keras` file.
        settings: A `VocEvaluation`.
        output: Folder of the report; None for `evaluation` in the workdir.
        strategy: A `tf.distribute.Strategy`; None for all visible devices.

    Returns:
        A pair: the results, as written to `results.json`, and the folder.

    Raises:
        FileNotFoundError: If the model, an image or a mask is missing.
        ValueError: If the model is no segmenter or classifier, or does not fit
            the data.
        OSError: If the report cannot be written.
    """
    strategy = strategy or default_strategy()
    with strategy.scope():
        run = runs.open_run(ckpt, _model_file(ckpt))
    task = _task_of(run, ckpt)
    _warn_of_other_task(settings, task)
    settings = _completed(settings, run, task)
    samples = _open(settings, task)
    _check_names(run, samples)
    output = pathlib.Path(output or run.folder / "evaluation")
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise OSError(
            "The folder of the report cannot be made. Expected one that can be "
            f"written. Received: {output} ({error.strerror})"
        ) from error
    journal = output / runs.JOURNAL
    if task == "segmentation":
        results, figures = _segmentation(
            run.model, samples, settings, strategy, journal
        )
    else:
        results, figures = _classification(
            run.model, samples, settings, strategy, journal
        )
    results = {"ckpt": str(ckpt), "split": settings.split, **results}
    runs.write_json(output / "config.json", runs.to_json(settings))
    runs.write_json(output / "results.json", results)
    # Pictures of an earlier evaluation would lie beside other numbers.
    for name in evaluation.FIGURES:
        (output / name).unlink(missing_ok=True)
    if settings.figures:
        figures(output)
    return results, output


def _model_file(ckpt):
    files = [task.model_file for task in TASKS.values()]
    folder = pathlib.Path(ckpt)
    if not folder.is_dir():
        # A file, or perhaps a name of the zoo.
        return files[0]
    found = [file for file in files if (folder / file).is_file()]
    if not found:
        others = sorted(path.name for path in folder.glob("*.keras"))
        others = ", ".join(others) or "no .keras file"
        raise FileNotFoundError(
            f"There is no trained model. Expected a workdir with {' or '.join(files)}, "
            "as train_voc.py leaves it, or a .keras file. "
            f"Received: {ckpt} with {others}"
        )
    return found[0]


def _task_of(run, ckpt):
    outputs = run.model.output if isinstance(run.model.output, dict) else {}
    if set(outputs) != {"classes"}:
        raise ValueError(
            "The model is no segmenter or classifier. Expected the output classes. "
            f"Received: {ckpt} with outputs {', '.join(outputs) or 'without names'}"
        )
    return "segmentation" if len(outputs["classes"].shape) == 3 else "classification"


def _completed(settings, run, task):
    """Fills up what is not given from the run."""
    trained = None
    if run.settings is not None and "task" in run.settings:
        trained = from_json(VocConfig, run.settings)
    defaults = {
        "voc_dir": trained and trained.voc_dir,
        "sbd_dir": trained and trained.sbd_dir,
        "split": trained and trained.val_split != "none" and trained.val_split,
        "crop_size": trained and trained.crop_size,
    }
    defaults["split"] = defaults["split"] or (
        "val" if task == "segmentation" else "test"
    )
    missing = {
        name: value
        for name, value in defaults.items()
        if value and not getattr(settings, name)
    }
    settings = dataclasses.replace(settings, **missing)
    if not settings.voc_dir:
        raise ValueError(
            "There is no config.json beside the model that tells the data. Expected "
            "--voc_dir. Received: none"
        )
    if task == "classification" and not settings.crop_size:
        raise ValueError(
            "There is no config.json beside the model that tells the crops. Expected "
            "--crop_size. Received: none"
        )
    return settings


def _warn_of_other_task(settings, task):
    defaults = VocEvaluation()
    for name in _OTHERS_FLAGS[task]:
        if getattr(settings, name) != getattr(defaults, name):
            logging.warning("--%s does nothing for %s", name, task)


def _open(settings, task):
    if task == "classification":
        return data.voc.open_classification(settings.voc_dir, settings.split)
    return data.voc.open_segmentation(
        settings.voc_dir, settings.split, sbd_dir=settings.sbd_dir or None
    )


def _check_names(run, samples):
    inference.check_classes(run.model, samples)
    trained = (run.results or {}).get("classes")
    if trained is not None and trained != list(samples.classes):
        raise ValueError(
            "The data have other classes than the model was trained on. Expected "
            f"{', '.join(trained)}. Received: {', '.join(samples.classes)} in "
            f"{samples.folder}"
        )


def _segmentation(model, samples, settings, strategy, journal):
    options = dict(stride=settings.stride, scales=settings.factors, flip=settings.flip)
    results = evaluation.evaluate_segmentation(
        model, samples, strategy=strategy, journal=journal, **options
    )

    def figures(output):
        evaluation.segmentation_figures(model, samples, results, output, **options)

    return {**results, **options}, figures


def _classification(model, samples, settings, strategy, journal):
    crops = settings.crops if settings.crops == "fixed" else int(settings.crops)
    results, scores = evaluation.evaluate_classification(
        model,
        samples,
        settings.crop_size,
        crops=crops,
        seed=settings.seed,
        strategy=strategy,
        journal=journal,
    )

    def figures(output):
        evaluation.classification_figures(samples, scores, results, output)

    return {**results, "crops": crops, "crop_size": settings.crop_size}, figures


def voc_table(results):
    """Lays the results of a task out as a table of classes.

    Args:
        results: What `train_voc` or `eval_voc` returned.

    Returns:
        A string of several lines, in percent; `-` for classes that are not in
        the images.
    """
    columns = {
        name: results[name]
        for name in ("iou", "ap_11point", "ap_area")
        if name in results
    }
    if not columns:
        return f"Not tested. Held-out score: {_held_out(results)}"
    classes = list(next(iter(columns.values())))
    width = max(len(name) for name in (*classes, "pixel accuracy"))
    lines = [f"{'':{width}}" + "".join(f"{name:>12}" for name in columns)]
    for name in classes:
        values = "".join(f"{_percent(column[name]):>12}" for column in columns.values())
        lines.append(f"{name:{width}}{values}")
    means = {"iou": "mean_iou", "ap_11point": "map_11point", "ap_area": "map_area"}
    values = "".join(f"{_percent(results[means[name]]):>12}" for name in columns)
    lines.append(f"{'mean':{width}}{values}")
    if "pixel_accuracy" in results:
        lines.append(
            f"{'pixel accuracy':{width}}{_percent(results['pixel_accuracy']):>12}"
        )
    return "\n".join(lines)


def _held_out(results):
    scores = [v for name, v in results.items() if name.startswith("held_out_")]
    return _percent(scores[0]) if scores else "-"


def _percent(value):
    return "-" if value is None else f"{100 * value:.2f}"
