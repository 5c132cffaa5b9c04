"""The tasks, by name: one file each. A new one is added to the table."""

import importlib

from selfsup import heads, runs

# Name of the task: its module and class.
_TASKS = {
    "colorization": "colorization.Colorization",
    "rotation": "rotation.Rotation",
    "jigsaw": "jigsaw.Jigsaw",
    "colorization+rotation": "joint.ColorizationRotation",
    "colorization+jigsaw": "joint.ColorizationJigsaw",
    "segmentation": "segmentation.Segmentation",
    "classification": "classification.Classification",
    "single_label": "single_label.SingleLabel",
}


def names():
    """Returns the names of all tasks."""
    return tuple(_TASKS)


def get(name):
    """Returns the class of a task.

    Args:
        name: Its name.

    Raises:
        ValueError: If there is no such task.
    """
    if name not in _TASKS:
        raise ValueError(
            f"There is no such task. Expected one of {', '.join(_TASKS)}. "
            f"Received: {name!r}"
        )
    module, found = _TASKS[name].split(".")
    return getattr(importlib.import_module(f"{__name__}.{module}"), found)


def makers(kind):
    """Returns the names of the tasks that make models of a kind.

    Args:
        kind: A key of `heads.KINDS`.
    """
    return tuple(name for name in _TASKS if get(name).kind == kind)


def kinds(accepted=None):
    """Returns the kinds of models that tasks make.

    Args:
        accepted: Names of the tasks; None for all.
    """
    return tuple(dict.fromkeys(get(name).kind for name in accepted or _TASKS))


def of_run(run, accepted, origin):
    """Finds the task that a finished run was made for.

    Args:
        run: A `runs.Run`.
        accepted: Names of the tasks to accept.
        origin: What errors call the run.

    Returns:
        The class of the task that the settings name; without settings, the only
        one that makes models of this kind, or the one that the others derive from.

    Raises:
        ValueError: If the model is of another kind, or the task is not known.
    """
    kind = heads.check_kind(run.model, kinds(accepted), origin)
    classes = {name: get(name) for name in makers(kind) if name in accepted}
    named = runs.split_settings(run.settings)[0] if run.settings else None
    for name, task in classes.items():
        if name == named or (
            named is None and all(issubclass(x, task) for x in classes.values())
        ):
            return task
    raise ValueError(
        f"The task of the model is not known. Expected a config.json that names one of "
        f"{', '.join(classes)}. Received: {origin} with {named or 'no config.json'}"
    )


def of_config(config):
    """Returns the class of the task that a configuration is of.

    Args:
        config: An instance of a task's `Config`.

    Raises:
        TypeError: If it is the configuration of no task.
    """
    for name in _TASKS:
        if get(name).Config is type(config):
            return get(name)
    raise TypeError(
        "There is no task with such a configuration. Expected the Config of one of "
        f"{', '.join(_TASKS)}. Received: {config!r}"
    )
