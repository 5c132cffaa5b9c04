"""What the images of a folder were colored with, and which are done."""

import contextlib
import hashlib
import json
import os
import pathlib

from selfsup import atomic, data

NAME = "colored.jsonl"


class Record:
    """The record of a folder of results, a file of one JSON object a line.

    The first line holds the settings. A result's line is written before the result
    is put in place, so that a kill leaves no result that is not known. A line torn by
    a kill does not count.

    Args:
        folder: Folder of the results.

    Attributes:
        settings: Dict of what the results were made with; None without a record.
        results: Dict from the name of a result, its path below the folder, to its
            line: `source` and the digests `source_sha256`, `sha256`.
        sheets: Dict from the name of a sheet to a digest of what it shows.
    """

    def __init__(self, folder):
        self.folder, self.path = pathlib.Path(folder), pathlib.Path(folder, NAME)
        self.settings, self.results, self.sheets = None, {}, {}
        for line in _lines(self.path):
            if "settings" in line:
                self.settings = line["settings"]
            elif "result" in line:
                self.results[line["result"]] = line
            elif "sheet" in line:
                self.sheets[line["sheet"]] = line.get("shows")
        if self.settings is None:
            self.results = {}

    def differences(self, settings):
        """Returns in words where other results were made with other settings.

        Args:
            settings: A dict.

        Returns:
            A list, empty if there is none, or there are no results.
        """
        if not any(os.path.exists(self.folder / name) for name in self.results):
            return []
        old, new = self.settings, settings
        return [
            f"{name} (there {old.get(name)!r}, now {new.get(name)!r})"
            for name in {**old, **new}
            if old.get(name) != new.get(name)
        ]

    def begin(self, settings, without=()):
        """Begins the file, or goes on with it.

        Args:
            settings: A dict. Results of other ones are forgotten.
            without: Names of results that are forgotten too.
        """
        same = settings == self.settings
        kept = [name for name in self.results if same and name not in without]
        self.settings = settings
        self.results = {name: self.results[name] for name in kept}
        sheets = [{"sheet": name, "shows": s} for name, s in self.sheets.items()]
        lines = [{"settings": settings}, *self.results.values(), *sheets]
        with atomic.write(self.path) as unfinished:
            unfinished.write_text("".join(json.dumps(line) + "\n" for line in lines))

    def add_result(self, name, source, encoded):
        """Notes a result that is to be written.

        Args:
            name: Its path below the folder.
            source: Path of the image.
            encoded: Bytes of the result.

        Raises:
            OSError: If the record or the source is in the way.
        """
        line = {
            "result": name,
            "source": os.path.abspath(source),
            "source_sha256": digest(source),
            "sha256": hashlib.sha256(encoded).hexdigest(),
        }
        self._append(line)
        self.results[name] = line

    def add_sheet(self, name, shows):
        """Notes a sheet.

        Args:
            name: Its name.
            shows: Digest of what it shows, or None if it is to be written.
        """
        self._append({"sheet": name, "shows": shows})
        self.sheets[name] = shows

    def is_whole(self, name):
        """Returns whether a result is there as it was written, or as an image."""
        path = self.folder / name
        try:
            if digest(path) == self.results[name]["sha256"]:
                return True
            # A person may have worked on it.
            data.load_image(path)
        except (OSError, ValueError):
            return False
        return True

    def _append(self, line):
        encoded = json.dumps(line).encode() + b"\n"
        with self.path.open("ab", buffering=0) as file:
            end = file.tell()
            if file.write(encoded) < len(encoded):
                # Else the next line would follow a torn one.
                file.truncate(end)
                raise OSError(f"The disk is full: {self.path}")


def digest(path):
    """Returns the SHA-256 of a file.

    Args:
        path: Path of the file.
    """
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _lines(path):
    """Yields the objects of a file, but for a torn or damaged line."""
    if not path.exists():
        return
    # What follows the last line break is torn, or empty.
    for line in path.read_bytes().split(b"\n")[:-1]:
        with contextlib.suppress(ValueError):
            content = json.loads(line)
            if isinstance(content, dict):
                yield content
