"""Curves of pretraining, and what its snapshots are worth (Figure 4 of the paper)."""

import csv
import dataclasses
import pathlib

import numpy as np

from selfsup import pictures, runs
from selfsup.analysis import frozen_networks, report, spread
from selfsup.analysis.tables import paper
from selfsup.analysis.tables.recipes import Recipe
from selfsup.analysis.tables.running import TableData, run_recipe
from selfsup.analysis.tables.scales import SCALES
from selfsup.locking import locked
from selfsup.settings import Config, changed, fail, setting

NAME = "curves"

# The rate fell where it is less than this share of the row before.
_DROP = 0.5


@dataclasses.dataclass(frozen=True)
class CurvesConfig(Config):
    """Settings of the curves of pretraining runs.

    Raises:
        ValueError: If a field is out of its range.
        TypeError: If a field is of another type than declared.
    """

    ckpt: tuple[str, ...] = setting(
        (), "Workdirs of pretraining runs, with --keep_every for snapshots.", path=True
    )
    names: tuple[str, ...] = setting((), "Their names. Default: those of the folders.")
    voc_dir: str | None = changed(
        TableData,
        "voc_dir",
        None,
        "VOC 2012, or a folder of its layout: each snapshot is fine-tuned there for "
        "segmentation. Default: loss curves alone.",
    )
    sbd_dir: str | None = changed(TableData, "sbd_dir", None)
    scale: str = setting(
        "mini", "Settings of the fine-tuning, as in reproduce.py.", choices=SCALES
    )
    seeds: int = setting(1, "Fine-tunings of each snapshot, with seeds 0, 1, ...", 1)
    workdir: str = setting(
        "runs/tables", "Folder of the fine-tunings; done ones stay done.", path=True
    )

    def __post_init__(self):
        super().__post_init__()
        if not self.ckpt:
            fail("ckpt", self.ckpt, "workdirs of pretraining runs")


def curves(config, output):
    """Draws the loss of pretraining runs, and fine-tunes their snapshots.

    Args:
        config: A `CurvesConfig`.
        output: Path of the folder of the report.

    Returns:
        The results, as `curves.json` has them: for each run what `read_log` returns,
        and `snapshots`, a dict from steps to a summary of mean IoU.

    Raises:
        FileNotFoundError: If a run has no log, or no snapshots to fine-tune.
        ValueError: If a run was made with other settings.
    """
    names = frozen_networks.labels(config.names, config.ckpt)
    found = {
        name: read_log(ckpt) for name, ckpt in zip(names, config.ckpt, strict=True)
    }
    snapshots, settings = {}, {}
    if config.voc_dir:
        snapshots = {
            name: find_snapshots(ckpt)
            for name, ckpt in zip(names, config.ckpt, strict=True)
        }
        more = _data(config).has_more_masks
        settings = SCALES[config.scale].downstream(paper.SEGMENTATION, None, more)
    output = runs.make(output)
    with locked(output):
        for name in names:
            found[name]["snapshots"] = {
                step: _score({**settings, "init": str(path.resolve())}, config)
                for step, path in snapshots.get(name, {}).items()
            }
        results = {"runs": found}
        _draw(found, output / f"{NAME}.png")
        report.add(output, NAME, config, results, _section(found, config))
    return results


def read_log(workdir):
    """Reads the loss of a run, and where its rate fell.

    Args:
        workdir: Path of the folder of a run.

    Returns:
        A dict of lists: `steps`, `loss`, and `drops`, the logged steps after which the
        rate, level until then, was less than half of what it was.

    Raises:
        FileNotFoundError: If there is no log.
        ValueError: If it is no log, or has no row yet.
    """
    path = pathlib.Path(workdir, "log.csv")
    if not path.exists():
        raise FileNotFoundError(
            "A run has no log. Expected log.csv in the workdir of a training. "
            f"Received: {workdir}"
        )
    with path.open(newline="") as file:
        rows = list(csv.DictReader(file))
    try:
        steps, loss, rate = (
            np.array([float(row[name]) for row in rows])
            for name in ("step", "loss", "learning_rate")
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ValueError(
            "A log is damaged. Expected columns step, loss and learning_rate of "
            f"numbers. Received: {path} ({error!r})"
        ) from error
    if not rows:
        raise ValueError(
            "A log has no row yet. Expected a training that has got as far as "
            f"--log_every. Received: {path}"
        )
    # A cosine falls as fast at its end, but was not level before.
    level = np.isclose(np.diff(rate[:-1], prepend=rate[0]), 0.0, atol=1e-4 * rate[0])
    fell = np.flatnonzero(level & (rate[1:] < _DROP * rate[:-1]))
    return {
        "steps": steps.tolist(),
        "loss": loss.tolist(),
        "drops": steps[fell].tolist(),
    }


def find_snapshots(workdir):
    """Returns a dict from the steps of a run's snapshots to their files.

    Args:
        workdir: Path of the folder of a run.

    Raises:
        FileNotFoundError: If it has none.
    """
    files = sorted(pathlib.Path(workdir, "snapshots").glob("backbone-*.keras"))
    if not files:
        raise FileNotFoundError(
            "A run has no snapshots to fine-tune. Expected a pretraining with "
            f"--keep_every. Received: {workdir}"
        )
    return {int(path.stem.split("-")[-1]): path for path in files}


def _data(config):
    return TableData(voc_dir=config.voc_dir, sbd_dir=config.sbd_dir)


def _score(settings, config):
    """Fine-tunes a snapshot, and returns a summary of its mean IoU."""
    recipe, folder = Recipe("segmentation", settings), pathlib.Path(config.workdir)
    measured = [
        run_recipe(recipe.with_seed(seed), folder, _data(config))[-1]["mean_iou"]
        for seed in range(config.seeds)
    ]
    return spread.summary(measured)


def _draw(found, path):
    panels = {
        "pretraining loss": {
            name: (run["steps"], run["loss"], None) for name, run in found.items()
        }
    }
    scores = {
        name: (
            list(run["snapshots"]),
            [100 * score["mean"] for score in run["snapshots"].values()],
            [100 * (score["std"] or 0) for score in run["snapshots"].values()],
        )
        for name, run in found.items()
        if run["snapshots"]
    }
    if scores:
        panels["mean IoU after fine-tuning, %"] = scores
    drops = {name: run["drops"] for name, run in found.items()}
    pictures.step_panels(panels, path, drops)


def _section(found, config):
    scores = [run["snapshots"] for run in found.values()]
    steps = sorted({step for by_step in scores for step in by_step})
    tables = []
    if steps:
        tables.append(
            {
                "caption": "Mean IoU of fine-tuned snapshots, in percent",
                "columns": ["step", *found],
                "rows": [
                    [
                        step,
                        *(
                            _percent(run["snapshots"].get(step))
                            for run in found.values()
                        ),
                    ]
                    for step in steps
                ],
            }
        )
    lasts = [[name, run["steps"][-1], run["loss"][-1]] for name, run in found.items()]
    tables.append(
        {"caption": "The last rows", "columns": ["run", "step", "loss"], "rows": lasts}
    )
    text = [
        "Loss of pretraining on the training photographs, each point a row of log.csv. "
        "A dotted line in the color of a run is a drop of its learning rate."
    ]
    if steps:
        text.append(
            "Below, each snapshot of the backbone is fine-tuned for segmentation with "
            f"the settings of the scale {config.scale}; seeds: {config.seeds}, bars: "
            "standard deviation. In the paper's Figure 4 a drop of the rate lowers the "
            "loss at once, and raises what the features are worth."
        )
    return {
        "title": "Pretraining, and what it is worth on the way",
        "text": text,
        "pictures": {f"{NAME}.png": "loss, and mean IoU of snapshots, over the steps"},
        "tables": tables,
    }


def _percent(score):
    return None if score is None else spread.percent(score)
