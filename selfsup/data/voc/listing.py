"""Files of folders, whatever the case of their endings."""

import os

# The first one that exists is taken.
IMAGE_ENDINGS = (".jpg", ".jpeg", ".png", ".tif", ".tiff", ".bmp", ".webp")


class Listing:
    """Finds files; each folder is listed once."""

    def __init__(self):
        self._folders = {}

    def find(self, path):
        """Returns the files of a path, whose ending may be in capitals.

        Args:
            path: A path with an ending.

        Returns:
            A list of paths: empty, or of one, or of several, as `a.png` and `a.PNG`.
        """
        folder, name = os.path.split(path)
        if folder not in self._folders:
            self._folders[folder] = _by_lower_ending(folder)
        return [
            os.path.join(folder, found)
            for found in self._folders[folder].get(_lower_ending(name), ())
        ]


def image_choices(folder, name):
    """Returns the paths that an image may have.

    Args:
        folder: The year's folder.
        name: Name of the image.
    """
    stem = os.path.join(folder, "JPEGImages", name)
    return [stem + ending for ending in IMAGE_ENDINGS]


def _by_lower_ending(folder):
    found = {}
    names = os.listdir(folder) if os.path.isdir(folder) else ()
    for name in sorted(names):
        found.setdefault(_lower_ending(name), []).append(name)
    return found


def _lower_ending(name):
    stem, ending = os.path.splitext(name)
    return stem + ending.lower()
