"""The zoo finds its models, trusts no changed file, and says how to get others."""

import hashlib
import json
import pathlib
import shutil

import keras
import numpy as np
import pytest
import zoo_entries

from selfsup import heads, networks
from selfsup.weights import zoo

import fakes

ROOT = pathlib.Path(__file__).resolve().parents[2]
COMMITTED = sorted(path.parent for path in (ROOT / "models").glob("*/model.json"))


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    """A folder with a made-up run, and a zoo with that run as the model `tiny`."""
    root = tmp_path_factory.mktemp("zoo")
    run = root / "run"
    run.mkdir()
    backbone = fakes.network("vgg16")
    model = heads.colorizer(backbone, networks.taps(backbone), 4, hidden=4)
    fakes.randomize(model).save(run / "colorizer.keras")
    (root / "models").mkdir()
    zoo_entries.write(run, root / "models" / "tiny")
    return root


@pytest.fixture
def models(published, tmp_path, monkeypatch):
    """A copy of that zoo that a test may damage, as the only one."""
    folder = tmp_path / "models"
    shutil.copytree(published / "models", folder)
    monkeypatch.setattr(zoo, "_folders", lambda: [folder])
    return folder


def _edit(entry, **changes):
    content = json.loads((entry / "model.json").read_text())
    (entry / "model.json").write_text(json.dumps({**content, **changes}))


def test_a_model_is_loaded_as_it_was(published, models):
    assert zoo.names() == ["tiny"]
    original = keras.saving.load_model(published / "run" / "colorizer.keras")
    loaded = zoo.load("tiny")
    for one, other in zip(original.weights, loaded.weights, strict=True):
        np.testing.assert_array_equal(one, other)
    assert not loaded.compiled


def test_an_entry_is_what_its_file_holds(models):
    entry = zoo.entry("tiny")
    content = (models / "tiny" / "colorizer.keras").read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    file = zoo.File("colorizer.keras", len(content), digest)
    network = {"network": "vgg16", "width": 1 / 64}
    assert entry == zoo.Entry(
        models / "tiny",
        *("tiny", "A tiny colorizer", "colorizer", network, "Apache-2.0", (file,)),
    )
    source = {"name": "a.h5", "url": "http://a/a.h5"}
    _edit(models / "tiny", title="With a dash —", side=3, sources=[source])
    entry = zoo.entry("tiny")
    assert (entry.title, entry.side) == ("With a dash —", 3)
    assert entry.sources == (zoo.File("a.h5", None, None, "http://a/a.h5"),)


def test_unknown_names_list_the_known_ones(models):
    with pytest.raises(ValueError, match="one of tiny. Received: 'big'"):
        zoo.load("big")
    for name in ("../models/tiny", "", "tiny/"):
        with pytest.raises(ValueError, match="one of tiny"):
            zoo.entry(name)


def test_an_empty_zoo_says_so(monkeypatch):
    monkeypatch.setattr(zoo, "_folders", lambda: [])
    with pytest.raises(ValueError, match="the zoo is empty"):
        zoo.load("tiny")


@pytest.mark.parametrize("change", ["cut", "longer", "one bit"])
def test_a_changed_file_is_refused_with_both_hashes(change, models):
    file = models / "tiny" / "colorizer.keras"
    expected = zoo.entry("tiny").files[0].sha256
    content = bytearray(file.read_bytes())
    if change == "cut":
        del content[-100:]
    elif change == "longer":
        content += b"x"
    else:
        content[len(content) // 2] ^= 1
    file.write_bytes(content)
    received = hashlib.sha256(content).hexdigest()
    with pytest.raises(ValueError, match=f"{expected}.*Received: {file}.*{received}"):
        zoo.load("tiny")


def test_the_error_of_missing_weights_says_how_to_get_them(models):
    file = models / "tiny" / "colorizer.keras"
    file.unlink()
    _edit(models / "tiny", obtain=["curl -O http://a/b", "python import.py"])
    message = f"Expected {file}, .*curl -O http://a/b && python import.py`. Received"
    with pytest.raises(FileNotFoundError, match=message):
        zoo.load("tiny")


def test_imported_weights_have_no_hash_but_must_be_the_network(models, caplog):
    file = dict(name="colorizer.keras", bytes=None, sha256=None, url=None)
    _edit(models / "tiny", files=[file], network={"network": "vgg16"})
    zoo.load("tiny")
    assert "was not verified" in caplog.text
    _edit(models / "tiny", network={"network": "alexnet", "width": 1.0})
    with pytest.raises(
        ValueError, match=r"another network.*network 'vgg16' instead of 'alexnet', wid"
    ):
        zoo.load("tiny")


def test_weights_may_be_in_another_folder_than_the_metadata(
    models, tmp_path, monkeypatch
):
    own = tmp_path / "own"
    (own / "tiny").mkdir(parents=True)
    shutil.move(models / "tiny" / "colorizer.keras", own / "tiny")
    monkeypatch.setattr(zoo, "_folders", lambda: [own, models])
    assert zoo.path("tiny") == own / "tiny" / "colorizer.keras"


def test_file_wanted_or_else_the_first(models):
    shutil.copy(models / "tiny" / "colorizer.keras", models / "tiny" / "two.keras")
    one = json.loads((models / "tiny" / "model.json").read_text())["files"][0]
    _edit(models / "tiny", files=[one, {**one, "name": "two.keras"}])
    assert zoo.path("tiny").name == "colorizer.keras"
    assert zoo.path("tiny", "two.keras").name == "two.keras"
    assert zoo.path("tiny", "backbone.keras").name == "colorizer.keras"


@pytest.mark.parametrize(
    "changes, message",
    [
        ({"name": "other"}, "name other than"),
        ({"files": []}, "no files"),
        ({"more": 1}, "'more'"),
        ({"folder": "here"}, "'folder'"),
        ({"files": [{"bytes": 1}]}, "'name'"),
        ({"files": [{"name": "a", "md5": "1"}]}, "'md5'"),
        ({"files": 3}, "int"),
    ],
)
def test_damaged_metadata_are_named(changes, message, models):
    _edit(models / "tiny", **changes)
    with pytest.raises(ValueError, match=f"Received: .*tiny/model.json .*{message}"):
        zoo.entry("tiny")


@pytest.mark.parametrize("missing", ["title", "files", "network"])
def test_missing_fields_are_named(missing, models):
    path = models / "tiny" / "model.json"
    content = json.loads(path.read_text())
    del content[missing]
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=f"Received: {path} .*{missing}"):
        zoo.entry("tiny")


@pytest.mark.parametrize("content", ["[", "[]", "3"])
def test_metadata_that_are_no_json_object_are_named(content, models):
    (models / "tiny" / "model.json").write_text(content)
    with pytest.raises(ValueError, match="Received: .*tiny/model.json"):
        zoo.entry("tiny")


def test_the_users_folder_comes_first(models, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setenv("SELFSUP_MODELS", str(models))
    assert zoo._folders()[:2] == [models, ROOT / "models"]
    assert "tiny" in zoo.names()
    monkeypatch.setenv("SELFSUP_MODELS", str(models / "nowhere"))
    with pytest.raises(ValueError, match="SELFSUP_MODELS.*nowhere"):
        zoo.names()


def test_an_installed_package_has_them_below_share(published, tmp_path, monkeypatch):
    # As pip installs it: beside the package lies somebody else's `models`.
    site = tmp_path / "site-packages"
    (site / "models" / "stranger").mkdir(parents=True)
    (site / "models" / "stranger" / "model.json").write_text("{}")
    monkeypatch.setattr(zoo, "__file__", str(site / "selfsup" / "weights" / "zoo.py"))
    prefix = tmp_path / "prefix"
    paths = zoo.sysconfig.get_path
    monkeypatch.setattr(
        zoo.sysconfig,
        "get_path",
        lambda name, *rest: str(prefix) if name == "data" else paths(name, *rest),
    )
    assert zoo.names() == []
    share = prefix / "share" / "selfsup" / "models"
    shutil.copytree(published / "models", share)
    assert zoo.names() == ["tiny"]
    assert zoo.path("tiny") == share / "tiny" / "colorizer.keras"


@pytest.mark.parametrize("folder", COMMITTED, ids=lambda folder: folder.name)
def test_committed_models_are_whole(folder):
    entry = zoo.entry(folder.name)
    assert entry.folder == folder
    card = (folder / "README.md").read_text()
    setup = (ROOT / "setup.cfg").read_text()
    assert f"share/selfsup/models/{folder.name} =" in setup
    for file in entry.files:
        if file.sha256 is None:
            assert entry.obtain and entry.sources
            for source in entry.sources:
                assert source.url in card and source.url in " ".join(entry.obtain)
        else:
            assert file.sha256 in card
            assert (folder / file.name).stat().st_size == file.bytes
            model = zoo.load(entry.name, file.name)
            assert networks.describe(model) == entry.network
    for command in entry.recipe or entry.obtain:
        assert command in card


def test_every_model_is_on_the_list():
    page = (ROOT / "models" / "README.md").read_text()
    assert COMMITTED
    for folder in COMMITTED:
        assert f"[{folder.name}]({folder.name}/README.md)" in page
