"""The record knows what it was told, whatever a kill or a disk did to it."""

import os

import pytest

from selfsup.evaluation.coloring_record import NAME, Record

SETTINGS = {"model": "m", "saturation": 1.0}


@pytest.fixture
def record(tmp_path):
    record = Record(tmp_path)
    record.begin(SETTINGS)
    for name in ("a.png", os.fsdecode(b"deep/\xff\n.png")):
        (tmp_path / "source").write_bytes(b"image of " + os.fsencode(name))
        (tmp_path / name).parent.mkdir(exist_ok=True)
        record.add_result(name, tmp_path / "source", b"result")
        (tmp_path / name).write_bytes(b"result")
    record.add_sheet("sheet.png", "digest")
    return record


def test_it_reads_what_was_written(record):
    again = Record(record.folder)
    assert vars(again) == vars(record)
    assert len({line["source_sha256"] for line in again.results.values()}) == 2
    assert again.differences(SETTINGS) == []
    again.begin(SETTINGS)
    assert vars(Record(record.folder)) == vars(record)


@pytest.mark.parametrize(
    "tail", ['{"result": "b.png"', '{"result": "b.png"}x\n', "\0\n"]
)
def test_a_torn_or_damaged_line_does_not_count(record, tail):
    with (record.folder / NAME).open("a") as file:
        file.write(tail)
    assert vars(Record(record.folder)) == vars(record)


def test_without_settings_nothing_is_known(record):
    text = (record.folder / NAME).read_text()
    (record.folder / NAME).write_text(text[5:])
    assert Record(record.folder).results == {}


def test_other_settings_are_told_while_there_are_results(record):
    other = {"model": "m", "saturation": 2.0, "side": 5}
    assert record.differences(other) == [
        "saturation (there 1.0, now 2.0)",
        "side (there None, now 5)",
    ]
    for name in record.results:
        (record.folder / name).unlink()
    assert record.differences(other) == []
    record.begin(other)
    assert Record(record.folder).results == {}
    assert Record(record.folder).sheets == {"sheet.png": "digest"}


def test_some_results_are_forgotten(record):
    record.begin(SETTINGS, without=["a.png"])
    assert "a.png" not in Record(record.folder).results
    assert len(Record(record.folder).results) == 1


def test_whole_is_what_was_written_or_an_image(record, photos):
    path = record.folder / "a.png"
    assert record.is_whole("a.png")
    path.write_bytes(b"resul")
    assert not record.is_whole("a.png")
    path.write_bytes((photos / "coffee.jpg").read_bytes())
    assert record.is_whole("a.png")
    path.unlink()
    assert not record.is_whole("a.png")
