"""Imports go one way only, and other rules of the house that code can check."""

import ast
import pathlib

import pytest

_ROOT = pathlib.Path(__file__).resolve().parents[1]
_PACKAGE = _ROOT / "selfsup"

# From left to right; a module imports what stands before it.
_RANKS = (
    ("settings", "atomic", "progress"),
    ("color", "targets"),
    ("layers",),
    ("networks",),
    ("heads", "losses"),
    ("weights", "data"),
    ("inference",),
    ("evaluation", "pictures"),
    ("runs",),
    ("training",),
    ("analysis", "export"),
    ("cli",),
)
_RANK = {name: rank for rank, names in enumerate(_RANKS) for name in names}

# Imports between modules of one rank, and why.
_NEIGHBOURS = {
    ("targets", "color"): "targets are histograms of colours",
    ("evaluation", "pictures"): "evaluation writes contact sheets",
    ("analysis", "export"): "a benchmark times an exported model",
}

# Must run on every backend of Keras.
_NEUTRAL = ("layers", "networks", "heads", "losses")

# Files without a test of their own, and why. The `__init__` files only list
# names, except for that of `networks`, whose test is test_networks.py.
_TESTED_ELSEWHERE = {}


def _files():
    return sorted(_PACKAGE.rglob("*.py"))


def _name(path):
    return str(path.relative_to(_PACKAGE))


def _part(path):
    """The top-level module of the package that a file belongs to."""
    return path.relative_to(_PACKAGE).parts[0].removesuffix(".py")


def _imports(tree, path):
    """Absolute names of the modules that a file imports, wherever it does."""
    names = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = path.relative_to(_ROOT).parts[: -node.level]
                base = ".".join([*package, *([base] if base else [])])
            names.update(f"{base}.{alias.name}" for alias in node.names)
    return names


def _tree(path):
    return ast.parse(path.read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def edges():
    """Pairs of a top-level module and another that it imports."""
    found = set()
    for path in _files():
        if path == _PACKAGE / "__init__.py":
            continue  # It imports all of them.
        for name in _imports(_tree(path), path):
            if name.startswith("selfsup."):
                found.add((_part(path), name.split(".")[1]))
    return {(one, other) for one, other in found if one != other}


def test_every_module_has_a_rank():
    assert {_part(path) for path in _files()} - {"__init__"} <= set(_RANK)


def test_imports_go_one_way(edges):
    wrong = {
        (one, other)
        for one, other in edges
        if _RANK[other] >= _RANK[one] and (one, other) not in _NEIGHBOURS
    }
    assert not wrong


def test_every_exception_is_needed_and_between_neighbours(edges):
    assert set(_NEIGHBOURS) <= edges
    assert all(_RANK[one] == _RANK[other] for one, other in _NEIGHBOURS)
    assert not {(b, a) for a, b in _NEIGHBOURS} & set(_NEIGHBOURS)


@pytest.mark.parametrize("path", _files(), ids=_name)
def test_nothing_imports_tests_or_tools(path):
    outside = {"tests", "tools", "contracts", "fakes", "pytest"}
    assert not {name.split(".")[0] for name in _imports(_tree(path), path)} & outside


@pytest.mark.parametrize(
    "path", [p for p in _files() if _part(p) in _NEUTRAL], ids=_name
)
def test_models_and_losses_run_on_every_backend(path):
    roots = {name.split(".")[0] for name in _imports(_tree(path), path)}
    assert roots <= {"dataclasses", "keras", "selfsup", "string", "typing"}


@pytest.mark.parametrize("path", _files(), ids=_name)
def test_no_assert_no_print_no_bare_except(path):
    for node in ast.walk(_tree(path)):
        where = f"{_name(path)}:{getattr(node, 'lineno', 0)}"
        assert not isinstance(node, ast.Assert), f"assert in {where}"
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id != "print", f"print in {where}"
        if isinstance(node, ast.ExceptHandler):
            assert node.type is not None, f"bare except in {where}"
        if isinstance(node, ast.ImportFrom):
            assert node.names[0].name != "*", f"import * in {where}"


def _test_of(path):
    inner = path.relative_to(_PACKAGE)
    return _ROOT / "tests" / inner.parent / f"test_{inner.name}"


@pytest.mark.parametrize(
    "path", [p for p in _files() if p.name != "__init__.py"], ids=_name
)
def test_every_file_has_its_test(path):
    if _name(path) in _TESTED_ELSEWHERE:
        # Such an entry goes when the test comes.
        assert not _test_of(path).exists()
    else:
        assert _test_of(path).exists()


def test_exceptions_exist():
    assert all((_PACKAGE / name).exists() for name in _TESTED_ELSEWHERE)


def test_the_rules_find_what_they_look_for():
    source = "from selfsup import data\nfrom ..layers import bias\nimport tensorflow"
    path = _PACKAGE / "networks" / "made_up.py"
    found = _imports(ast.parse(source), path)
    assert found == {"selfsup.data", "selfsup.layers.bias", "tensorflow"}
    assert _part(path) == "networks"
    assert _test_of(path) == _ROOT / "tests" / "networks" / "test_made_up.py"
