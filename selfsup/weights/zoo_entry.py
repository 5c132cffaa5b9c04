"""What is known of a model of the zoo: its `model.json`."""

import dataclasses
import json
import pathlib
import re

from selfsup import atomic

# Name of the file.
FACTS = "model.json"

# Names of models with a head; all others are backbones.
HEADS = ("colorizer", "segmenter", "classifier")

# The input of every network of this package.
INPUT = "gray [B, H, W, 1], float32: mean of R, G and B in [0, 1], minus 0.4488"

_PLAIN_NAME = re.compile(r"[\w-][\w.-]*")
_SHA256 = re.compile(r"[0-9a-f]{64}")


@dataclasses.dataclass(frozen=True)
class File:
    """A file and how to know it.

    Attributes:
        name: Its name, without folders.
        bytes: Its size, or None where that is not known.
        sha256: Its hash, 64 digits; None where it is not known.
        url: Where it can be had, or None.
    """

    name: str
    bytes: int | None
    sha256: str | None
    url: str | None

    def __post_init__(self):
        if not _PLAIN_NAME.fullmatch(self.name):
            raise ValueError(f"`name` of a file must be a plain name: {self.name!r}")
        if self.sha256 is not None and not _SHA256.fullmatch(self.sha256):
            raise ValueError(f"`sha256` must be 64 digits or null: {self.sha256!r}")


@dataclasses.dataclass(frozen=True)
class Entry:
    """A model of the zoo.

    Attributes:
        folder: Where its `model.json` lies; not written to the file.
        name: Name of the folder.
        title: One line.
        kind: `"backbone"`, `"colorizer"`, `"segmenter"` or `"classifier"`.
        network: What `networks.describe` returns, or those parts of it that are
            known without the file.
        input: The input convention in words.
        side: Shortest side at which the network saw images in training, or
            None where it is not known or `config.json` tells.
        license: Licence of the weights.
        recipe: The exact commands that made it; empty where others did.
        metrics: What was measured, with the commands.
        sources: Files of other programs that it is imported from.
        obtain: The commands that get it, where it is not part of the zoo.
        files: Its weights, at least one; the first is the default.
    """

    folder: pathlib.Path
    name: str
    title: str
    kind: str
    network: dict
    input: str
    side: int | None
    license: str
    recipe: tuple
    metrics: dict
    sources: tuple
    obtain: tuple
    files: tuple

    def __post_init__(self):
        if self.kind not in ("backbone", *HEADS):
            raise ValueError(f"`kind` must be backbone or {HEADS}: {self.kind!r}")
        if not self.files:
            raise ValueError("`files` must name the weights")


# Of the file; `folder` is where it lies.
_FIELDS = {field.name for field in dataclasses.fields(Entry)} - {"folder"}


def read(folder):
    """Reads the entry in a folder.

    Args:
        folder: Path of the folder.

    Returns:
        An `Entry`.

    Raises:
        ValueError: If `model.json` is damaged, has missing or unknown fields, or
            names another model; the file is named.
        FileNotFoundError: If there is none.
    """
    folder = pathlib.Path(folder)
    try:
        content = json.loads((folder / FACTS).read_text(encoding="utf-8"))
        if not isinstance(content, dict) or content.keys() != _FIELDS:
            raise ValueError(f"its fields must be {', '.join(sorted(_FIELDS))}")
        if content["name"] != folder.name:
            raise ValueError(f"`name` must be that of the folder: {content['name']!r}")
        for field in ("sources", "files"):
            content[field] = tuple(File(**file) for file in content[field])
        for field in ("recipe", "obtain"):
            content[field] = tuple(content[field])
        return Entry(folder, **content)
    except (TypeError, ValueError) as error:
        raise ValueError(
            "An entry of the model zoo cannot be read. Expected a model.json as "
            f"zoo.publish writes it. Received: {folder / FACTS} ({error})"
        ) from error


def write(entry):
    """Writes an entry into its folder, whole or not at all.

    Args:
        entry: An `Entry`.

    Returns:
        The entry, as `read` gives it.

    Raises:
        OSError: If it cannot be written.
    """
    content = dataclasses.asdict(entry)
    del content["folder"]
    with atomic.write(entry.folder / FACTS) as unfinished:
        unfinished.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    return read(entry.folder)
