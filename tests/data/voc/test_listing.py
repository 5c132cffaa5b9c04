"""Files by their names, whatever the case of their endings."""

from selfsup.data.voc import listing


def test_endings_have_no_case_but_names_do(tmp_path):
    for name in ("a.png", "a.PNG", "b.Png", "A.b.png", "c"):
        (tmp_path / name).touch()
    files = listing.Listing()
    found = {
        name: [path.rpartition("/")[2] for path in files.find(str(tmp_path / name))]
        for name in ("a.png", "b.png", "b.PNG", "B.png", "A.b.png", "c", "d.png")
    }
    assert found == {
        **{"a.png": ["a.PNG", "a.png"], "b.png": ["b.Png"], "b.PNG": ["b.Png"]},
        **{"B.png": [], "A.b.png": ["A.b.png"], "c": ["c"], "d.png": []},
    }
    assert files.find(str(tmp_path / "missing" / "a.png")) == []


def test_an_image_has_one_of_several_endings(tmp_path):
    first, *others = listing.image_choices(tmp_path, "a/b")
    assert first == str(tmp_path / "JPEGImages" / "a" / "b.jpg")
    assert str(tmp_path / "JPEGImages" / "a" / "b.tif") in others
