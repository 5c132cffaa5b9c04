"""The folder of a run: its configuration, its log and its results."""

import hashlib
import json
import pathlib
import shutil
from typing import NamedTuple

import keras
import tensorflow as tf
from absl import logging

from selfsup import atomic, heads, weights
from selfsup.weights import zoo

# Lets an interrupted evaluation continue; removed when it is done.
JOURNAL = "unfinished.jsonl"

# Holds the list of the samples that a run chose.
SAMPLES = "samples"

_MODELS = tuple(f"{kind}.keras" for kind in (*heads.KINDS, heads.BACKBONE))

# Not overwritten unless asked for.
_PRECIOUS = (*_MODELS, "checkpoints", "results.json")

# What a run writes; `overwrite` removes these and nothing else.
_OWN = (
    *_PRECIOUS,
    "best",
    "config.json",
    "curves.png",
    "evaluation",
    "images.json",
    "log.csv",
    "retrained",
    "samples.png",
    "schedule.json",
    SAMPLES,
    "snapshots",
    "tensorboard",
    JOURNAL,
)

# The only task whose settings did not name it, in version 0.1.0.
_UNNAMED_TASK = "colorization"


def prepare(workdir, task, config, overwrite=False):
    """Makes the folder of a run, or checks that it holds the same run.

    Args:
        workdir: Path of the folder.
        task: Name of the task; `config.json` holds it beside the settings.
        config: A `Config` with the settings of the run.
        overwrite: Whether to remove the run in the folder first.

    Returns:
        The path of the folder, as a `pathlib.Path`.

    Raises:
        ValueError: If the folder holds a run with other settings, or is a file.
        OSError: If the folder cannot be written.
    """
    workdir = make(workdir)
    try:
        if overwrite:
            _clear(workdir)
        # A run that stopped before its first checkpoint has nothing to lose.
        if any((workdir / name).exists() for name in _PRECIOUS):
            _check_same(workdir, task, config)
        write_json(workdir / "config.json", {"task": task, **config.to_json()})
    except OSError as error:
        raise _unusable(workdir, error) from error
    return workdir


def make(workdir):
    """Makes the folder of a run; it may exist.

    Args:
        workdir: Path of the folder.

    Returns:
        The path, as a `pathlib.Path`.

    Raises:
        ValueError: If it is a file.
        OSError: If it cannot be made.
    """
    workdir = pathlib.Path(workdir)
    if workdir.exists() and not workdir.is_dir():
        raise ValueError(f"The output must be a folder. Received: {workdir}, a file")
    try:
        workdir.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise _unusable(workdir, error) from error
    return workdir


def _unusable(workdir, error):
    return OSError(
        "The folder cannot be used. Expected a folder that can be written. "
        f"Received: {workdir} ({error.strerror or error})"
    )


def _clear(workdir):
    for name in _OWN:
        path = workdir / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)


def _check_same(workdir, task, config):
    settings = read_settings(workdir / "config.json")
    if settings is None:
        raise ValueError(
            f"The workdir {workdir} holds a run without settings. Expected its "
            "config.json to resume, another --workdir, or --overwrite. "
            "Received: no config.json"
        )
    before, fields = split_settings(settings)
    differing = {"task": (before, task)} if before != task else {}
    if not differing:
        differing = config.differences(type(config).from_json(fields))
    refuse_other_settings(
        f"The workdir {workdir} holds a run with other settings. Expected the same "
        "ones to resume, another --workdir, or --overwrite",
        differing,
    )
    old, new = type(config).from_json(fields).to_json(), config.to_json()
    changed = [f"{k}={v} (before: {old[k]})" for k, v in new.items() if v != old[k]]
    if changed:
        note = ""
        if {"steps", "epochs"} & {k for k, v in new.items() if v != old[k]}:
            note = "; the learning rate now follows the schedule of the new length"
        logging.info("Going on with other settings: %s%s", ", ".join(changed), note)


def refuse_other_settings(text, differing):
    """Raises a ValueError where settings differ from those that a folder began with.

    Args:
        text: What is wrong and what was expected.
        differing: Dict from names to pairs of the value there and the value now.
    """
    if differing:
        received = [
            f"{name} (there {old!r}, now {new!r})"
            for name, (old, new) in sorted(differing.items())
        ]
        raise ValueError(f"{text}. Received: {'; '.join(received)}")


def split_settings(settings):
    """Returns the name of the task and the other settings of a `config.json`.

    Args:
        settings: The content of the file.
    """
    fields = dict(settings)
    return fields.pop("task", _UNNAMED_TASK), fields


def read_settings(path):
    """Reads a `config.json`; returns None if there is none.

    Args:
        path: Path of the file.

    Raises:
        ValueError: If the file is not JSON.
        TypeError: If it holds no JSON object.
    """
    return _read_object(path, "settings")


def _read_object(path, what):
    content = read_json(path)
    if content is not None and not isinstance(content, dict):
        raise TypeError(
            f"The {what} of a run are of another type. Expected a JSON object. "
            f"Received: {content!r} in {path}"
        )
    return content


def steps_done(workdir):
    """Returns the step of the newest checkpoint of a run, 0 without one."""
    newest = tf.train.latest_checkpoint(str(pathlib.Path(workdir, "checkpoints")))
    return int(newest.rsplit("-", 1)[-1]) if newest else 0


class Run(NamedTuple):
    """A trained model and what was written beside it.

    Attributes:
        folder: Where reports on the model go: the folder that holds its file, or
            `runs/NAME` for a model of the zoo, which is not written to.
        model: The Keras model.
        settings: Content of `config.json`, or None without one.
        results: Content of `results.json`, or None without one.
        side: Mean shortest side at which the network saw images in training, in
            pixels; None where that is not known.
    """

    folder: pathlib.Path
    model: keras.Model
    settings: dict | None
    results: dict | None
    side: int | None = None


def open_run(path, kinds=(*heads.KINDS, heads.BACKBONE)):
    """Opens a finished run, a model's file, or a model of the zoo.

    Args:
        path: A workdir, a `.keras` file, or the name of a model of the zoo; what
            exists as a path is taken for one.
        kinds: Kinds of models to look for in a workdir, the first choice first.

    Returns:
        A `Run`. Its model may be of another kind where `path` is a file.

    Raises:
        FileNotFoundError: If there is no such folder, file or model.
        ValueError: If the file is not a Keras model, or not the one that the zoo
            describes.
    """
    given, path = str(path), pathlib.Path(path).expanduser()
    names = [f"{kind}.keras" for kind in kinds]
    if not path.exists() and given in zoo.names():
        entry = zoo.entry(given)
        folder, model = entry.folder, zoo.load(entry.name, names[0])
        reports = pathlib.Path("runs", entry.name)
    else:
        files = [path / name for name in names] if path.is_dir() else [path]
        file = next(filter(pathlib.Path.is_file, files), None)
        if file is None:
            there = sorted(other.name for other in path.glob("*.keras"))
            raise FileNotFoundError(
                f"There is no trained model. Expected a workdir with "
                f"{' or '.join(names)}, a .keras file, or a name from the zoo "
                f"({', '.join(zoo.names()) or 'empty'}). Received: {given}"
                + (f" with {', '.join(there)}" if there else "")
            )
        folder = reports = file.parent
        model = weights.read_model(file)
    settings = read_settings(folder / "config.json")
    return Run(
        reports,
        model,
        settings,
        _read_results(folder / "results.json"),
        _trained_side(settings) or _zoo_side(folder / zoo.METADATA),
    )


def _read_results(path):
    """Reads a `results.json` and checks what other code takes from it."""
    results = _read_object(path, "results")
    classes, constants = ((results or {}).get(x) for x in ("classes", "constants"))
    if classes is not None and not (
        isinstance(classes, list) and all(isinstance(x, str) for x in classes)
    ):
        _fail_results("a list of names as `classes`", classes, path)
    if constants is not None and not (
        isinstance(constants, dict) and all(map(_is_numbers, constants.values()))
    ):
        _fail_results("lists of numbers by name as `constants`", constants, path)
    return results


def _is_numbers(value):
    return isinstance(value, list) and all(isinstance(x, int | float) for x in value)


def _fail_results(expected, received, path):
    raise ValueError(
        f"The results of a run are not valid. Expected {expected}. "
        f"Received: {received!r} in {path}"
    )


def _zoo_side(path):
    side = (_read_object(path, "metadata") or {}).get("side")
    if side is not None and (not isinstance(side, int) or side < 1):
        raise ValueError(
            "The metadata of a model are not valid. Expected a positive number of "
            f"pixels as `side`. Received: {side!r} in {path}"
        )
    return side


def _trained_side(settings):
    sides = [(settings or {}).get(name) for name in ("min_side", "max_side")]
    return sum(sides) // 2 if all(isinstance(x, int) for x in sides) else None


def check_images(workdir, names, resuming, former=None):
    """Refuses to go on with other images: the stream would not be the same.

    Args:
        workdir: The folder of the run; `images.json` is written there.
        names: Dict from a part, such as `"training"`, to the images' names.
        resuming: Whether the run has begun.
        former: The same by the names that earlier versions took.

    Raises:
        ValueError: If the run began with other images.
    """
    path = pathlib.Path(workdir) / "images.json"
    now, earlier = (
        {part: fingerprint(images) for part, images in parts.items()}
        for parts in (names, former or names)
    )
    before = read_json(path)
    if resuming and before is not None and before not in (now, earlier):
        raise ValueError(
            "The images are not those that the run began with. Expected the same "
            "files to resume, or another folder. "
            f"Received: {now}, before: {before}"
        )
    write_json(path, now)


def read_images(workdir):
    """Returns a dict from each part of a run's images to their `fingerprint`."""
    return read_json(pathlib.Path(workdir) / "images.json") or {}


def fingerprint(names):
    """Returns the number of names and a short digest of them, a string."""
    digest = hashlib.sha256()
    for name in names:
        digest.update(str(name).encode(errors="surrogateescape"))
    return f"{len(names)} images, {digest.hexdigest()[:12]}"


def read_json(path):
    """Reads a JSON file; returns None if there is none.

    Args:
        path: Path of the file.

    Raises:
        ValueError: If the file is not JSON.
    """
    try:
        return json.loads(pathlib.Path(path).read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    # A folder of that name; another kind of file; lists within lists without end.
    except (OSError, ValueError, RecursionError) as error:
        raise ValueError(
            "A file of settings or results cannot be read. Expected JSON. "
            f"Received: {path} ({atomic.first_line(error)})"
        ) from error


def write_json(path, content):
    """Writes a JSON file; a failure leaves the old one.

    Args:
        path: Path of the file.
        content: What `json.dumps` accepts.
    """
    with atomic.write(path) as unfinished:
        unfinished.write_text(json.dumps(content, indent=2) + "\n")
