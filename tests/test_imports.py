"""Imports go one way only, and other rules of the house that code can check."""

import ast
import functools
import pathlib

import pytest

_ROOT = pathlib.Path(__file__).resolve().parents[1]
_PACKAGE = _ROOT / "selfsup"
_TOOLS = _ROOT / "tools"

# From left to right; a module imports what stands before it.
_RANKS = (
    ("paths", "settings", "atomic", "locking", "stopping", "backend"),
    ("lazy", "quiet", "workers"),
    ("progress",),
    ("color", "targets"),
    ("layers",),
    ("networks",),
    ("heads", "losses"),
    ("weights", "data"),
    ("inference",),
    ("evaluation", "pictures"),
    ("runs",),
    ("training",),
    ("analysis", "demo", "export"),
    ("cli",),
    ("__main__",),
)
_RANK = {name: rank for rank, names in enumerate(_RANKS) for name in names}

# Imports between modules of one rank, and why.
_NEIGHBORS = {
    ("settings", "paths"): "settings compare paths by their places",
    ("targets", "color"): "targets are histograms of colors",
    ("evaluation", "pictures"): "evaluation writes contact sheets",
    ("analysis", "export"): "a benchmark times an exported model",
}

# Must run on every backend of Keras, so they import nothing else.
_NEUTRAL = ("layers", "networks", "heads", "losses")
_NEUTRAL_FILES = ("training/optimizers.py", "training/__init__.py", "lazy.py")
_NEUTRAL_IMPORTS = {
    *("collections", "dataclasses", "functools", "importlib", "math"),
    *("string", "typing", "keras", "selfsup"),
}

# Files without a test of their own, and why. The `__init__` files only list
# names, except for that of `networks`, whose test is test_networks.py.
_TESTED_ELSEWHERE = {"__main__.py": "one line, run in tools/test_tools.py"}


@functools.cache
def _trees(folder):
    """The parsed files of a folder, a dict by path."""
    return {
        path: ast.parse(path.read_text(encoding="utf-8"))
        for path in sorted(folder.rglob("*.py"))
    }


def _name(path):
    return str(path.relative_to(_ROOT))


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


@pytest.fixture(scope="module")
def edges():
    """Pairs of a top-level module and another that it imports, and where."""
    found = {}
    for path, tree in _trees(_PACKAGE).items():
        if path == _PACKAGE / "__init__.py":
            continue  # It imports all of them.
        for name in _imports(tree, path):
            edge = _part(path), name.split(".")[1] if "." in name else None
            if name.startswith("selfsup.") and edge[0] != edge[1]:
                found.setdefault(edge, _name(path))
    return found


def test_every_module_has_a_rank():
    assert {_part(path) for path in _trees(_PACKAGE)} - {"__init__"} <= set(_RANK)


def test_imports_go_one_way(edges):
    wrong = {
        (one, other): where
        for (one, other), where in edges.items()
        if _RANK[other] >= _RANK[one] and (one, other) not in _NEIGHBORS
    }
    assert not wrong


def test_every_exception_is_needed_and_between_neighbors(edges):
    assert set(_NEIGHBORS) <= set(edges)
    assert all(_RANK[one] == _RANK[other] for one, other in _NEIGHBORS)
    assert not {(b, a) for a, b in _NEIGHBORS} & set(_NEIGHBORS)


def test_the_package_imports_no_tests_and_no_tools():
    tests = {path.stem for path in (_ROOT / "tests").rglob("*.py")}
    outside = {"tests", "tools", "pytest", *tests, *(p.stem for p in _trees(_TOOLS))}
    for path, tree in _trees(_PACKAGE).items():
        roots = {name.split(".")[0] for name in _imports(tree, path)}
        assert not roots & outside, _name(path)


def test_tools_import_no_tests():
    tests = {path.stem for path in (_ROOT / "tests").rglob("*.py")}
    for path, tree in _trees(_TOOLS).items():
        roots = {name.split(".")[0] for name in _imports(tree, path)}
        assert not roots & {"tests", "pytest", *tests}, _name(path)


def test_neither_package_nor_tools_look_into_the_folder_of_tests():
    for path, tree in {**_trees(_PACKAGE), **_trees(_TOOLS)}.items():
        for node in ast.walk(tree):
            where = f"{_name(path)}:{getattr(node, 'lineno', 0)}"
            assert not (isinstance(node, ast.Constant) and node.value == "tests"), where


def test_tools_are_thin():
    for path, tree in _trees(_TOOLS).items():
        names = [x.name for x in tree.body if hasattr(x, "name")]
        assert not names, f"{_name(path)} defines {', '.join(names)}"
        # A docstring, imports and a call.
        assert len(tree.body) <= 3, f"{_name(path)} has {len(tree.body)} statements"


def test_models_losses_and_optimizers_run_on_every_backend():
    files = {
        path: tree
        for path, tree in _trees(_PACKAGE).items()
        if _part(path) in _NEUTRAL or str(path.relative_to(_PACKAGE)) in _NEUTRAL_FILES
    }
    assert len(files) > len(_NEUTRAL) + len(_NEUTRAL_FILES)
    for path, tree in files.items():
        for name in _imports(tree, path):
            assert name.split(".")[0] in _NEUTRAL_IMPORTS, f"{name} in {_name(path)}"
            if name.startswith("selfsup."):
                assert name.split(".")[1] in (*_NEUTRAL, "backend", "lazy"), _name(path)


def test_no_assert_no_print_no_bare_except():
    for path, tree in _trees(_PACKAGE).items():
        for node in ast.walk(tree):
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


def test_every_file_has_its_test():
    for path in _trees(_PACKAGE):
        if path.name != "__init__.py":
            elsewhere = str(path.relative_to(_PACKAGE)) in _TESTED_ELSEWHERE
            # An exception goes when the test comes.
            assert _test_of(path).exists() != elsewhere, _name(path)


def test_exceptions_exist():
    assert all((_PACKAGE / name).exists() for name in _TESTED_ELSEWHERE)


def test_the_rules_find_what_they_look_for():
    source = "from selfsup import data\nfrom ..layers import bias\nimport tensorflow"
    path = _PACKAGE / "networks" / "made_up.py"
    found = _imports(ast.parse(source), path)
    assert found == {"selfsup.data", "selfsup.layers.bias", "tensorflow"}
    assert _part(path) == "networks"
    assert _test_of(path) == _ROOT / "tests" / "networks" / "test_made_up.py"
