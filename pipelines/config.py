"""Typed configuration: frozen dataclasses with help texts, filled from YAML and then from the command line."""

import argparse
import dataclasses
import difflib
import functools
import typing
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import yaml
from pydantic import ConfigDict, TypeAdapter, ValidationError

from curate.errors import ConfigError

T = TypeVar("T")


def option(default: Any, help: str) -> Any:
    """A field of a configuration: its default and one line of help that names the unit."""
    if isinstance(default, (dict, list)):
        return dataclasses.field(default_factory=functools.partial(type(default), default), metadata={"help": help})
    return dataclasses.field(default=default, metadata={"help": help})


def add_flags(parser: argparse.ArgumentParser, cls: type[Any]) -> None:
    """Give every field of `cls` its flag (`--group.field VALUE`), with help and default; tables stand in the epilog."""
    if not dataclasses.fields(cls):
        return
    parser.usage = parser.format_usage().removeprefix("usage: ").strip() + " [--KEY VALUE ...]"
    group = parser.add_argument_group("configuration (a key in --config, or a flag)")
    group.add_argument("--config", type=Path, metavar="FILE", help="YAML file of the keys below")
    tables = []
    for key, field, default in _fields(cls):
        text = field.metadata.get("help", "").replace("%", "%%")
        if isinstance(default, dict):
            rows = [f"  --{key}.{name:<28} {_dump(row)}" for name, row in default.items()]
            tables.append("\n".join([f"{key}: {text}", *rows]))
            continue
        shown = str(_dump(default)).replace("%", "%%")
        group.add_argument(f"--{key}", metavar="V", help=f"{text} (default: {shown})", default=argparse.SUPPRESS)
    parser.epilog = "\n\n".join(tables) or None


def parse(
    parser: argparse.ArgumentParser,
    argv: list[str],
    cls: type[T],
    *,
    base: Callable[[argparse.Namespace], dict[str, Any]] | None = None,
) -> tuple[argparse.Namespace, T]:
    """Parse `argv`; the configuration is the defaults, then `base`, then the YAML of --config, then the flags.

    A table of a lower layer is completed, not replaced, by the same table of a higher one.
    """
    in_tables, others = _table_flags(argv, cls)
    args, rest = parser.parse_known_args(others)
    if rest:
        raise ConfigError(_unknown(rest[0], parser))
    overrides = {key: vars(args).pop(key) for key, _, _ in _fields(cls) if key in vars(args)} | in_tables
    values = base(args) if base else _table_defaults(cls)
    _merge(values, _load(args.config) if getattr(args, "config", None) else {})
    for key, text in overrides.items():
        _put(values, key.split("."), _scalar(text), key)
    return args, build(cls, values, where=str(getattr(args, "config", None) or "the command line"))


def build(cls: type[T], values: dict[str, Any], *, where: str) -> T:
    """Return `cls` filled from nested `values`; ConfigError names the key, what it should be, and the nearest key."""
    _check_keys(cls, values, where)
    try:
        return _adapter(cls).validate_python(values)
    except ValidationError as error:
        problems = (
            "{}: {}, not {!r}".format(".".join(map(str, e["loc"])), _lower(e["msg"]), e["input"])
            for e in error.errors()
        )
        raise ConfigError(f"{where}: {'; '.join(problems)}") from error


def to_values(config: Any) -> dict[str, Any]:
    """Return the configuration as nested plain values, the inverse of `build`."""
    values: dict[str, Any] = _adapter(type(config)).dump_python(config, mode="json")
    return values


def _adapter(cls: type[T]) -> TypeAdapter[T]:
    # YAML gives numbers as numbers and flags as text: both are read leniently, but nothing unknown is let through
    return TypeAdapter(cls, config=None if dataclasses.is_dataclass(cls) else ConfigDict())


def _fields(cls: type[Any], prefix: str = "") -> Iterator[tuple[str, dataclasses.Field[Any], Any]]:
    """Yield (dotted key, field, default) of every leaf; a field that holds a dataclass is a group."""
    kinds = typing.get_type_hints(cls)
    for field in dataclasses.fields(cls):
        kind = kinds[field.name]
        if dataclasses.is_dataclass(kind) and isinstance(kind, type):
            yield from _fields(kind, f"{prefix}{field.name}.")
            continue
        default = field.default if field.default_factory is dataclasses.MISSING else field.default_factory()
        yield f"{prefix}{field.name}", field, default


def _tables(cls: type[Any]) -> list[str]:
    return [key for key, _, default in _fields(cls) if isinstance(default, dict)]


def _table_defaults(cls: type[Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    for key, _, default in _fields(cls):
        if isinstance(default, dict):
            rows = {name: _adapter(type(row)).dump_python(row) for name, row in default.items()}
            _put(values, key.split("."), rows, key)
    return values


def _merge(values: dict[str, Any], over: dict[str, Any]) -> None:
    for key, value in over.items():
        if isinstance(value, dict) and isinstance(values.get(key), dict):
            _merge(values[key], value)
        else:
            values[key] = value


def _table_flags(argv: list[str], cls: type[Any]) -> tuple[dict[str, str], list[str]]:
    """Take `--keep.sharpness.min 4` out: flags below a table, whose names only the user knows; return them and the
    rest. argparse, which doesn't know them, would take their values for positional arguments.
    """
    flags: dict[str, str] = {}
    others: list[str] = []
    tokens = iter(argv)
    for token in tokens:
        flag, equals, value = token.partition("=")
        if not any(flag.startswith(f"--{table}.") for table in _tables(cls)):
            others.append(token)
            continue
        if not equals:
            value = next(tokens, "")
        if not value:
            raise ConfigError(f"{flag} needs a value")
        flags[flag.removeprefix("--")] = value
    return flags, others


def _unknown(token: str, parser: argparse.ArgumentParser) -> str:
    if not token.startswith("-"):
        return f"unexpected argument {token!r}; see {parser.prog} --help"
    flags = [flag for action in parser._actions for flag in action.option_strings]
    near = difflib.get_close_matches(token.split("=")[0], flags, n=1, cutoff=0.5)
    hint = f"did you mean {near[0]}?" if near else f"see {parser.prog} --help"
    return f"unknown flag {token}; {hint}"


def _check_keys(cls: type[Any], values: dict[str, Any], where: str, prefix: str = "") -> None:
    if not isinstance(values, dict):
        raise ConfigError(f"{where}: {prefix.rstrip('.') or 'the file'} must hold keys and values")
    kinds = typing.get_type_hints(cls)
    for key, value in values.items():
        if key not in kinds:
            near = difflib.get_close_matches(str(key), kinds, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known: {', '.join(kinds)}"
            raise ConfigError(f"{where}: unknown key {prefix}{key}; {hint}")
        if dataclasses.is_dataclass(kinds[key]) and isinstance(kinds[key], type):
            _check_keys(kinds[key], value, where, f"{prefix}{key}.")
        args = typing.get_args(kinds[key])
        if isinstance(value, dict) and args and dataclasses.is_dataclass(args[-1]) and isinstance(args[-1], type):
            for name, row in value.items():
                _check_keys(args[-1], row, where, f"{prefix}{key}.{name}.")


def _load(path: Path) -> dict[str, Any]:
    try:
        values = yaml.safe_load(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise ConfigError(f"can't read the configuration {path}: {error.strerror}") from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path} is not YAML: {' '.join(str(error).split())}") from error
    if values is None:
        return {}
    if not isinstance(values, dict):
        raise ConfigError(f"{path} must hold keys and values")
    return values


def _put(values: dict[str, Any], keys: list[str], value: Any, key: str) -> None:
    for name in keys[:-1]:
        values = values.setdefault(name, {})
        if not isinstance(values, dict):
            raise ConfigError(f"--{key}: {name} is a value, not a group")
    values[keys[-1]] = value


def _scalar(text: str) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ConfigError(f"can't read the value {text!r}") from error


def _dump(value: Any) -> str:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        value = dataclasses.asdict(value)
    if isinstance(value, dict):
        return ", ".join(f"{name} {_dump(v)}" for name, v in value.items() if v is not None and v is not False)
    if isinstance(value, list):
        return " ".join(map(_dump, value))
    return "none" if value is None else str(value)


def _lower(text: str) -> str:
    return text[:1].lower() + text[1:]
