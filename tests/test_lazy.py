"""A lazy package imports its modules when their names are used."""

import importlib
import sys

import pytest

import selfsup

_INIT = """
from selfsup import lazy

__all__, __getattr__, __dir__ = lazy.exports(
    __name__, {"answer": "deep"}, modules=["other"]
)
"""


@pytest.fixture
def package(tmp_path, monkeypatch):
    folder = tmp_path / "lazy_example"
    folder.mkdir()
    (folder / "__init__.py").write_text(_INIT)
    (folder / "deep.py").write_text("answer = 42")
    (folder / "other.py").write_text("question = 6 * 9")
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("lazy_example")
    for name in [name for name in sys.modules if name.startswith("lazy_example")]:
        del sys.modules[name]


def test_modules_are_imported_on_first_use(package):
    assert {"lazy_example.deep", "lazy_example.other"}.isdisjoint(sys.modules)
    assert package.answer == 42
    assert "lazy_example.deep" in sys.modules
    assert "lazy_example.other" not in sys.modules
    assert package.other.question == 54


def test_names_are_listed_and_can_be_imported_from(package):
    assert package.__all__ == ["answer", "other"]
    assert {"answer", "other", "__name__"} <= set(dir(package))
    from lazy_example import answer, other

    assert (answer, other.question) == (42, 54)


def test_unknown_names_are_refused(package):
    with pytest.raises(AttributeError, match="'lazy_example' has no attribute 'deap'"):
        _ = package.deap


def test_the_package_lists_what_it_exports():
    assert set(selfsup.__all__) <= set(dir(selfsup))
    assert selfsup.training.optimizers.CaffeSGD
