"""Opening sources and splitting off the held-out part."""

import hashlib
import os
import pathlib
import shutil

import pytest

from selfsup import data
from selfsup.data import files


def names(images):
    return [images.name(index) for index in range(len(images))]


def both(*args, **kwargs):
    parts = [data.open_images(*args, subset=s, **kwargs) for s in ("train", "val")]
    return [names(part) for part in parts]


@pytest.fixture
def folder(tmp_path):
    for number in range(20):
        (tmp_path / f"{number:02}.jpg").write_bytes(b"")
    return tmp_path


@pytest.mark.parametrize("fraction, count", [(0.001, 1), (0.1, 2), (0.5, 10)])
def test_split_is_disjoint_and_exhaustive(folder, fraction, count):
    train, val = both([folder], val_fraction=fraction)
    assert len(val) == count
    assert sorted(train + val) == names(data.open_images([folder]))


def test_split_depends_on_the_seed_and_not_on_the_place(folder, tmp_path_factory):
    copy = tmp_path_factory.mktemp("copy")
    shutil.copytree(folder, copy, dirs_exist_ok=True)
    splits = [
        [os.path.basename(path) for path in both([place], val_fraction=0.5, seed=s)[1]]
        for place, s in [(folder, 1), (copy, 1), (folder, 2)]
    ]
    assert splits[0] == splits[1] != splits[2]


@pytest.mark.parametrize("held_out", [(), ("val",)], ids=["fraction", "sources"])
def test_both_parts_are_listed_once_and_are_those_of_each(
    folder, held_out, monkeypatch
):
    for name in ("data", *held_out):
        (folder / name).mkdir()
        for number in range(10):
            (folder / name / f"{number}.jpg").write_bytes(b"")
    options = {"val_specs": [folder / x for x in held_out], "val_fraction": 0.3}
    apart = both([folder / "data"], **options)
    listed, find = [], files.find_images

    def find_images(spec):
        listed.append(spec)
        return find(spec)

    monkeypatch.setattr(files, "find_images", find_images)
    parts = data.open_parts([folder / "data"], **options)
    assert [names(part) for part in parts] == apart
    assert listed.count(str(folder / "data")) == 1


def test_the_held_out_files_are_those_whose_hashes_come_first(folder):
    expected = sorted(
        (f"{number:02}.jpg" for number in range(20)),
        key=lambda name: hashlib.sha256(f"7/{name}".encode()).digest(),
    )
    _, val = both([folder], val_fraction=0.25, seed=7)
    assert {os.path.basename(path) for path in val} == set(expected[:5])


def test_new_files_leave_the_others_in_training(folder):
    before, _ = both([folder], val_fraction=0.2)
    (folder / "new.jpg").write_bytes(b"")
    after, val = both([folder], val_fraction=0.2)
    # Both parts have one place at most that changed hands.
    assert len(set(before) & set(val)) <= 1


def test_an_image_that_is_given_twice_counts_once(folder, tmp_path, monkeypatch):
    link = tmp_path.with_name(f"{tmp_path.name}-link")
    link.symlink_to(folder)
    (folder / "copy.jpg").symlink_to("03.jpg")
    lines = [f"{n:02}.jpg" for n in range(20)] + [str(folder / "01.jpg")]
    (folder / "list.txt").write_text("\n".join(lines))
    monkeypatch.chdir(folder)
    spellings = [folder, ".", f"../{folder.name}/", link, link / "05.jpg", "list.txt"]
    for specs in [spellings, spellings[::-1]]:
        train, val = both(specs, val_fraction=0.3)
        assert len(train) == 14 and len(val) == 6
        assert {os.path.realpath(path) for path in train + val} == {
            str(folder / f"{n:02}.jpg") for n in range(20)
        }


@pytest.mark.parametrize("spelling", ["folder", "file", "list", "link"])
def test_training_images_among_the_held_out_ones_are_refused(folder, spelling):
    other = folder.with_name(f"{folder.name}-other")
    other.mkdir()
    (other / "new.jpg").write_bytes(b"")
    (other / "list.txt").write_text(f"new.jpg\n../{folder.name}/07.jpg 3\n")
    if spelling == "link":
        (other / "link.jpg").symlink_to(folder / "07.jpg")
    held_out = {"folder": folder, "file": folder / "07.jpg", "list": other / "list.txt"}
    val_specs = [other, held_out.get(spelling, other)]
    with pytest.raises(ValueError, match=r"\d+ of both, such as .*\.jpg"):
        data.open_images([folder], val_specs=val_specs, subset="train")
    # An evaluation may look at what it likes.
    assert data.open_images([folder], val_specs=val_specs, subset="val")


def test_embedded_photographs_held_out_of_themselves_are_refused():
    photo = files.embedded_photos()[3]
    with pytest.raises(ValueError, match=f"1 of both, such as {photo!r}"):
        data.open_images(val_specs=[photo], subset="train")


def test_the_home_folder_is_a_source(folder, monkeypatch):
    monkeypatch.setenv("HOME", str(folder))
    (folder / "list.txt").write_text("~/03.jpg\n~/no/../04.jpg\n~/05.jpg 7\n")
    (folder / "no").mkdir()
    assert len(data.open_images(["~"])) == 20
    assert len(data.open_images(["~/list.txt", "~/05.jpg"])) == 3


def test_keys_stay_when_the_source_moves(folder):
    inside = folder / "a" / "x.jpg"
    inside.parent.mkdir()
    inside.write_bytes(b"")
    moved = folder.with_name(f"{folder.name}-moved")
    before = data.open_images([folder]).keys
    folder.rename(moved)
    after = data.open_images([moved, *files.embedded_photos()[:2]]).keys
    moved.rename(folder)
    assert before[-1] == "a/x.jpg" and before == after[:-2]
    assert data.open_images().keys[3] == "astronaut.jpg"


@pytest.mark.parametrize("name", ["IMG_1.HEIC", "a.jxl", "b.CR2"])
def test_a_source_of_a_kind_that_is_not_read_is_named(tmp_path, name):
    (tmp_path / name).write_bytes(b"\x00\x00\x00\x18ftypheic\n\x1b[31m")
    with pytest.raises(ValueError, match=f"kind that is not read.*{name}'$"):
        data.open_images([tmp_path / name])


def drawn(images, count):
    """Names of the images of the first samples."""
    indices = [int(index) for index, _ in images.stream(0).take(count)]
    return [images.name(index) for index in indices]


@pytest.fixture
def three(folder):
    """Specifications of three folders of 6, 4 and 10 images."""
    for number in range(20):
        part = "a" if number < 6 else "b" if number < 10 else "c=0.5"
        (folder / part).mkdir(exist_ok=True)
        (folder / f"{number:02}.jpg").rename(folder / part / f"{number:02}.jpg")
    return [f"{folder}/a=0.3", f"{folder}/b", f"{folder}/c=0.5"]


def test_a_share_is_kept_and_the_rest_is_by_size(three):
    folders = [os.path.dirname(name)[-1] for name in drawn(data.open_images(three), 80)]
    # A folder that exists has no share.
    assert [folders.count(name) for name in "ab5"] == [24, 16, 40]


def test_shares_of_all_sources_are_relative(three):
    images = data.open_images([three[0], f"{three[1]}=0.2", f"{three[2]}=0.5"])
    folders = [os.path.dirname(name)[-1] for name in drawn(images, 100)]
    assert [folders.count(name) for name in "ab5"] == [30, 20, 50]


def test_shares_leave_the_held_out_images_as_they_are(three):
    plain = [spec.removesuffix("=0.3") for spec in three]
    before, after = (both(specs, val_fraction=0.4) for specs in (plain, three))
    assert after[1] == before[1] and sorted(after[0]) == sorted(before[0])
    assert len(after[1]) == 8


def test_an_image_belongs_to_the_first_source_with_a_share(three, folder):
    (folder / "list.txt").write_text("b/06.jpg\nb/07.jpg\n")
    # All files are of the first, and two of b are of the list, too.
    specs = [str(folder), f"{folder}/list.txt=0.2", three[0], f"{three[1]}=0.1"]
    images = data.open_images(specs)
    assert len(images) == 20
    found = [os.path.basename(name) for name in drawn(images, 400)]
    for name, count in {"00": 20, "06": 40, "07": 40, "08": 20, "09": 20}.items():
        assert found.count(f"{name}.jpg") == count
    assert abs(found.count("12.jpg") - 16) <= 1


@pytest.mark.parametrize(
    "names, seed, received",
    [
        (["a=0.3", "a"], 0, "a"),
        (["=0.3", "a=0.2"], 0, "a"),
        (["a=0.3", "a=0.2", "b"], 0, "a"),
        # Its only image is held out.
        (["a/00.jpg=0.2", "b"], 4, "a/00.jpg"),
    ],
)
def test_a_source_without_images_of_its_own_is_refused(
    three, folder, names, seed, received
):
    specs = [f"{folder}/{name}" for name in names]
    message = f"of its own.*Received: '{folder}/{received}'"
    with pytest.raises(ValueError, match=message):
        data.open_images(specs, val_fraction=0.2, subset="train", seed=seed)


def test_held_out_sources_have_no_shares(three):
    with pytest.raises(ValueError, match="without =SHARE. Received: '.*a=0.3'"):
        data.open_images(three[1:], val_specs=three[:1], subset="val")


@pytest.mark.parametrize("fraction, scenes", [(0.05, 1), (0.1, 2), (0.25, 4)])
def test_embedded_photographs_are_split_by_scene(fraction, scenes):
    train, val = both(val_fraction=fraction)
    train_scenes, val_scenes = (
        {files.photo_scene(path) for path in part} for part in (train, val)
    )
    assert len(val_scenes) == scenes and len(train_scenes) == 18 - scenes
    assert not train_scenes & val_scenes


def test_held_out_sources_leave_all_of_the_data(folder, tmp_path_factory):
    other = tmp_path_factory.mktemp("other") / "x.jpg"
    other.write_bytes(b"")
    train, val = both([folder], val_specs=[other], val_fraction=0.5)
    assert len(train) == 20 and val == [str(other)]


def test_all_ignores_the_fraction(folder):
    assert len(data.open_images([folder], val_fraction=0.5, subset="all")) == 20


def test_one_image_can_not_be_split(folder):
    with pytest.raises(ValueError, match="Received: 1 files, val_fraction=0.1"):
        data.open_images([folder / "00.jpg"], val_fraction=0.1, subset="train")


@pytest.mark.parametrize("spec", ["missing", "http://x/y.jpg", "here=abc", "no=0.3"])
def test_a_missing_source_lists_what_is_accepted(spec):
    with pytest.raises(FileNotFoundError, match="folder, a list file.*tfds:NAME/SPLIT"):
        data.open_images([spec])


def test_a_single_image_is_a_source():
    photo = pathlib.Path(files.embedded_photos()[0])
    assert names(data.open_images([photo])) == [str(photo)]
