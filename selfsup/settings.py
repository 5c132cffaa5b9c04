"""Configurations: frozen dataclasses whose fields carry their own rules."""

import dataclasses
import json
import math
import types
import typing

from selfsup import paths


def setting(
    default, help, low=None, high=None, *, choices=None, resumable=False, path=False
):
    """Declares a field of a configuration.

    Args:
        default: Its default; `None` where it depends on other fields.
        help: One or two sentences, the text of the command-line flag.
        low: Smallest value allowed.
        high: Largest value allowed.
        choices: The values allowed.
        resumable: Whether the value may change when a run is resumed.
        path: Whether it is a path, or several: `~` is the home folder on the command
            line, and all spellings of a place are the same value.

    Returns:
        A `dataclasses.field`.
    """
    metadata = {
        "help": help,
        "low": low,
        "high": high,
        "choices": choices and tuple(choices),
        "resumable": resumable,
        "path": path,
    }
    return dataclasses.field(default=default, metadata=metadata)


def changed(config_class, name, default, help=None):
    """Declares an inherited field again, with another default.

    Args:
        config_class: The class that declares the field.
        name: Name of the field.
        default: The new default.
        help: A new help text; `None` keeps the inherited one.

    Returns:
        A `dataclasses.field`.
    """
    metadata = dict(config_class.__dataclass_fields__[name].metadata)
    metadata["help"] = help or metadata["help"]
    return dataclasses.field(default=default, metadata=metadata)


@dataclasses.dataclass(frozen=True)
class Config:
    """Base class of all configurations.

    Every field is checked against its declaration when an instance is made.

    Raises:
        ValueError: If a field is out of its range or none of its choices.
        TypeError: If a field is of another type than declared.

    Example:

    >>> import dataclasses
    >>> @dataclasses.dataclass(frozen=True)
    ... class Training(Config):
    ...     steps: int = setting(10, "Number of steps.", 1, 1000, resumable=True)
    >>> Training(steps=20).to_json()
    {'steps': 20}
    """

    def __post_init__(self):
        for field in dataclasses.fields(self):
            _check(field, getattr(self, field.name))

    @classmethod
    def from_json(cls, content):
        """Builds the configuration from the content of its JSON file.

        Args:
            content: A dict. Fields that it lacks take their defaults.

        Returns:
            An instance of this class.

        Raises:
            ValueError: If a field is unknown; all unknown ones are named.
            TypeError: If `content` is not a dict.
        """
        if not isinstance(content, dict):
            raise TypeError(
                f"The settings of {cls.__name__} must be a JSON object. "
                f"Received: {content!r}"
            )
        return cls.from_values(cls.upgraded(content))

    @classmethod
    def from_values(cls, values):
        """Builds the configuration from a dict of this version's fields.

        Args:
            values: A dict; lists stand for tuples. Fields that it lacks take their
                defaults.

        Returns:
            An instance of this class.

        Raises:
            ValueError: If a field is unknown; all unknown ones are named.
        """
        unknown = sorted(values.keys() - cls.__dataclass_fields__.keys())
        if unknown:
            raise ValueError(
                f"Settings are unknown. Expected fields of {cls.__name__}. "
                f"Received: {', '.join(unknown)}"
            )
        return cls(
            **{
                name: tuple(value) if isinstance(value, list) else value
                for name, value in values.items()
            }
        )

    @classmethod
    def upgraded(cls, content):
        """Returns the content of a file of an earlier version as this one has it."""
        return content

    @classmethod
    def merged(cls, before, given):
        """Returns the values of a file with those given in their place."""
        return {**before, **given}

    def to_json(self):
        """Returns the fields as a dict of what JSON can hold."""
        return json.loads(json.dumps(dataclasses.asdict(self)))

    def differences(self, other):
        """Compares with the configuration that a run was started with.

        Args:
            other: A configuration of the same class.

        Returns:
            Dict from the names of fields that differ and are not resumable to
            pairs `(other's value, own value)`.
        """
        pairs = {
            field.name: (getattr(other, field.name), getattr(self, field.name))
            for field in dataclasses.fields(self)
            if not field.metadata["resumable"]
        }
        fields = self.__dataclass_fields__
        return {
            name: (old, new)
            for name, (old, new) in pairs.items()
            if old != new
            and not (
                fields[name].metadata["path"] and paths.place(old) == paths.place(new)
            )
        }


def value_type(field):
    """Returns the type of a field's values: `int` for `int | None`.

    Args:
        field: A `dataclasses.Field`.
    """
    if isinstance(field.type, types.UnionType):
        return next(t for t in typing.get_args(field.type) if t is not types.NoneType)
    return typing.get_origin(field.type) or field.type


def fail(name, value, expected):
    """Raises the ValueError of a field out of its range."""
    raise ValueError(f"Field `{name}` must be {expected}. Received: {name}={value!r}")


def _check(field, value):
    if value is None and isinstance(field.type, types.UnionType):
        return
    kind, rules = value_type(field), field.metadata
    accepted = (int, float) if kind is float else kind
    if not isinstance(value, accepted) or isinstance(value, bool) != (kind is bool):
        name = "tuple of strings" if kind is tuple else kind.__name__
        raise TypeError(
            f"Field `{field.name}` must be of type {name}. "
            f"Received: {field.name}={value!r}"
        )
    if rules["choices"] and value not in rules["choices"]:
        fail(field.name, value, f"one of {', '.join(map(str, rules['choices']))}")
    if kind is float and not math.isfinite(value):
        fail(field.name, value, "a finite number")
    low, high = rules["low"], rules["high"]
    # Written so that NaN fails too.
    if low is not None and not value >= low or high is not None and not value <= high:
        expected = f"at least {low}" if high is None else f"in [{low}, {high}]"
        fail(field.name, value, expected)
