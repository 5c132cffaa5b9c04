"""Checks of arguments that several layers have."""


def check_positive(name, value):
    """Raises an error unless the argument is a positive integer.

    Args:
        name: Name of the argument.
        value: Its value.

    Returns:
        The value.

    Raises:
        ValueError: If it is something else.
    """
    if not isinstance(value, int) or value < 1:
        raise ValueError(
            f"Argument `{name}` must be a positive integer. Received: {name}={value}"
        )
    return value
