"""The public names are there, and the examples of the docstrings run."""

import doctest
import importlib
import pkgutil

import pytest

import selfsup
from selfsup import networks

MODULES = [
    module.name for module in pkgutil.walk_packages(selfsup.__path__, "selfsup.")
]


@pytest.mark.parametrize("name", MODULES)
def test_examples_run(name):
    module = importlib.import_module(name)
    names = {"networks": networks, **vars(networks)}
    failed, _ = doctest.testmod(module, extraglobs=names)
    assert not failed


def test_exported_names_exist():
    for name in ["selfsup", *MODULES]:
        module = importlib.import_module(name)
        missing = [n for n in getattr(module, "__all__", ()) if not hasattr(module, n)]
        assert not missing, f"{name}: {missing}"
