"""What the tools share: flags from configurations, help, and errors in one line."""

import contextlib
import dataclasses
import logging as python_logging
import shlex
import sys

from absl import flags, logging

from selfsup import backend, paths, stopping
from selfsup.cli.help_text import fields, help_text, is_required, meant
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
        logging.get_absl_logger().addFilter(_above_bars)
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
        flag_fields = fields(self.options, self.configs)
        for name, field in flag_fields.items():
            # Without defaults: they come from the configurations.
            _DEFINE[value_type(field)](name, None, "", flag_values=values)
        flags.DEFINE_bool("help", False, "", flag_values=values)
        try:
            rest = values(argv)[1:]
        except flags.UnrecognizedFlagError as error:
            others = [f"--{name}" for name in meant(error.flagname, [*flag_fields])]
            expected = " or ".join(others) or "a flag that --help lists"
            raise ValueError(
                f"There is no such flag. Expected {expected}. "
                f"Received: --{error.flagname}"
            ) from error
        if values["help"].value:
            text = help_text(self.doc, self.options, self.configs, self.defaults)
            sys.stdout.write(text)
            return
        if rest and not self.arguments:
            raise ValueError(
                f"Unknown argument. Expected flags only. Received: {rest[0]!r}"
            )
        given = {}
        for name, field in flag_fields.items():
            value = values[name].value
            if value is not None:
                value = tuple(value) if isinstance(value, list) else value
                given[name] = _expanded(field, value)
        options = {}
        for field in dataclasses.fields(self.options):
            if field.name in given:
                options[field.name] = given.pop(field.name)
            elif is_required(field):
                raise ValueError(
                    f"Flag --{field.name} is missing. Expected: "
                    f"{field.metadata['help']} Received: none"
                )
        task_given = "task" in options
        options = self.options(**options)
        if getattr(options, "config", None):
            options, given = self._with_file(options, task_given, given)
        self._check_choice(options, given)
        others = [list(map(paths.expanded, rest))] if self.arguments else []
        self.main(options, given, *others)

    def _check_choice(self, options, given):
        """Refuses flags that are settings of another task, or of another `what`."""
        for name in ("task", "what"):
            chosen = getattr(options, name, None)
            if chosen not in self.configs:
                continue
            known = self.configs[chosen].__dataclass_fields__
            strange = [f"--{flag}" for flag in given if flag not in known]
            if strange:
                raise ValueError(
                    f"A flag is not for --{name}={chosen}. Expected those that --help "
                    f"does not keep for others. Received: {', '.join(strange)}"
                )

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
        known = config.__dataclass_fields__
        fields = config.upgraded(fields)
        for name in sorted(fields.keys() - known.keys()):
            expected = " or ".join(meant(name, [*known])) or "names of flags"
            raise ValueError(
                f"A settings file has an unknown field. Expected {expected}. "
                f"Received: {name} in {options.config}"
            )
        fields = {name: _expanded(known[name], x) for name, x in fields.items()}
        return options, config.merged(fields, given)


def _expanded(field, value):
    """Returns a value with the home folder in place of `~`, where it is a path."""
    if not field.metadata["path"] or value is None:
        return value
    if isinstance(value, str):
        return paths.expanded(value)
    return tuple(map(paths.expanded, value))


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


def _above_bars(record):
    """Makes room for a line in the log; a filter that lets all pass."""
    del record
    if progress := sys.modules.get("selfsup.progress"):
        progress.clear_bars()
    return True


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
