"""Command lines with a config file: `--config=FILE.py[:args] --config.any.field=value`, errors in one line."""

from __future__ import annotations

import difflib
import importlib.util
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

from absl import app, flags
from ml_collections import ConfigDict, config_flags

from vsdpo_jax.errors import UserError, exit_cleanly
from vsdpo_jax.progress import quiet_libraries

CONFIG = config_flags.DEFINE_config_file("config", None, "Config file, for instance configs/tiny.py.", lock_config=True)


def run(main: Callable[[ConfigDict], None], required: bool = True) -> None:
    """Parse the command line and call `main(config)`; a `UserError` becomes one line and exit status 2.

    Args:
      main: the command.
      required: refuse a command line without `--config`; else `main` gets None for it.
    """

    def start(_):
        quiet_libraries()
        exit_cleanly(lambda: main(CONFIG.value))

    app.run(start, flags_parser=lambda argv: _parse(argv, required))


def _parse(argv: list[str], required: bool) -> list[str]:
    if {"--help", "-h", "--helpfull", "--helpshort"} & set(argv):
        return flags.FLAGS(argv)
    remaining: list[str] = []

    def parse():
        _check(argv[1:], required)
        try:
            remaining.extend(flags.FLAGS(argv))
        except (flags.Error, TypeError, ValueError) as error:
            raise UserError(" ".join(str(error).split())) from error

    exit_cleanly(parse)
    return remaining


def _check(arguments: list[str], required: bool) -> None:
    """Refuse a missing config and unknown fields by name: the flag parser's own messages do not say which."""
    names = [argument.lstrip("-") for argument in arguments if argument.startswith("-")]
    given = [name.removeprefix("config=") for name in names if name.startswith("config=")]
    if not given and not required:
        return
    if not given:
        raise UserError("--config is missing: give a config file, for instance --config=configs/tiny.py")
    known = list(_fields(load_config(given[-1])))
    for name in names:
        field = name.split("=")[0].removeprefix("config.")
        if name.startswith("config.") and field not in known:
            close = difflib.get_close_matches(field, known, n=1)
            raise UserError(f"config has no field {field!r}" + (f": did you mean {close[0]!r}?" if close else ""))


def load_config(value: str) -> ConfigDict:
    """The config of `FILE.py` or `FILE.py:args`; raises UserError if the file cannot be loaded."""
    path, _, arguments = value.partition(":")
    if not Path(path).is_file():
        raise UserError(f"config file {path!r} does not exist: give a path such as configs/tiny.py")
    # Config files import each other as `configs.common`, wherever the command is run from.
    root = str(Path(path).resolve().parent.parent)
    if root not in sys.path:
        sys.path.append(root)
    spec = importlib.util.spec_from_file_location("vsdpo_jax_config", path)
    module = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
        return module.get_config(arguments) if arguments else module.get_config()
    except (ImportError, SyntaxError, AttributeError, ValueError, TypeError) as error:
        raise UserError(f"config file {path!r} cannot be loaded: {type(error).__name__}: {error}") from error


def _fields(config: ConfigDict, prefix: str = "") -> Iterator[str]:
    for key, value in config.items():
        yield prefix + key
        if isinstance(value, ConfigDict):
            yield from _fields(value, f"{prefix}{key}.")
