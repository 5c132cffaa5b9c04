"""The page of analyses: all of a folder, in one file, with nothing that runs."""

import base64
import html.parser
import json

import numpy as np
import pytest

from selfsup import pictures
from selfsup.analysis import report
from selfsup.analysis.photographs import PhotographsConfig

CONFIG = PhotographsConfig(names=("<b>&",))


def _section(**changes):
    return {
        "title": "Title",
        "text": [],
        "pictures": {},
        "tables": [],
        **changes,
    }


class _Page(html.parser.HTMLParser):
    """Tags with their attributes, and texts."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.texts = [], []
        self.feed(text)

    def handle_starttag(self, tag, attributes):
        self.tags.append((tag, dict(attributes)))

    def handle_data(self, data):
        self.texts.append(data.strip())

    def of(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]


def _page(folder):
    return _Page((folder / report.PAGE).read_text(encoding="utf-8"))


def test_analyses_of_a_folder_gather(tmp_path):
    (tmp_path / "other.json").write_text('{"no": "analysis"}')
    (tmp_path / "list.json").write_text("[1]")
    for name in ("b", "a", "b"):
        report.add(tmp_path, name, CONFIG, {"x": 1}, _section(title=f"About {name}"))
    texts = _page(tmp_path).texts
    assert [x for x in texts if x.startswith("About")] == ["About a", "About b"]
    content = json.loads((tmp_path / "a.json").read_text())
    assert content["results"] == {"x": 1}
    assert content["settings"]["names"] == ["<b>&"]


def test_pictures_are_inside(tmp_path):
    noise = np.random.default_rng(0).integers(0, 255, (4, 5, 3), np.uint8)
    name = 'a "b" <c>.png'
    pictures.save_image(tmp_path / name, noise)
    report.add(tmp_path, "a", CONFIG, {}, _section(pictures={name: "<i>"}))
    (image,) = _page(tmp_path).of("img")
    assert "<i>" in _page(tmp_path).texts
    assert image["alt"] == name
    head, _, encoded = image["src"].partition(",")
    assert head == "data:image/png;base64"
    assert base64.b64decode(encoded) == (tmp_path / name).read_bytes()


def test_text_is_no_markup_and_nothing_is_loaded(tmp_path):
    bad = "<script>alert(1)</script>&$x ${y}"
    table = {"caption": bad, "columns": [bad], "rows": [[bad]]}
    section = _section(title=bad, text=[bad], tables=[table])
    report.add(tmp_path, bad.partition("/")[0], CONFIG, {}, section)
    page = _page(tmp_path)
    assert page.texts.count(bad) == 5
    assert "names: ['<b>&']" in "".join(page.texts)
    assert {tag for tag, _ in page.tags}.isdisjoint({"script", "link", "iframe"})
    assert not any("src" in attributes for _, attributes in page.tags)


def test_numbers_of_tables(tmp_path):
    rows = [["relu", 0.12345, 7, None]]
    table = {"columns": ["layer", "a", "b", "c"], "rows": rows}
    empty = {"columns": ["nothing"], "rows": []}
    report.add(tmp_path, "a", CONFIG, {}, _section(tables=[table, empty]))
    page = _page(tmp_path)
    texts = [text for text in page.texts if text]
    place = texts.index("layer")
    expected = ["layer", "a", "b", "c", "relu", "0.123", "7", "–"]
    assert texts[place : place + 8] == expected
    assert [x.get("class") for x in page.of("td")] == [None, *["number"] * 3]


def test_a_damaged_file_is_named(tmp_path):
    (tmp_path / "broken.json").write_text("{")
    with pytest.raises(ValueError, match="broken.json"):
        report.page(tmp_path)
