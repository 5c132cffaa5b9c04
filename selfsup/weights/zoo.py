"""The model zoo: released models by name, verified, without network access.

Synopsis:

    from selfsup.weights import zoo

    zoo.names()
    zoo.entry("sample").metrics
    model = zoo.load("sample")

A model is a folder with its metadata, `model.json`, and its card, `README.md`.
Folders of models are searched in this order: the one that the environment
variable SELFSUP_MODELS names, `models/` of the checkout, and
`share/selfsup/models`, where an installed package has them.
"""

import dataclasses
import hashlib
import json
import os
import pathlib
import sysconfig

from absl import logging

from selfsup import networks
from selfsup.weights import loading

# The environment variable that names the user's folder of models.
VARIABLE = "SELFSUP_MODELS"

# File name of the metadata of a model.
METADATA = "model.json"


@dataclasses.dataclass(frozen=True)
class File:
    """A file and how to verify it.

    Attributes:
        name: Its name, without folders.
        bytes: Its size, or None if it is not known.
        sha256: Its hash, 64 hexadecimal digits, or None if it is not known.
        url: Where it can be downloaded, or None.
    """

    name: str
    bytes: int | None = None
    sha256: str | None = None
    url: str | None = None


@dataclasses.dataclass(frozen=True)
class Entry:
    """The metadata of a model; all but `folder` are fields of `model.json`.

    Attributes:
        folder: Path of the folder with `model.json`.
        name: Name of the model, that of the folder.
        title: One line about the model.
        kind: Its kind, see `heads.kind`.
        network: What `networks.describe` returns, or the parts of it that are
            known without the file.
        license: License of the weights.
        files: Its weights, at least one `File`; the first is the default.
        input: The input convention in words.
        side: Shortest side of the training images as the network saw them, or
            None if it is not known or `config.json` holds it.
        recipe: The exact commands that made it; empty if others made it.
        metrics: Dict of what was measured, with the commands.
        sources: A `File` for each file of other programs that it is imported
            from.
        obtain: The commands that get the weights, if they are not in the zoo.
    """

    folder: pathlib.Path
    name: str
    title: str
    kind: str
    network: dict
    license: str
    files: tuple
    input: str = ""
    side: int | None = None
    recipe: tuple = ()
    metrics: dict = dataclasses.field(default_factory=dict)
    sources: tuple = ()
    obtain: tuple = ()


def names():
    """Returns the names of all models of the zoo, sorted.

    Raises:
        ValueError: If SELFSUP_MODELS is set, but to no folder.
    """
    return sorted(
        {path.parent.name for f in _folders() for path in f.glob(f"*/{METADATA}")}
    )


def entry(name):
    """Reads the metadata of a model.

    Args:
        name: Name of the model.

    Returns:
        An `Entry`.

    Raises:
        ValueError: If there is no such model, or its `model.json` is damaged or
            has missing or unknown fields.
    """
    known = names()
    if name not in known:
        raise ValueError(
            "There is no such model in the zoo. Expected one of "
            f"{', '.join(known) or 'none: the zoo is empty'}. Received: {name!r}"
        )
    folders = (folder / name for folder in _folders())
    folder = next(f for f in folders if (f / METADATA).is_file())
    try:
        content = json.loads((folder / METADATA).read_text(encoding="utf-8"))
        if not isinstance(content, dict):
            raise ValueError("no JSON object")
        for field in ("files", "sources"):
            content[field] = tuple(File(**file) for file in content.get(field, ()))
        if not content["files"] or content.get("name") != folder.name:
            raise ValueError("no files, or a name other than the folder's")
        return Entry(folder, **content)
    except (LookupError, OSError, RecursionError, TypeError, ValueError) as error:
        raise ValueError(
            "The metadata of a model cannot be read. Expected JSON with the fields of "
            f"`zoo.Entry`. Received: {folder / METADATA} ({error})"
        ) from error


def path(name, file=None):
    """Finds the weights of a model and verifies their hash.

    Args:
        name: Name of the model.
        file: Name of the file wanted, where the model has several; its first
            file is taken if it has none of this name.

    Returns:
        The path of the file.

    Raises:
        ValueError: If there is no such model, or the file is not the one that
            was released.
        FileNotFoundError: If the weights are missing; the error says how to get
            them.
    """
    found = entry(name)
    wanted = next((f for f in found.files if f.name == file), found.files[0])
    places = [folder / name / wanted.name for folder in _folders()]
    here = next((place for place in places if place.is_file()), None)
    if here is None:
        raise FileNotFoundError(
            f"The weights of model {name!r} are missing. Expected "
            f"{found.folder / wanted.name}, or {name}/{wanted.name} in {VARIABLE}; get "
            f"them with `{' && '.join(found.obtain)}`. Received: no such file"
        )
    if wanted.sha256 is None:
        logging.warning("%s was not verified: its hash is not known", here)
        return here
    with here.open("rb") as opened:
        digest = hashlib.file_digest(opened, "sha256").hexdigest()
    if digest != wanted.sha256:
        raise ValueError(
            "A file of the zoo is not the one that was released. Expected "
            f"{wanted.bytes} bytes with sha256 {wanted.sha256}. "
            f"Received: {here}, {here.stat().st_size} bytes with sha256 {digest}"
        )
    return here


def load(name, file=None):
    """Loads a model of the zoo and verifies its file.

    Weights that the user imports have no known hash: a warning is logged then.
    The network is always compared with the one that `model.json` describes.

    Args:
        name: Name of the model.
        file: As for `path`.

    Returns:
        A `keras.Model`, not compiled.

    Raises:
        ValueError: If there is no such model, or the file is not the one that
            was released, or holds another network than described.
        FileNotFoundError: If the weights are missing; the error says how to get
            them.
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
            f"A file holds another network than its {METADATA} describes. Expected the "
            f"zoo's {name!r}. Received: {source} with {', '.join(differing)}"
        )
    return model


def _folders():
    """Returns the folders of models that exist, in the order of the search."""
    folders = []
    own = os.environ.get(VARIABLE)
    if own:
        folders.append(pathlib.Path(own).expanduser())
        if not folders[0].is_dir():
            raise ValueError(
                f"{VARIABLE} must be unset or name a folder. Received: {own!r}"
            )
    root = pathlib.Path(__file__).resolve().parents[2]
    # A folder `models` beside an installed package may be another package's.
    if (root / "setup.cfg").is_file():
        folders.append(root / "models")
    schemes = sysconfig.get_default_scheme(), sysconfig.get_preferred_scheme("user")
    for scheme in schemes:
        data = sysconfig.get_path("data", scheme)
        folders.append(pathlib.Path(data, "share", "selfsup", "models"))
    return [folder for folder in folders if folder.is_dir()]
