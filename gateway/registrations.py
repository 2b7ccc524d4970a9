"""What plugins may register: each thing is checked before it is used, complaints name the thing."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any, Final

from gateway.abc import Driver
from gateway.errors import Misuse
from gateway.path import Path
from gateway.values import RegisteredProcedure

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

#: A driver's name stands in configurations and in pip commands.
DRIVER_NAME: Final = re.compile(r"[a-z][a-z0-9_-]*")


def check_drivers(answers: Iterable[Any]) -> list[type[Driver]]:
    """The drivers in one plugin's answers to ``busgate_register_drivers``; Misuse when something else is among them."""
    drivers = list(_flat("busgate_register_drivers", answers))
    for driver in drivers:
        if mistake := _driver_mistake(driver):
            raise Misuse(f"busgate_register_drivers gave {driver!r}, {mistake}")
    _unique("driver", [driver.name for driver in drivers])
    return drivers


def _driver_mistake(driver: Any) -> str:
    from pydantic import BaseModel

    if not (isinstance(driver, type) and issubclass(driver, Driver)):
        return "which is no subclass of gateway.abc.Driver"
    if inspect.isabstract(driver):
        return f"which lacks {', '.join(sorted(driver.__abstractmethods__))}"
    name = getattr(driver, "name", None)
    if not (isinstance(name, str) and DRIVER_NAME.fullmatch(name)):
        return f"whose name is {name!r}: it should be lower-case letters, digits, '_' and '-'"
    options = getattr(driver, "options", None)
    if not (isinstance(options, type) and issubclass(options, BaseModel)):
        return "whose options are no pydantic model: options = class of the schema"
    return ""


def check_procedures(answers: Iterable[Any]) -> list[RegisteredProcedure]:
    """The procedures in one plugin's answers; Misuse when something else is among them."""
    procedures = list(_flat("busgate_register_procedures", answers))
    for procedure in procedures:
        if mistake := _procedure_mistake(procedure):
            raise Misuse(f"busgate_register_procedures gave {procedure!r}, {mistake}")
    _unique("procedure", [str(procedure.path) for procedure in procedures])
    return procedures


def _procedure_mistake(procedure: Any) -> str:
    if not isinstance(procedure, RegisteredProcedure):
        return "which is no RegisteredProcedure"
    if not isinstance(procedure.path, Path) or not procedure.path:
        return "whose path is no gateway.path.Path of at least one element"
    return "" if callable(procedure.function) else "whose function can't be called"


def _flat(hook: str, answers: Iterable[Any]) -> Iterator[Any]:
    for answer in answers:
        if not isinstance(answer, list | tuple):
            raise Misuse(f"{hook} gave {answer!r}, which is no list")
        yield from answer


def _unique(what: str, names: list[str]) -> None:
    for name in names:
        if names.count(name) > 1:
            raise Misuse(f"registers the {what} {name!r} twice")
