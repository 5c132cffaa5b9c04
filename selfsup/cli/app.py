"""What the tools share: flags from configurations, help, and errors in one line."""

import contextlib
import dataclasses
import logging as python_logging
import shlex
import shutil
import sys
import textwrap

from absl import flags, logging

from selfsup import backend, paths, stopping
from selfsup.settings import value_type

# What bad input, a full disk, a small device or a missing extra end in.
_USER_ERRORS = (
    ArithmeticError,
    ImportError,
    MemoryError,
    OSError,
    RuntimeError,
    TypeError,
    ValueError,
    flags.Error,
)


_DEFINE = {
    bool: flags.DEFINE_bool,
    int: flags.DEFINE_integer,
    float: flags.DEFINE_float,
    str: flags.DEFINE_string,
    tuple: flags.DEFINE_multi_string,
}


def _user_errors():
    # A tool may run where TensorFlow is not installed.
    tensorflow = sys.modules.get("tensorflow")
    return (*_USER_ERRORS, *((tensorflow.errors.OpError,) if tensorflow else ()))


class Tool:
    """A command-line tool.

    Args:
        doc: Text of `--help` before the flags.
        main: Function of an instance of `options` and a dict of the values that were
            given for fields of `configs`; also of the list of other arguments, with
            `arguments`.
        options: A `Config` class; every field is a flag. A field `config` is the path
            of a JSON file whose values are taken where a flag is not given. A field
            of a type without `None` but with that default is required.
        configs: Dict from a name to a `Config` class whose fields are flags too.
            Several classes may share fields.
        defaults: Dict from a name to a dict of defaults, where they depend on more
            than the class.
        arguments: Whether the tool takes arguments that are no flags.
    """

    def __init__(
        self, doc, main, options, configs=None, defaults=None, arguments=False
    ):
        self.doc, self.main, self.options = doc, main, options
        self.configs = configs or {}
        self.defaults = defaults or {
            name: {field.name: field.default for field in dataclasses.fields(config)}
            for name, config in self.configs.items()
        }
        self.arguments = arguments

    def run(self, argv=None):
        """Runs the tool and ends the process; errors of the user take one line.

        Args:
            argv: Name of the tool and its arguments; None for those of the process.
        """
        logging.use_absl_handler()
        flags.FLAGS.mark_as_parsed()  # Else logging warns of it.
        logging.set_verbosity(logging.INFO)
        logging.get_absl_handler().setFormatter(_Plain())
        # TensorFlow logs the time of each checkpoint there.
        logging.get_absl_logger().addFilter(
            lambda record: not record.getMessage().startswith("Sharding callback")
        )
        # Of trainings that follow each other in one process.
        logger = python_logging.getLogger("tensorflow")
        logger.addFilter(lambda record: "retracing" not in record.getMessage())
        backend.use_defaults()
        argv = sys.argv if argv is None else argv
        with stopping.handled():
            try:
                self._run(argv)
            except stopping.Stopped as stop:
                _stop(str(stop))
            except _user_errors() as error:
                # TensorFlow turns the end of a function that it called into its own.
                if stopping.exit_code():
                    _stop()
                _fail(_printable(_one_line(error)))

    def _run(self, argv):
        values = flags.FlagValues()
        values.set_gnu_getopt(True)  # Flags may stand behind other arguments.
        fields = self._fields()
        for name, field in fields.items():
            # Without defaults: they come from the configurations.
            _DEFINE[value_type(field)](name, None, "", flag_values=values)
        flags.DEFINE_bool("help", False, "", flag_values=values)
        rest = values(argv)[1:]
        if values["help"].value:
            sys.stdout.write(self.help())
            return
        if rest and not self.arguments:
            raise ValueError(
                f"Unknown argument. Expected flags only. Received: {rest[0]!r}"
            )
        given = {}
        for name, field in fields.items():
            value = values[name].value
            if value is not None:
                value = tuple(value) if isinstance(value, list) else value
                given[name] = _expanded(field, value)
        options = {}
        for field in dataclasses.fields(self.options):
            if field.name in given:
                options[field.name] = given.pop(field.name)
            elif field.default is None and isinstance(field.type, type):
                raise ValueError(
                    f"Flag --{field.name} is missing. Expected: "
                    f"{field.metadata['help']} Received: none"
                )
        task_given = "task" in options
        options = self.options(**options)
        if getattr(options, "config", None):
            options, given = self._with_file(options, task_given, given)
        others = [list(map(paths.expanded, rest))] if self.arguments else []
        self.main(options, given, *others)

    def _with_file(self, options, task_given, given):
        """Adds the settings of `--config`; its task is the tool's or replaces it."""
        from selfsup import runs

        content = runs.read_settings(options.config)
        if content is None:
            raise FileNotFoundError(
                "A settings file is missing. Expected a JSON file. "
                f"Received: {options.config}"
            )
        task = getattr(options, "task", next(iter(self.configs)))
        named = content.get("task", task)
        if named not in list(self.configs) or (task_given and named != task):
            expected = [task] if task_given else self.configs
            raise ValueError(
                "The settings are those of another task. Expected "
                f"{' or '.join(expected)}. Received: {named!r} in {options.config}"
            )
        if hasattr(options, "task"):
            options = dataclasses.replace(options, task=named)
        fields = {name: value for name, value in content.items() if name != "task"}
        config = self.configs[named]
        fields = {
            name: _expanded(config.__dataclass_fields__.get(name), value)
            for name, value in config.upgraded(fields).items()
        }
        return options, config.merged(fields, given)

    def _fields(self):
        """Returns the fields by name, those of the options first."""
        fields = {}
        for config in (self.options, *self.configs.values()):
            for field in dataclasses.fields(config):
                fields.setdefault(field.name, field)
        return fields

    def help(self):
        """Returns the text of `--help`."""
        width = min(88, shutil.get_terminal_size().columns)
        lines = [self.doc.strip(), "", "Flags:"]
        for name, field in self._fields().items():
            sign = "--[no]" if value_type(field) is bool else "--"
            lines += textwrap.wrap(
                f"{sign}{name}: {field.metadata['help']}{self._note(field)}",
                width,
                initial_indent="  ",
                subsequent_indent="      ",
            )
        return "\n".join(lines) + "\n"

    def _note(self, field):
        """Returns what `--help` says of the default, and of whose flag it is."""
        name, text = field.name, ""
        if value_type(field) is tuple:
            text = " Repeatable."
        choices = [str(choice) for choice in field.metadata["choices"] or ()]
        if any(choice not in field.metadata["help"] for choice in choices):
            text += f" One of {', '.join(choices)}."
        if name in self.options.__dataclass_fields__:
            return text + _default_text({"": field.default})
        owners = [k for k, v in self.configs.items() if name in v.__dataclass_fields__]
        if len(owners) < len(self.configs):
            text += f" Only for {' and '.join(owners)}."
        defaults = {k: v[name] for k, v in self.defaults.items() if name in v}
        return text + _default_text(defaults)


def _expanded(field, value):
    """Returns a value with the home folder in place of `~`, where it is a path."""
    if field is None or not field.metadata["path"] or value is None:
        return value
    if isinstance(value, str):
        return paths.expanded(value)
    return tuple(map(paths.expanded, value))


def _default_text(values):
    """Formats defaults by name: (default: 8), (default: 16 sample; 8 paper, modern)."""
    groups = {}
    for name, value in values.items():
        groups.setdefault(repr(value), (value, []))[1].append(name)
    shown = [
        f"{value}" if len(groups) == 1 else f"{value} {', '.join(names)}"
        for value, names in groups.values()
        if value not in (None, (), [], "")
    ]
    return f" (default: {'; '.join(shown)})" if shown else ""


class _Plain(python_logging.Formatter):
    """Shows the message alone, without what a terminal would obey."""

    def format(self, record):
        return _printable(super().format(record))


def _printable(text):
    """Escapes what a terminal would obey; contents and names of files may hold it."""
    return "".join(
        c if c.isprintable() or c in "\t\n" else c.encode("unicode_escape").decode()
        for c in text
    )


def _one_line(error):
    """Returns what an error says in one line, naming the file it is about."""
    text = str(error)
    if isinstance(error, OSError) and error.filename is not None:
        text = (
            "A file or folder cannot be used. Expected one that can be read or written "
            f"there. Received: {error.filename} ({error.strerror})"
        )
    return " ".join(text.split()) or type(error).__name__


def _fail(message):
    _end(f"Error: {message}", 1)


def _stop(done=""):
    where = f"Stopped {done}".strip()
    # What is done would be done again.
    command = shlex.join(a for a in sys.orig_argv if a.lstrip("-") != "overwrite")
    _end(f"{where}. Go on with: {command}", stopping.exit_code())


def _end(message, code):
    # A terminal that went away cannot be written to.
    with contextlib.suppress(OSError):
        # Without the module, whose library may be missing too, there are no bars.
        if progress := sys.modules.get("selfsup.progress"):
            progress.close_bars()
        sys.stderr.write(f"{message}\n")
        sys.stderr.flush()
    sys.exit(code)
