"""An entry is written and read as it is."""

import dataclasses
import json

import pytest

from selfsup.weights import zoo_entry


def _entry(folder):
    return zoo_entry.Entry(
        folder=folder,
        name=folder.name,
        title="Title — with a dash",
        kind="backbone",
        network={"network": "alexnet", "width": 0.1},
        input=zoo_entry.INPUT,
        side=None,
        license="MIT",
        recipe=("one", "two"),
        metrics={"a": [1, 2.5]},
        sources=(zoo_entry.File("a.h5", None, None, "http://a/a.h5"),),
        obtain=("curl http://a/a.h5",),
        files=(zoo_entry.File("backbone.keras", 3, "0" * 64, None),),
    )


def test_round_trip(tmp_path):
    folder = tmp_path / "name"
    folder.mkdir()
    entry = _entry(folder)
    assert zoo_entry.write(entry) == entry == zoo_entry.read(folder)
    content = json.loads((folder / "model.json").read_text(encoding="utf-8"))
    assert content["files"][0]["bytes"] == 3 and "folder" not in content
    # Nothing else is left behind.
    assert len(list(folder.iterdir())) == 1


def test_a_folder_without_facts_is_missing(tmp_path):
    with pytest.raises(FileNotFoundError):
        zoo_entry.read(tmp_path)


@pytest.mark.parametrize("missing", ["title", "files", "side"])
def test_missing_fields_are_refused(missing, tmp_path):
    zoo_entry.write(dataclasses.replace(_entry(tmp_path), side=3))
    content = json.loads((tmp_path / "model.json").read_text())
    del content[missing]
    (tmp_path / "model.json").write_text(json.dumps(content))
    with pytest.raises(ValueError, match=f"its fields must be .*{missing}"):
        zoo_entry.read(tmp_path)


@pytest.mark.parametrize("name", ["", "a/b", "..", ".hidden", "a b"])
def test_file_names_are_plain(name):
    with pytest.raises(ValueError, match="plain name"):
        zoo_entry.File(name, None, None, None)
