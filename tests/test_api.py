"""The public names are there, and the examples of the docstrings run."""

import doctest
import importlib
import importlib.util
import inspect
import pkgutil

import pytest

import selfsup
from selfsup import layers, networks

# PyTorch is no dependency: one benchmark compares with it.
_TORCH = {
    f"selfsup.analysis.benchmarks.torch_{name}" for name in ("networks", "step", "twin")
}
_MISSING = set() if importlib.util.find_spec("torch") else _TORCH

MODULES = [
    module.name
    for module in pkgutil.walk_packages(selfsup.__path__, "selfsup.")
    if module.name not in _MISSING
]


@pytest.mark.slow
def test_examples_run():
    failed = {}
    for name in MODULES:
        module = importlib.import_module(name)
        names = {"networks": networks, **vars(networks), **vars(module)}
        # What differs is printed.
        failures, _ = doctest.testmod(module, globs=names)
        if failures:
            failed[name] = failures
    assert not failed


def test_every_layer_has_an_example():
    for name in layers.__all__:
        assert ">>> " in inspect.getdoc(getattr(layers, name)), name


def test_exported_names_exist():
    for name in ["selfsup", *MODULES]:
        module = importlib.import_module(name)
        missing = [n for n in getattr(module, "__all__", ()) if not hasattr(module, n)]
        assert not missing, f"{name}: {missing}"


def test_lazy_names_are_not_hidden_by_modules():
    packages = [importlib.import_module(n) for n in ("selfsup", *MODULES)]
    lazy = [x for x in packages if hasattr(x, "__path__") and "__getattr__" in vars(x)]
    assert {x.__name__ for x in lazy} >= {"selfsup", "selfsup.training"}
    for package in lazy:
        submodules = {module.name for module in pkgutil.iter_modules(package.__path__)}
        for name in submodules & set(package.__all__):
            where = f"{package.__name__}.{name}"
            assert getattr(package, name) is importlib.import_module(where), where
