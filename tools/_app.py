"""What the tools share: flags from a configuration, and errors in one line."""

import contextlib
import dataclasses
import inspect
import os
import sys
import typing

from absl import app, flags, logging


@contextlib.contextmanager
def _no_native_messages():
    """Keeps what native code writes to the standard error off the screen."""
    sys.stderr.flush()
    screen = os.dup(2)
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    try:
        yield
    finally:
        os.dup2(screen, 2)
        os.close(nowhere)
        os.close(screen)


# TensorFlow greets with a dozen lines that no user of these tools needs. Some
# are written before it reads its own setting.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
with _no_native_messages():
    import tensorflow as tf

    from selfsup import settings

# Else the flags defined here would be listed as this module's, not the tool's.
flags.disclaim_key_flags()

_DEFINE = {
    bool: flags.DEFINE_bool,
    int: flags.DEFINE_integer,
    float: flags.DEFINE_float,
    str: flags.DEFINE_string,
}


# What bad input, a full disk, a small device or a missing extra end in.
_MENDABLE = (
    ArithmeticError,
    ImportError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    tf.errors.OpError,
)


def define(config_class, skip=()):
    """Defines a flag for each field of a configuration.

    Flags have no default of their own: what is not given comes from the preset.

    Args:
        config_class: A dataclass whose fields carry `metadata["help"]`.
        skip: Names of fields that get no flag.

    Returns:
        A function without arguments: the flags that were given, as a dict.
    """
    names = []
    for field in dataclasses.fields(config_class):
        if field.name in skip:
            continue
        names.append(field.name)
        text = field.metadata["help"]
        if typing.get_origin(field.type) is tuple:
            flags.DEFINE_multi_string(field.name, None, f"{text} Repeatable.")
        else:
            _DEFINE[settings.value_type(field)](field.name, None, text)

    def given():
        values = {name: flags.FLAGS[name].value for name in names}
        return {
            name: tuple(value) if isinstance(value, list) else value
            for name, value in values.items()
            if value is not None
        }

    return given


def run(main):
    """Runs a tool; what a user can mend is told in one line, without traceback.

    Args:
        main: Function of no arguments; or of one, the list of what stands on the
            command line beside the flags.
    """
    takes_more = bool(inspect.signature(main).parameters)
    # Flags may stand behind the rest, as users write them.
    flags.FLAGS.set_gnu_getopt(True)

    def guarded(argv):
        if not takes_more and len(argv) > 1:
            _fail(f"Unknown argument. Expected flags only. Received: {argv[1]!r}")
        logging.set_verbosity(logging.INFO)
        logging.get_absl_handler().setFormatter(None)
        # TensorFlow logs the time of each checkpoint there.
        logging.get_absl_logger().addFilter(
            lambda record: not record.getMessage().startswith("Sharding callback")
        )
        try:
            main(argv[1:]) if takes_more else main()
        except KeyboardInterrupt:
            _fail(
                "Stopped. The same command goes on from the newest checkpoint, if any."
            )
        except _MENDABLE as error:
            _fail(" ".join(str(error).split()) or type(error).__name__)

    app.run(guarded)


def _fail(message):
    sys.stderr.write(f"Error: {message}\n")
    sys.exit(1)
