"""The text of a tool's `--help`, and flags that a wrong one may have meant."""

import dataclasses
import difflib
import shutil
import textwrap

from selfsup.cli.options import RunOptions
from selfsup.settings import value_type

# Of tools that train: what most users set, as many as there are of the first ten.
_FIRST = (
    *("task", "data", "voc_dir", "workdir", "preset", "init", "network", "width"),
    *("steps", "max_steps", "batch_size", "crop_size", "learning_rate", "val_data"),
    *("sbd_dir", "samples_per_class", "color"),
)
# Tools of more flags show them in groups.
_MANY = 15
_GROUPS = {
    "Data": (
        *("data", "val_data", "val_fraction", "voc_dir", "sbd_dir", "train_split"),
        *("val_split", "labels", "samples_per_class", "held_out", "probe_data"),
        *("crop_size", "min_side", "max_side", "points", "point_margin", "color"),
        "permutations",
    ),
    "Network": (
        *("network", "width", "init", "padding", "normalization", "bn_momentum"),
        *("hypercolumn", "fov_blocks", "hidden", "hidden_stddev", "dropout", "bins"),
    ),
    "Output": (
        *("workdir", "overwrite", "config", "log_every", "eval_every"),
        *("checkpoint_seconds", "keep_every", "callbacks"),
    ),
}


def help_text(doc, options, configs, defaults):
    """Returns the text of `--help`.

    Flags of tools that train come in groups, those that most users set first.

    Args:
        doc: Text before the flags.
        options: A `Config` class; every field is a flag.
        configs: Dict from a name to a `Config` class whose fields are flags too.
        defaults: Dict from a name to a dict of defaults by field.
    """
    found = fields(options, configs)
    groups = {"Flags": list(found)}
    if issubclass(options, RunOptions):
        groups = _grouped(found, _FIRST, "Training")
    elif len(found) > _MANY:
        groups = _grouped(found, found, "Other")
    width = min(88, shutil.get_terminal_size().columns)
    lines = [doc.strip()]
    for title, names in groups.items():
        lines += ["", f"{title}:"] if names else []
        for name in names:
            field = found[name]
            note = _note(field, options, configs, defaults)
            sign = "--[no]" if value_type(field) is bool else "--"
            lines += textwrap.wrap(
                f"{sign}{name}: {field.metadata['help']}{note}",
                width,
                initial_indent="  ",
                subsequent_indent="      ",
            )
    return "\n".join(lines) + "\n"


def fields(options, configs):
    """Returns a dict from the name of a flag to its field, those of options first.

    Args:
        options: As in `help_text`.
        configs: As in `help_text`.
    """
    found = {}
    for config in (options, *configs.values()):
        for field in dataclasses.fields(config):
            found.setdefault(field.name, field)
    return found


def _grouped(names, first, rest):
    """Returns a dict from the title of a group to its flags."""
    groups = {"Most used": [name for name in first if name in names][:10]}
    shown = set(groups["Most used"])
    for title, order in _GROUPS.items():
        groups[title] = [name for name in order if name in names and name not in shown]
        shown.update(groups[title])
    others = [name for name in names if name not in shown]
    output = groups.pop("Output")
    return {**groups, rest: others, "Output": output}


def _note(field, options, configs, defaults):
    """Returns what `--help` says of the default, and of whose flag it is."""
    name, text = field.name, ""
    if value_type(field) is tuple:
        text = " Repeatable."
    choices = [str(choice) for choice in field.metadata["choices"] or ()]
    if any(choice not in field.metadata["help"] for choice in choices):
        text += f" One of {', '.join(choices)}."
    if name in options.__dataclass_fields__:
        if is_required(field):
            return f"{text} (required)"
        return text + _default_text({"": field.default})
    owners = [k for k, v in configs.items() if name in v.__dataclass_fields__]
    if len(owners) < len(configs):
        *rest, last = owners
        text += f" Only for {' and '.join(filter(None, (', '.join(rest), last)))}."
    return text + _default_text({k: v[name] for k, v in defaults.items() if name in v})


def _default_text(values):
    """Formats defaults by name: (default: 8), (default: 16 sample; 8 paper, modern)."""
    groups = {}
    for name, value in values.items():
        groups.setdefault(repr(value), (value, []))[1].append(name)
    shown = [
        f"{_shown(value)} {'' if len(groups) == 1 else ', '.join(names)}".rstrip()
        for value, names in groups.values()
        if value not in (None, (), [], "")
    ]
    return f" (default: {'; '.join(shown)})" if shown else ""


def _shown(value):
    return ", ".join(map(str, value)) if isinstance(value, tuple | list) else str(value)


def is_required(field):
    """Returns whether a flag of the tool's own must be given.

    Args:
        field: A field of a `Config` class.
    """
    return field.default is None and isinstance(field.type, type)


def meant(name, names):
    """Returns the flags that an unknown one may stand for, a list.

    Args:
        name: What was given, without `--`.
        names: Names of the flags that there are.

    Example:

    >>> meant("lr", ["log_every", "learning_rate", "steps"])
    ['learning_rate']
    >>> meant("step", ["workdir", "output", "steps"])
    ['steps']
    """
    initials = ["".join(word[0] for word in known.split("_")) for known in names]
    found = [n for n, short in zip(names, initials, strict=True) if short == name]
    # Begins alike, or is spelled wrong.
    found += [n for n in names if n.split("_")[0] == name.split("_")[0]]
    found += difflib.get_close_matches(name, names)
    return list(dict.fromkeys(found))[:3]
