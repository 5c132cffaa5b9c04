"""Packages whose names are imported on first use (PEP 562)."""

import importlib


def exports(package, names=(), modules=(), check=None):
    """Returns what a lazy package defines: `__all__`, `__getattr__`, `__dir__`.

    No name may be that of a submodule: once it is imported, Python itself sets the
    attribute to the module.

    Args:
        package: The `__name__` of the package.
        names: Dict of public names and the submodules that define them.
        modules: Submodules that are public themselves.
        check: Function that raises an error where the names are of no use.

    Returns:
        A tuple of the sorted list of all names and the two functions.

    Example:

        __all__, __getattr__, __dir__ = lazy.exports(
            __name__, {"train_voc": "voc"}, modules=["optimizers"]
        )
    """
    names = dict(names)
    public = sorted([*names, *modules])

    def get(name):
        if name in modules:
            return importlib.import_module(f"{package}.{name}")
        if name in names:
            if check is not None:
                check()
            return getattr(importlib.import_module(f"{package}.{names[name]}"), name)
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    def list_all():
        return sorted({*vars(importlib.import_module(package)), *public})

    return public, get, list_all
