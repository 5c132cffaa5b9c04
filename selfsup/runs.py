"""The folder of a run: its configuration, its log and its results."""

import csv
import dataclasses
import hashlib
import json
import pathlib
import shutil
from typing import NamedTuple

import keras

from selfsup import atomic, weights
from selfsup.weights import zoo

# Lets a killed evaluation go on; it is gone in the end.
JOURNAL = "unfinished.jsonl"

# What a run writes; `--overwrite` removes these and nothing else.
_OWN = (
    "backbone.keras",
    "best",
    "checkpoints",
    "classifier.keras",
    "colorizer.keras",
    "config.json",
    "curves.png",
    "evaluation",
    "images.json",
    "log.csv",
    "results.json",
    "retrained",
    "samples.png",
    "schedule.json",
    "segmenter.keras",
    "snapshots",
    "tensorboard",
    JOURNAL,
)

# Any of these is worth asking for before it is replaced.
_PRECIOUS = (
    "backbone.keras",
    "checkpoints",
    "classifier.keras",
    "colorizer.keras",
    "results.json",
    "segmenter.keras",
)


def prepare(workdir, config, resumable=frozenset(), overwrite=False):
    """Makes the folder of a run, or checks that it holds the same run.

    Args:
        workdir: Path of the folder.
        config: Dataclass with the settings of the run; written to
            `config.json`.
        resumable: Names of fields that may differ from the run in the folder.
        overwrite: Whether to remove the run in the folder first.

    Returns:
        The path of the folder, as a `pathlib.Path`.

    Raises:
        ValueError: If the folder holds a run with other settings, or other
            files.
        OSError: If the folder cannot be written.
    """
    workdir = pathlib.Path(workdir)
    if workdir.exists() and not workdir.is_dir():
        raise ValueError(f"The workdir must be a folder. Received: {workdir}, a file")
    try:
        workdir.mkdir(parents=True, exist_ok=True)
        if overwrite:
            _clear(workdir)
        settings = to_json(config)
        old = read_json(workdir / "config.json")
        # A run that stopped before its first checkpoint has nothing to lose.
        if any((workdir / name).exists() for name in _PRECIOUS):
            _check_same(workdir, old or {}, settings, resumable)
        write_json(workdir / "config.json", settings)
    except OSError as error:
        raise OSError(
            "The workdir cannot be used. Expected a folder that can be written. "
            f"Received: {workdir} ({error.strerror or error})"
        ) from error
    return workdir


def _clear(workdir):
    for name in _OWN:
        path = workdir / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _check_same(workdir, old, new, resumable):
    differing = [
        f"{name} (there {old.get(name)!r}, now {new.get(name)!r})"
        for name in sorted(old.keys() | new.keys())
        if name not in resumable and old.get(name) != new.get(name)
    ]
    if differing:
        raise ValueError(
            f"The workdir {workdir} holds a run with other settings. Expected the "
            "same ones to resume, another --workdir, or --overwrite. "
            f"Received: {'; '.join(differing)}"
        )


class Run(NamedTuple):
    """A trained model and what was written beside it.

    Attributes:
        folder: Where reports on the model go: the folder that holds its file, or
            `runs/NAME` for a model of the zoo, which is not written to.
        model: The Keras model.
        settings: Content of `config.json`, or None without one.
        results: Content of `results.json`, or None without one.
        side: Shortest side at which the network saw images in training, on the
            average, in pixels; None where that is not known.
    """

    folder: pathlib.Path
    model: keras.Model
    settings: dict | None
    results: dict | None
    side: int | None = None


def open_run(path, name):
    """Opens a finished run, a model's file, or a model of the zoo.

    Args:
        path: A workdir, a `.keras` file, or the name of a model of the zoo; what
            exists as a path is taken for one.
        name: File name of the model in a workdir.

    Returns:
        A `Run`.

    Raises:
        FileNotFoundError: If there is no such folder, file or model.
        ValueError: If the file is not a Keras model, or not the one that the zoo
            describes.
    """
    given, path = path, pathlib.Path(path)
    if not path.exists() and str(given) in zoo.names():
        entry = zoo.entry(str(given))
        folder, model = entry.folder, zoo.load(entry.name, name)
        reports = pathlib.Path("runs", entry.name)
    else:
        file = path / name if path.is_dir() else path
        if not file.is_file():
            raise FileNotFoundError(
                f"There is no trained model. Expected a workdir with {name}, a .keras "
                f"file, or a name from the zoo ({', '.join(zoo.names()) or 'empty'}). "
                f"Received: {given}"
            )
        folder = reports = file.parent
        model = weights.read_model(file)
    settings = read_json(folder / "config.json")
    return Run(
        reports,
        model,
        settings,
        read_json(folder / "results.json"),
        _trained_side(settings) or (read_json(folder / zoo.METADATA) or {}).get("side"),
    )


def _trained_side(settings):
    settings = settings or {}
    if "min_side" in settings and "max_side" in settings:
        return (settings["min_side"] + settings["max_side"]) // 2
    return None


def check_images(workdir, names, resuming):
    """Refuses to go on with other images: the stream would not be the same.

    Args:
        workdir: The folder of the run; `images.json` is written there.
        names: Dict from a part, such as `"training"`, to the images' names.
        resuming: Whether the run has begun.

    Raises:
        ValueError: If the run began with other images.
    """
    path = pathlib.Path(workdir) / "images.json"
    now = {part: _fingerprint(images) for part, images in names.items()}
    before = read_json(path)
    if resuming and before is not None and before != now:
        raise ValueError(
            "The images are not those that the run began with. Expected the same "
            "files to resume, another --workdir, or --overwrite. "
            f"Received: {now}, before: {before}"
        )
    write_json(path, now)


def _fingerprint(names):
    """Returns the number of names and a short digest of them."""
    digest = hashlib.sha256()
    for name in names:
        digest.update(str(name).encode(errors="surrogateescape"))
    return f"{len(names)} images, {digest.hexdigest()[:12]}"


def to_json(config):
    """Returns the fields of a dataclass as JSON would give them back."""
    return json.loads(json.dumps(dataclasses.asdict(config)))


def read_json(path):
    """Reads a JSON file; returns None if there is none.

    Args:
        path: Path of the file.

    Raises:
        ValueError: If the file is not JSON.
    """
    try:
        return json.loads(pathlib.Path(path).read_text())
    except FileNotFoundError:
        return None
    except ValueError as error:
        raise ValueError(
            f"A settings file cannot be read. Expected JSON. Received: {path} ({error})"
        ) from error


def write_json(path, content):
    """Writes a JSON file, whole or not at all.

    Args:
        path: Path of the file.
        content: What `json.dumps` accepts.
    """
    with atomic.write(path) as unfinished:
        unfinished.write_text(json.dumps(content, indent=2) + "\n")


def cut_log(path, step):
    """Removes the rows of a CSV log that come after a step.

    A run that was killed may have logged steps that its newest checkpoint does
    not hold; they are done, and logged, again.

    Args:
        path: Path of the log; it may be missing. It has a column `step`.
        step: Last step that is kept.
    """
    path = pathlib.Path(path)
    if not path.exists():
        return
    with path.open(newline="") as file:
        reader = csv.DictReader(file)
        names = reader.fieldnames or []
        rows = [row for row in reader if _is_kept(row, names, step)]
    if not rows:
        path.unlink()
        return
    with atomic.write(path) as unfinished, unfinished.open("w", newline="") as file:
        writer = csv.DictWriter(file, names)
        writer.writeheader()
        writer.writerows(rows)


def _is_kept(row, names, step):
    # A row torn by a kill lacks columns.
    if any(row.get(name) in (None, "") for name in names):
        return False
    return int(float(row["step"])) <= step
