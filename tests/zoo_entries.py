"""Models of a zoo, with metadata as a person writes it."""

import hashlib
import json
import shutil

from selfsup.weights import zoo


def write(run, folder, **changes):
    """Makes the folder of a model from a finished run.

    Args:
        run: Path of a folder with `colorizer.keras`, of a VGG-16.
        folder: Path of the folder to make.
        **changes: Fields of `model.json` that differ.
    """
    shutil.copytree(run, folder)
    content = (folder / "colorizer.keras").read_bytes()
    metadata = {
        "name": folder.name,
        "title": "A tiny colorizer",
        "kind": "colorizer",
        "network": {"network": "vgg16", "width": 1 / 64},
        "license": "Apache-2.0",
        "files": [
            {
                "name": "colorizer.keras",
                "bytes": len(content),
                "sha256": hashlib.sha256(content).hexdigest(),
            }
        ],
    }
    (folder / zoo.METADATA).write_text(json.dumps({**metadata, **changes}))
