"""The model zoo: released models by name, verified, without a network.

Synopsis:

    from selfsup.weights import zoo

    zoo.names()
    zoo.entry("sample").metrics
    model = zoo.load("sample")

A model is a folder with `model.json`, read here, and its card, `README.md`.
Folders of models are looked for in the one that the environment's
SELFSUP_MODELS names, in `models/` of the checkout, and in
`share/selfsup/models`, where an installed package has them.
"""

import hashlib
import os
import pathlib
import shutil
import sysconfig

from absl import logging

from selfsup import atomic, networks
from selfsup.weights import loading, zoo_entry

# A folder of one's own; it comes first.
VARIABLE = "SELFSUP_MODELS"

# Name of the file with the facts about a model.
FACTS = zoo_entry.FACTS

# What a run writes beside its model: at which scale it was trained, and on what.
_BESIDE = ("config.json", "results.json")


def names():
    """Returns the names of all models of the zoo, sorted.

    Raises:
        ValueError: If SELFSUP_MODELS is set, but to no folder.
    """
    return sorted(
        {path.parent.name for f in _folders() for path in f.glob(f"*/{FACTS}")}
    )


def entry(name):
    """Reads what is known of a model.

    Args:
        name: Name of the model.

    Returns:
        A `zoo_entry.Entry`.

    Raises:
        ValueError: If there is no such model, or its `model.json` is damaged.
    """
    known = names()
    if name not in known:
        raise ValueError(
            "There is no such model in the zoo. Expected one of "
            f"{', '.join(known) or 'none: the zoo is empty'}. Received: {name!r}"
        )
    folders = (folder / name for folder in _folders())
    return zoo_entry.read(next(f for f in folders if (f / FACTS).is_file()))


def path(name, file=None):
    """Finds the weights of a model, and verifies them.

    Args:
        name: Name of the model.
        file: Name of the file wanted, where the model has several; its first
            file is taken if it has none of this name.

    Returns:
        The path of the file.

    Raises:
        ValueError: If there is no such model, or the file is not the one that
            was released.
        FileNotFoundError: If the weights are not here; it tells how to get them.
    """
    found = entry(name)
    wanted = next((f for f in found.files if f.name == file), found.files[0])
    places = [folder / name / wanted.name for folder in _folders()]
    here = next((place for place in places if place.is_file()), None)
    if here is None:
        raise FileNotFoundError(
            f"The weights of model {name!r} are not here. Expected "
            f"{found.folder / wanted.name}, or {name}/{wanted.name} in the folder "
            f"that {VARIABLE} names. To get them: `{' && '.join(found.obtain)}`. "
            "Received: no such file"
        )
    _verify(here, wanted)
    return here


def load(name, file=None):
    """Loads a model of the zoo, after verifying its file.

    Weights that one imports oneself have no known hash; then a warning says so,
    and the network is compared with the one described.

    Args:
        name: Name of the model.
        file: As for `path`.

    Returns:
        A `keras.Model`, not compiled.

    Raises:
        ValueError: If there is no such model, or the file is not the one that
            was released, or of another network than described.
        FileNotFoundError: If the weights are not here; it tells how to get them.
    """
    found, source = entry(name), path(name, file)
    model = loading.read_model(source)
    built = networks.describe(model)
    differing = [
        f"{key} {built.get(key)!r} instead of {value!r}"
        for key, value in found.network.items()
        if built.get(key) != value
    ]
    if differing:
        raise ValueError(
            f"A file holds another network than model {name!r} of the zoo. Expected "
            f"what {found.folder / FACTS} describes. Received: {source} with "
            f"{', '.join(differing)}"
        )
    return model


def publish(run, folder, *, title, license, recipe, metrics, side=None):
    """Makes an entry of the zoo from a finished run; its card is left to you.

    Copies the model's file, `config.json` and `results.json`, and writes
    `model.json` last.

    Args:
        run: Path of a workdir with `colorizer.keras`, or of a `.keras` file.
        folder: Path of the entry's folder, which is made; its name is the
            model's.
        title: One line about the model.
        license: Licence of the weights.
        recipe: The exact commands that made it, a sequence of strings.
        metrics: What was measured, as `model.json` shall have it: a dict.
        side: Shortest side at which the network saw images in training; None
            where `config.json` tells.

    Returns:
        The `zoo_entry.Entry`.

    Raises:
        FileNotFoundError: If the run has no model.
        ValueError: If the model is not one of this package.
        OSError: If the folder cannot be written.
    """
    run, folder = pathlib.Path(run), pathlib.Path(folder)
    source = run / "colorizer.keras" if run.is_dir() else run
    if not source.is_file():
        raise FileNotFoundError(
            "There is no model to publish. Expected a workdir with colorizer.keras, "
            f"or a .keras file. Received: {run}"
        )
    model = loading.read_model(source)
    network = networks.describe(model)
    folder.mkdir(parents=True, exist_ok=True)
    for name in (source.name, *_BESIDE):
        if (source.parent / name).is_file():
            with atomic.write(folder / name) as unfinished:
                shutil.copyfile(source.parent / name, unfinished)
    size, digest = _measure(folder / source.name)
    return zoo_entry.write(
        zoo_entry.Entry(
            folder=folder,
            name=folder.name,
            title=title,
            kind=model.name if model.name in zoo_entry.HEADS else "backbone",
            network=network,
            input=zoo_entry.INPUT,
            side=side,
            license=license,
            recipe=tuple(recipe),
            metrics=metrics,
            sources=(),
            obtain=(),
            files=(zoo_entry.File(source.name, size, digest, None),),
        )
    )


def _folders():
    """Returns the folders of models that exist, the first to look in first."""
    folders = []
    own = os.environ.get(VARIABLE)
    if own:
        folders.append(pathlib.Path(own).expanduser())
        if not folders[0].is_dir():
            raise ValueError(
                f"{VARIABLE} names no folder. Expected a folder of models, or no such "
                f"variable. Received: {own!r}"
            )
    root = pathlib.Path(__file__).resolve().parents[2]
    # Beside an installed package, `models` may be anyone's.
    if (root / "setup.cfg").is_file():
        folders.append(root / "models")
    schemes = (sysconfig.get_default_scheme(), sysconfig.get_preferred_scheme("user"))
    for scheme in schemes:
        share = pathlib.Path(sysconfig.get_path("data", scheme), "share")
        folders.append(share / "selfsup" / "models")
    return [folder for folder in folders if folder.is_dir()]


def _verify(source, file):
    if file.sha256 is None:
        logging.warning(
            "%s was not verified: no hash is known of a file that one imports oneself",
            source,
        )
        return
    size, digest = _measure(source)
    if digest != file.sha256:
        raise ValueError(
            "A file of the zoo is not the one that was released: it is damaged, or "
            f"was replaced. Expected {file.bytes} bytes with sha256 {file.sha256}. "
            f"Received: {source}, {size} bytes with sha256 {digest}"
        )


def _measure(source):
    """Returns a file's size in bytes and its sha256."""
    with open(source, "rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return source.stat().st_size, digest
