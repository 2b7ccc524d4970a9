"""Procedures: Python functions stored as data, or brought by plugins."""

from __future__ import annotations

import inspect
import keyword
from copy import deepcopy
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import AfterValidator, BeforeValidator, Field

from gateway.code.compile import Body, check_body, compile_body
from gateway.code.imports import imports
from gateway.code.requires import missing
from gateway.code.variables import merged
from gateway.errors import CodeError, RecordError
from gateway.path import P, Path
from gateway.record import ModuleNames, Record, as_list, same

if TYPE_CHECKING:
    from collections.abc import Callable, Container, Mapping

    from gateway.values import RegisteredProcedure


#: What a procedure is called while it has no path.
_UNNAMED = P("code")


def _parameters(names: list[str]) -> list[str]:
    for name in names:
        if not name.isidentifier() or keyword.iskeyword(name):
            raise ValueError(f"{name!r} is no name of a variable")
        if names.count(name) > 1:
            raise ValueError(f"{name!r} stands there twice")
    return names


class ProcedureEntry(Record):
    """A procedure as it stands in the store.

    Attributes:
        code: the text of a function body.
        is_async: None: called synchronously in the event loop; False: in a worker thread; True: async.
        vars: names of its parameters.
        requires: modules it needs.
        default: values for its variables, under the job's data.
        info: for people.
    """

    what: ClassVar[str] = "procedure"

    code: str
    is_async: bool | None = None
    vars: Annotated[list[str], BeforeValidator(as_list), AfterValidator(_parameters)] = Field(default_factory=list)
    requires: ModuleNames = Field(default_factory=list)
    default: dict[str, Any] = Field(default_factory=dict)
    info: str = ""

    def does_the_same(self, other: ProcedureEntry) -> bool:
        """Whether only ``info`` and unknown fields differ."""
        mine = [self.code, self.is_async, self.vars, self.requires, self.default]
        return same(mine, [other.code, other.is_async, other.vars, other.requires, other.default])


@dataclass(frozen=True, slots=True)
class Procedure:
    """Something callable by its path: stored code, or a function that a plugin brings.

    ``uses`` are the modules that it requires or imports. ``bind`` makes one call ready: it takes the variables by name
    and returns a function without parameters.
    """

    path: Path
    is_async: bool | None
    vars: tuple[str, ...]
    default: Mapping[str, Any]
    requires: tuple[str, ...]
    info: str
    stored: bool
    bind: Callable[[dict[str, Any]], Callable[[], Any]] = field(repr=False)
    uses: frozenset[str] = frozenset()

    def variables(self, args: tuple[Any, ...], keywords: Mapping[str, Any]) -> dict[str, Any]:
        """The variables of a call: the defaults, and over them positional and keyword arguments.

        Raises:
            TypeError: there are more positional arguments than ``vars``, or one is given twice.
        """
        if len(args) > len(self.vars):
            takes = f"{len(self.vars)} positional argument{'' if len(self.vars) == 1 else 's'}"
            raise TypeError(f"{self.path} takes {takes} ({', '.join(self.vars)}), {len(args)} were given")
        given = dict(zip(self.vars, args, strict=False))
        if twice := given.keys() & keywords.keys():
            raise TypeError(f"{self.path} got two values for {', '.join(sorted(twice))}")
        return merged(deepcopy(dict(self.default)), given | dict(keywords))


def from_entry(path: Path, entry: ProcedureEntry) -> tuple[Procedure, Body]:
    """Compile a stored procedure; CodeError when it doesn't compile."""
    body = compile_body(path, entry.code, entry.vars, is_async=entry.is_async)

    def bind(variables: dict[str, Any]) -> Callable[[], Any]:
        arguments = [variables.pop(name, None) for name in entry.vars]
        function = body.function(variables)
        return lambda: function(*arguments)

    found = imports(entry.code)
    made = Procedure(
        path,
        entry.is_async,
        tuple(entry.vars),
        entry.default,
        tuple(entry.requires),
        entry.info,
        stored=True,
        bind=bind,
        uses=found.at_once | found.later | {*entry.requires},
    )
    return made, body


def from_plugin(registered: RegisteredProcedure) -> Procedure:
    """Make a plugin's function callable by its path."""
    taken = [
        parameter
        for parameter in inspect.signature(registered.function).parameters.values()
        if parameter.kind not in (parameter.VAR_POSITIONAL, parameter.VAR_KEYWORD, parameter.POSITIONAL_ONLY)
    ]

    def bind(variables: dict[str, Any]) -> Callable[[], Any]:
        arguments = {
            parameter.name: variables.get(parameter.name)
            for parameter in taken
            if parameter.name in variables or parameter.default is parameter.empty
        }
        return lambda: registered.function(**arguments)

    is_async = True if inspect.iscoroutinefunction(registered.function) else None
    names = tuple(parameter.name for parameter in taken if not parameter.name.startswith("_"))
    return Procedure(registered.path, is_async, names, registered.default, (), registered.info, stored=False, bind=bind)


def check(
    value: Any, path: Path = _UNNAMED, data: Mapping[str, Any] | None = None, modules: Container[str] = ()
) -> list[str]:
    """What is wrong or odd about a procedure, without storing it: a text for each mistake.

    Args:
        value: the map that would be stored.
        path: what to call it in the texts.
        data: the data of a job that would use it: then variables that nothing fills are named too.
        modules: names of stored modules, which count as there.
    """
    found = [f"{path}: {line}" for line in ProcedureEntry.check(value)]
    try:
        entry = ProcedureEntry.from_map(value)
        found += check_body(path, entry.code, entry.vars, is_async=entry.is_async)
    except RecordError:
        return found
    except CodeError as error:
        found.append(str(error))
    lacking = missing(name for name in entry.requires if name not in modules)
    found += [f"{path}: requires {name}, which can't be imported here" for name in lacking]
    if data is not None:
        given = merged(entry.default, data)
        unfilled = [name for name in entry.vars if name not in given and not name.startswith("_")]
        found += [f"{path}: the variable {name} is missing: neither data nor default has it" for name in unfilled]
    return found
