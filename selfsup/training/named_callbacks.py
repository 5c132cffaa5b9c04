"""Keras callbacks that a user names: of a library, or of a module of their own."""

import functools
import importlib

import keras

from selfsup import stopping


def named_callbacks(names):
    """Builds Keras callbacks by their names.

    What they raise later becomes a `RuntimeError` that names them.

    Args:
        names: Sequence of names `MODULE.NAME`, each of a subclass of
            `keras.callbacks.Callback`, or of a function that returns one; they are
            called without arguments.

    Returns:
        A list of callbacks.

    Raises:
        ValueError: If there is no such module or name, or it gives no callback.
        RuntimeError: If one cannot be built.

    Example:

    >>> (callback,) = named_callbacks(["keras.callbacks.TerminateOnNaN"])
    """
    return [_named_callback(name) for name in names]


def import_callback(name):
    """Returns the class or function of a name, without calling it.

    Args:
        name: As in `named_callbacks`.

    Raises:
        ValueError: If there is no such module or name, or it cannot be called.
    """
    module, _, attribute = name.rpartition(".")
    if not module:
        raise ValueError(
            "The name of a callback is incomplete. Expected MODULE.NAME. "
            f"Received: {name!r}"
        )
    try:
        found = getattr(importlib.import_module(module), attribute)
    # Code of others may raise anything, already when it is imported.
    except Exception as error:
        raise ValueError(
            "There is no such callback. Expected MODULE.NAME that Python can import "
            f"(PYTHONPATH=. for a module in this folder). Received: {name!r} "
            f"({type(error).__name__}: {error})"
        ) from error
    if not callable(found):
        raise ValueError(
            "This is no callback. Expected a subclass of keras.callbacks.Callback, or "
            f"a function that returns an instance. Received: {name!r}, {found!r}"
        )
    return found


def _named_callback(name):
    callback = _reporting(import_callback(name), name)()
    if not isinstance(callback, keras.callbacks.Callback):
        raise ValueError(
            "This is no callback. Expected a subclass of keras.callbacks.Callback, or "
            f"a function that returns an instance. Received: {name!r}"
        )
    kind = type(callback)
    hooks = [hook for hook in dir(keras.callbacks.Callback) if hook.startswith("on_")]
    methods = {hook: _reporting(getattr(kind, hook), name) for hook in hooks}
    # The same object, whose hooks say whose error it is.
    callback.__class__ = type(kind.__name__, (kind,), methods)
    # LambdaCallback and its like keep hooks in the object, where they hide those.
    for hook in set(hooks) & set(vars(callback)):
        setattr(callback, hook, _reporting(getattr(callback, hook), name))
    return callback


def _reporting(function, name):
    @functools.wraps(function, updated=())
    def call(*args, **kwargs):
        try:
            return function(*args, **kwargs)
        except stopping.Stopped:
            raise
        # Code of others may raise anything.
        except Exception as error:
            raise RuntimeError(
                "A callback failed. Expected none of its errors; without it the same "
                f"command goes on. Received: {name}: {type(error).__name__}: {error}"
            ) from error

    return call
