"""Finds the installed plugins, checks each by itself, and keeps what they bring.

Theory of operation
-------------------
1. A plugin is an entry point of the group ``busgate``. Each is imported, checked and asked by itself; one that fails in
   any of this is left out, with the reason in its ``PluginInfo``, and the others work.
2. What a plugin registers is checked before anything uses it: a nonsense in it would fail later, in another's name.
3. What two plugins register under one name belongs to neither: which one is meant is the user's decision, by disabling
   the other. Everything else that the two bring works.
4. Nothing is kept outside the ``Plugins`` object; the composition root builds one and hands it on.
"""

from __future__ import annotations

import inspect
import os
import sys
from dataclasses import dataclass, replace
from difflib import get_close_matches
from importlib.metadata import EntryPoint, entry_points
from typing import TYPE_CHECKING, Any, Self, TypeVar

import pluggy

from gateway import hookspecs
from gateway.errors import Misuse, NotFound
from gateway.registrations import check_drivers, check_procedures

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable, Iterable, Mapping

    from gateway.abc import Driver
    from gateway.path import Path
    from gateway.values import RegisteredProcedure

K = TypeVar("K", bound="Hashable")
V = TypeVar("V")

#: The environment variable that has each hook call printed to stderr.
TRACE = "BUSGATE_TRACE_HOOKS"


@dataclass(frozen=True, slots=True)
class PluginInfo:
    """One plugin as ``busgate plugins`` shows it.

    ``name`` is that of its entry point, ``distribution`` what pip calls it; ``error`` says why it is not used, or which
    part of it, and is empty when all is well.
    """

    name: str
    version: str
    module: str
    drivers: tuple[str, ...] = ()
    procedures: tuple[str, ...] = ()
    hooks: tuple[str, ...] = ()
    distribution: str = ""
    disabled: bool = False
    error: str = ""


class Plugins:
    """The plugins of this process.

    Args:
        found: entry points; those of the installed distributions are given by :meth:`installed`.
        disabled: names of entry points that are not even imported.
        trace: gets a line of text for each hook call and its results.
    """

    def __init__(
        self, found: Iterable[EntryPoint], *, disabled: Iterable[str] = (), trace: Callable[[str], None] | None = None
    ) -> None:
        self._manager = pluggy.PluginManager(hookspecs.PROJECT)
        self._manager.add_hookspecs(hookspecs)
        if trace:
            _follow(self._manager, trace)
        self._infos: dict[str, PluginInfo] = {}
        self._drivers: dict[str, dict[str, type[Driver]]] = {}  # by name, then by plugin
        self._procedures: dict[Path, dict[str, RegisteredProcedure]] = {}
        off = set(disabled)
        for point in sorted(found, key=lambda point: (point.name, point.value)):
            self._add(point, disabled=point.name in off)
        for name in list(self._infos):
            if self._manager.has_plugin(name):
                self._ask(name)
        self._report_clashes()

    @classmethod
    def installed(cls, *, disabled: Iterable[str] = (), environ: Mapping[str, str] = os.environ) -> Self:
        """Load the plugins of the installed distributions; hook calls are traced when ``BUSGATE_TRACE_HOOKS`` is 1."""
        trace = _to_stderr if environ.get(TRACE, "") not in ("", "0") else None
        return cls(entry_points(group=hookspecs.PROJECT), disabled=disabled, trace=trace)

    @property
    def infos(self) -> list[PluginInfo]:
        """All plugins found, by name: those in use, those disabled and those that failed."""
        return [info for _, info in sorted(self._infos.items())]

    @property
    def drivers(self) -> dict[str, type[Driver]]:
        """The drivers that can be used, by name."""
        return _sole(self._drivers)

    @property
    def procedures(self) -> dict[Path, RegisteredProcedure]:
        """The procedures that plugins bring, by path, and those of the host itself."""
        from gateway.radio.procedure import RECEIVE

        return {RECEIVE.path: RECEIVE} | _sole(self._procedures)

    def driver(self, name: str) -> type[Driver]:
        """The driver of that name.

        Raises:
            NotFound: no plugin brings it; says which to install, or why the one that is installed isn't used.
            Misuse: several bring it; says which, and how to choose.
        """
        owners = self._drivers.get(name, {})
        if len(owners) == 1:
            return next(iter(owners.values()))
        raise Misuse(_clash("driver", name, owners)) if owners else NotFound(self._no_driver(name))

    def _no_driver(self, name: str) -> str:
        info = self._infos.get(name)
        if info and info.disabled:
            return f"no driver {name!r}: the plugin {name!r} is disabled; take it out of [plugins] disabled"
        if info and info.error:
            return f"no driver {name!r}: the plugin {name!r} failed: {info.error}"
        if near := get_close_matches(name, self.drivers, 1):
            return f"no driver {name!r} (did you mean {near[0]!r}?)"
        there = ", ".join(sorted(self.drivers)) or "none"
        return f"no driver {name!r}; install it: pip install {hookspecs.PROJECT}-{name} (installed are: {there})"

    def _add(self, point: EntryPoint, *, disabled: bool) -> None:
        """Import one plugin and take its hooks."""
        about = point.dist
        info = PluginInfo(
            name=point.name,
            version=about.version if about else "",
            module=point.value,
            distribution=about.name if about else "",
            disabled=disabled,
        )
        first = self._infos.setdefault(point.name, info)
        if first is not info:
            twice = f"{first.distribution} and {info.distribution} both bring a plugin of this name: uninstall one"
            self._fail(point.name, twice)
        elif not disabled:
            try:
                self._register(point.name, point.load())
            except Exception as error:  # noqa: BLE001 - one bad plugin must not keep the others from working
                self._fail(point.name, _told(error))

    def _register(self, name: str, module: Any) -> None:
        if mistakes := [text for attribute in dir(module) if (text := _hook_mistake(self._manager, module, attribute))]:
            raise Misuse("; ".join(mistakes))
        self._manager.register(module, name)
        callers = self._manager.get_hookcallers(module) or []
        self._infos[name] = replace(self._infos[name], hooks=tuple(sorted(caller.name for caller in callers)))

    def _ask(self, name: str) -> None:
        """Call one plugin's registering hooks, and check what they return."""
        try:
            drivers = check_drivers(self._call(name, "busgate_register_drivers"))
            procedures = check_procedures(self._call(name, "busgate_register_procedures"))
        except Exception as error:  # noqa: BLE001 - as above
            self._fail(name, _told(error))
            return
        for driver in drivers:
            self._drivers.setdefault(driver.name, {})[name] = driver
        for procedure in procedures:
            self._procedures.setdefault(procedure.path, {})[name] = procedure
        self._infos[name] = replace(
            self._infos[name],
            drivers=tuple(driver.name for driver in drivers),
            procedures=tuple(str(procedure.path) for procedure in procedures),
        )

    def _call(self, name: str, hook: str) -> list[Any]:
        others = [plugin for plugin in self._manager.get_plugins() if self._manager.get_name(plugin) != name]
        found: list[Any] = self._manager.subset_hook_caller(hook, others)()
        return found

    def _fail(self, name: str, reason: str) -> None:
        if self._manager.has_plugin(name):
            self._manager.unregister(name=name)
        self._infos[name] = replace(self._infos[name], error=reason)

    def _report_clashes(self) -> None:
        for what, table in ("driver", self._drivers), ("procedure", self._procedures):
            for name, owners in table.items():
                for owner in owners if len(owners) > 1 else ():
                    told = [self._infos[owner].error, _clash(what, str(name), owners)]
                    self._infos[owner] = replace(self._infos[owner], error="; ".join(filter(None, told)))


def _sole(table: Mapping[K, Mapping[str, V]]) -> dict[K, V]:
    return {name: next(iter(owners.values())) for name, owners in table.items() if len(owners) == 1}


def _clash(what: str, name: str, owners: Iterable[str]) -> str:
    *some, last = sorted(owners)
    return (
        f"{what} {name!r} is brought by the plugins {', '.join(map(repr, some))} and {last!r}, so neither is used; "
        f'disable all but one: [plugins] disabled = ["{last}"]'
    )


def _told(error: Exception) -> str:
    if isinstance(error, Misuse | pluggy.PluginValidationError):
        return " ".join(str(error).split())
    return f"{type(error).__name__}: {error}".removesuffix(": ")


def _hook_mistake(manager: pluggy.PluginManager, module: Any, attribute: str) -> str:
    """What is wrong with an attribute of a plugin that looks like a hook; empty when nothing is."""
    prefix = f"{hookspecs.PROJECT}_"
    marked = manager.parse_hookimpl_opts(module, attribute) is not None
    known = [name for name in vars(hookspecs) if name.startswith(prefix)]
    meant = marked or (attribute.startswith(prefix) and inspect.isroutine(getattr(module, attribute)))
    if meant and attribute not in known:
        near = get_close_matches(attribute, known, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(known)}"
        return f"unknown hook {attribute!r} ({hint})"
    if meant and not marked:
        return f"hook {attribute!r} is not marked: put @hookimpl of gateway.hookspecs above it"
    return ""


def _follow(manager: pluggy.PluginManager, trace: Callable[[str], None]) -> None:
    def before(hook: str, implementers: Iterable[Any], arguments: Mapping[str, Any]) -> None:
        names = ", ".join(implementer.plugin_name for implementer in implementers) or "nobody"
        given = ", ".join(f"{name}={value!r}" for name, value in arguments.items())
        trace(f"{hook}({given}) implemented by {names}")

    def after(
        outcome: pluggy.Result[Any], hook: str, implementers: Iterable[Any], arguments: Mapping[str, Any]
    ) -> None:
        trace(
            f"{hook} -> {outcome.get_result()!r}" if outcome.exception is None else f"{hook} !! {outcome.exception!r}"
        )

    manager.add_hookcall_monitoring(before, after)


def _to_stderr(line: str) -> None:
    sys.stderr.write(f"busgate hooks: {line}\n")
