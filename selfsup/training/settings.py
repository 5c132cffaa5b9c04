"""What the configurations share: fields with help texts, and checked values."""

import dataclasses


def setting(default, help_text):
    """Declares a field of a configuration with the text of its flag."""
    return dataclasses.field(default=default, metadata={"help": help_text})


def from_json(config_class, settings):
    """Builds a configuration from the content of its `config.json`.

    Args:
        config_class: The dataclass.
        settings: The content of the file, a dict.

    Returns:
        An instance of `config_class`.

    Raises:
        ValueError: If fields are missing or unknown.
    """
    known = {field.name for field in dataclasses.fields(config_class)}
    if settings.keys() != known:
        raise ValueError(
            "The settings are not those of this version. Expected the fields of "
            f"{config_class.__name__}. Received: without "
            f"{sorted(known - settings.keys())}, with unknown "
            f"{sorted(settings.keys() - known)}"
        )
    return config_class(
        **{
            name: tuple(value) if isinstance(value, list) else value
            for name, value in settings.items()
        }
    )


def check_tuples(config, names):
    """Raises a TypeError unless the fields of these names are tuples."""
    for name in names:
        if not isinstance(getattr(config, name), tuple):
            raise TypeError(
                f"Field `{name}` must be a tuple of strings. "
                f"Received: {name}={getattr(config, name)!r}"
            )


def check_choices(config, choices):
    """Raises a ValueError unless fields have one of their values.

    Args:
        config: A configuration.
        choices: Dict from the name of a field to its allowed values.
    """
    for name, values in choices.items():
        check_choice(name, getattr(config, name), values)


def check_choice(name, value, choices):
    """Raises a ValueError unless `value` is one of `choices`."""
    if value not in choices:
        fail(name, repr(value), f"one of {', '.join(choices)}")


def check_ranges(config, ranges):
    """Raises a ValueError unless fields lie in their ranges.

    Args:
        config: A configuration.
        ranges: Dict from the name of a field to its least and greatest value.
    """
    for name, (low, high) in ranges.items():
        value = getattr(config, name)
        # Written so that NaN fails too.
        if not low <= value <= high:
            fail(name, value, f"in [{low}, {high}]")


def fail(name, value, expected):
    """Raises the ValueError of a field out of its range."""
    raise ValueError(f"Field `{name}` must be {expected}. Received: {name}={value}")
