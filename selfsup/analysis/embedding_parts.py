"""What is done of a long embedding, kept so that a stopped one goes on."""

import json
import pathlib
import shutil

import numpy as np

from selfsup import atomic, runs

_SETTINGS = "settings.json"


def has_begun(folder):
    """Returns whether a folder holds the beginning of an embedding."""
    return pathlib.Path(folder, _SETTINGS).exists()


class Parts:
    """A folder of the parts of an embedding that are done, each whole or not there.

    Args:
        folder: Path of the folder.
        settings: Dict of what the parts depend on, which JSON can hold.

    Attributes:
        begun: Whether an earlier call has begun the same work.

    Raises:
        ValueError: If the folder holds parts of other settings.
    """

    def __init__(self, folder, settings):
        self.folder, self._settings = pathlib.Path(folder), settings
        self.begun = has_begun(folder)
        if self.begun:
            before = runs.read_settings(self.folder / _SETTINGS)
            keys = {**before, **settings}
            pairs = {key: (before.get(key), settings.get(key)) for key in keys}
            runs.refuse_other_settings(
                f"The folder {self.folder} holds the beginning of another embedding. "
                "Expected the same settings to go on, another --output, or --overwrite",
                {key: pair for key, pair in pairs.items() if pair[0] != pair[1]},
            )

    def begin(self):
        """Notes the settings; the folder is there."""
        runs.write_json(self.folder / _SETTINGS, self._settings)

    def count(self):
        """Returns how many parts are done, from the first on."""
        number = 0
        while self._path(number).exists():
            number += 1
        return number

    def add(self, number, arrays, about):
        """Keeps a part.

        Args:
            number: Its number, counted from 0.
            arrays: Dict from names to arrays.
            about: What JSON can hold.
        """
        with atomic.write(self._path(number)) as unfinished:
            np.savez(unfinished, about=json.dumps(about), **arrays)

    def read(self, number, *names):
        """Returns some arrays of a part, a list."""
        with np.load(self._path(number)) as file:
            return [file[name] for name in names]

    def about(self, number):
        """Returns what is kept about a part."""
        (text,) = self.read(number, "about")
        return json.loads(str(text))

    def remove(self):
        """Removes the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _path(self, number):
        return self.folder / f"{number:06}.npz"
