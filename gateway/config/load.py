"""From a TOML file to a configuration; every mistake is reported at once, with its file, line and key."""

from __future__ import annotations

import os
import pathlib
import re
import tomllib
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ValidationError

from gateway.config.mistakes import Source, by_line, file_key, problem
from gateway.config.sections import Config, InterfaceSection
from gateway.config.toml_lines import key_lines
from gateway.errors import ConfigError, Misuse

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.abc import Driver
    from gateway.config.toml_lines import Key

#: Where a configuration is looked for when none is named, after ``$BUSGATE_CONFIG``.
SEARCHED = ("busgate.toml", "/etc/busgate/gateway.toml")


def load(file: str | os.PathLike[str] | None = None, *, store: str | None = None, name: str | None = None) -> Config:
    """Read the configuration: ``file``, else ``$BUSGATE_CONFIG``, else the first of ``SEARCHED``, else the defaults.

    Args:
        file: a relative SQLite path within it is relative to its folder.
        store: replaces the store's URL.
        name: replaces the node's name.

    Raises:
        ConfigError: with all mistakes of the file.
    """
    if file == "":
        raise ConfigError(["--config: the name of the file is empty"])
    named = file or os.environ.get("BUSGATE_CONFIG")
    found = pathlib.Path(named) if named else next(filter(_is_there, map(pathlib.Path, SEARCHED)), None)
    config = Config() if found is None else parse(_text(found), found)
    return config.with_overrides(store=store, name=name)


def parse(text: str, file: pathlib.Path) -> Config:
    """Validate the text of a configuration; ConfigError with all its mistakes."""
    try:
        data = tomllib.loads(text)
        source = Source(str(file), key_lines(text))
    except RecursionError as error:
        raise ConfigError([f"{file}: values are nested too deeply"]) from error
    except ValueError as error:
        raise ConfigError([_syntax_mistake(text, file, error)]) from error
    mistakes = _doubled_names(data, source)
    try:
        config = Config.model_validate(data, context={"folder": file.absolute().parent})
    except ValidationError as error:
        found = [source.mistake(file_key(each["loc"]), problem(each, Config)) for each in error.errors()]
        raise ConfigError(by_line([*found, *mistakes])) from error
    if mistakes:
        raise ConfigError(mistakes)
    config._source = source  # noqa: SLF001 - its own module
    return config


def interface_options(config: Config, interface: InterfaceSection, driver: type[Driver] | Driver) -> BaseModel:
    """The options of one interface, validated by its driver's schema; ConfigError with all mistakes."""
    schema = driver.options
    try:
        return schema.model_validate(interface.options)
    except ValidationError as error:
        place: Key = ("interface", config.interfaces.index(interface))
        raise ConfigError(
            [config.source.mistake((*place, *each["loc"]), problem(each, schema)) for each in error.errors()]
        ) from error


def driver_mistakes(config: Config, find_driver: Callable[[str], type[Driver]]) -> list[str]:
    """What is wrong with the interfaces, given the plugins: unknown drivers, bad options.

    Args:
        find_driver: raises a Misuse that says what to install (``Plugins.driver``).
    """
    mistakes: list[str] = []
    for index, interface in enumerate(config.interfaces):
        try:
            interface_options(config, interface, find_driver(interface.driver))
        except ConfigError as error:
            mistakes += error.mistakes
        except Misuse as error:
            mistakes.append(config.source.mistake(("interface", index, "driver"), str(error)))
    return mistakes


def _is_there(file: pathlib.Path) -> bool:
    """Whether there is such a file; one that can't be looked at counts, lest another store be used unnoticed."""
    try:
        return file.is_file()
    except PermissionError:
        return True


def _text(file: pathlib.Path) -> str:
    try:
        data = file.read_bytes()
        return data.decode()
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise ConfigError([f"{file}:{line}: not UTF-8 text: byte 0x{data[error.start]:02x}"]) from error
    except FileNotFoundError as error:
        raise ConfigError([f"{file}: no such file; `busgate config init {file}` writes a commented one"]) from error
    except OSError as error:
        raise ConfigError([f"{file}: can't be read: {error.strerror}"]) from error


def _syntax_mistake(text: str, file: pathlib.Path, error: ValueError) -> str:
    """The message of ``tomllib``, its line moved to the front."""
    reason, _, place = str(error).partition(" (at ")
    line = re.match(r"line (\d+)", place)
    number = int(line[1]) if line else text.rstrip().count("\n") + 1
    return f"{file}:{number}: not TOML: {reason[:1].lower()}{reason[1:]}"


def _doubled_names(data: dict[str, Any], source: Source) -> list[str]:
    """Interfaces of one name; found in the raw data, so that other mistakes don't hide them."""
    mistakes: list[str] = []
    seen: dict[str, int] = {}
    interfaces = data.get("interface")
    for index, each in enumerate(interfaces if isinstance(interfaces, list) else ()):
        name = each.get("name", each.get("bus")) if isinstance(each, dict) else None
        if not isinstance(name, str):
            continue
        if name in seen:
            key = ("interface", index, "name" if "name" in each else "bus")
            first = source.lines.get(("interface", seen[name]), "?")
            mistakes.append(
                source.mistake(key, f'the name {name!r} is that of the interface at line {first}; set name = "..."')
            )
        seen.setdefault(name, index)
    return mistakes
