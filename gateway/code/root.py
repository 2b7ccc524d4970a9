"""CodeRoot: the procedures of a store, compiled, kept up to date, called by their path."""

from __future__ import annotations

import logging
from contextlib import contextmanager, nullcontext
from typing import TYPE_CHECKING, Any

import anyio

from gateway.code.procedures import Procedure, ProcedureEntry, from_entry, from_plugin
from gateway.code.requires import missing
from gateway.code.threads import run_in_thread
from gateway.code.variables import digits, path_of
from gateway.errors import CodeError, Detached, NotFound, RecordError
from gateway.locations import Locations
from gateway.path import P, Path
from gateway.values import Change, Ready

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from anyio.abc import TaskStatus

    from gateway.abc import Store
    from gateway.code.compile import Body
    from gateway.code.modules import ModuleRoot
    from gateway.runner.error_log import ErrorLog
    from gateway.values import RegisteredProcedure


class CodeRoot:
    """The procedures of a store, compiled and up to date: ``root("forty.two", ...)`` calls one.

    Made by :meth:`as_handler`.
    """

    def __init__(
        self,
        store: Store,
        locations: Locations,
        registered: Iterable[RegisteredProcedure],
        errors: ErrorLog,
        modules: ModuleRoot | None,
    ) -> None:
        self._store = store
        self._base = locations.procedures
        self._errors = errors
        self._modules = modules
        self._log = logging.getLogger("busgate.code")
        self._registered = {one.path: from_plugin(one) for one in registered}
        self._entries: dict[Path, ProcedureEntry] = {}
        self._stored: dict[Path, tuple[Procedure, Body]] = {}
        self._broken: dict[Path, CodeError] = {}
        self._listeners: list[Callable[[Path], None]] = []
        self._limiter = anyio.CapacityLimiter(40)  # as many as anyio's own

    @classmethod
    async def as_handler(
        cls,
        store: Store,
        *,
        locations: Locations = Locations(),  # noqa: B008 - immutable
        registered: Iterable[RegisteredProcedure] = (),
        errors: ErrorLog | None = None,
        modules: ModuleRoot | None = None,
    ) -> CodeRoot:
        """Load all procedures and keep them up to date as long as the store is open.

        Args:
            registered: procedures of plugins, used where none is stored.
            errors: where compile errors are recorded; default: the store's error records, under no node's name.
            modules: the store's modules: a change of one counts as a change of the procedures that use it.
        """
        from gateway.runner.error_log import ErrorLog

        root = cls(store, locations, registered, errors or ErrorLog(store, locations, ""), modules)
        await store.tasks.start(root._follow)
        return root

    def __call__(self, path: Path | str | list[Any] | tuple[Any, ...], /, *args: Any, **keywords: Any) -> Any:
        """Call a procedure: the result for synchronous code, an awaitable for thread and async code.

        Args:
            args: fill the procedure's ``vars`` in order.
            keywords: fill ``vars``, or become globals of this call.

        Raises:
            NotFound: there is no such procedure.
            CodeError: it doesn't compile, or requires a module that isn't there.
            TypeError: too many arguments.
        """
        procedure = self.find(Path.build(path))
        call = procedure.bind(self.basic_variables(procedure) | procedure.variables(args, keywords))
        return run_in_thread(call, self._limiter) if procedure.is_async is False else call()

    def basic_variables(self, procedure: Procedure) -> dict[str, Any]:
        """Variables that all code gets, however it is called."""
        log = self._log.getChild(str(procedure.path))
        return {"_client": self._store, "_digits": digits, "_log": log, "_P": P, "_Path": path_of}

    def find(self, path: Path) -> Procedure:
        """The procedure of a path: the stored one, else a plugin's.

        Raises:
            NotFound: there is none.
            CodeError: it doesn't compile, or requires a module that isn't there.
        """
        if path in self._broken:
            raise self._broken[path]
        if path in self._stored:
            procedure = self._stored[path][0]
        elif path in self._registered:
            procedure = self._registered[path]
        else:
            raise NotFound(f"there is no procedure {path}")
        if lacking := (self._modules.missing if self._modules else missing)(procedure.requires):
            raise CodeError(path, f"requires {', '.join(lacking)}, which can't be imported here")
        return procedure

    def __iter__(self) -> Iterator[Procedure]:
        """All procedures that can be called, in the order of their paths."""
        plugins = {path: one for path, one in self._registered.items() if path not in self._broken}
        found = plugins | {path: one for path, (one, _) in self._stored.items()}
        return iter([found[path] for path in sorted(found)])

    @contextmanager
    def listener(self, listener: Callable[[Path], None]) -> Iterator[None]:
        """While this is entered, call ``listener(path)`` after each change of what a procedure does."""
        self._listeners.append(listener)
        try:
            yield
        finally:
            self._listeners.remove(listener)

    async def _follow(self, *, task_status: TaskStatus[None]) -> None:
        with self._modules.listener(self._modules_changed) if self._modules else nullcontext():
            await self._watch(task_status)

    def _modules_changed(self, names: frozenset[str]) -> None:
        for path, (procedure, _) in list(self._stored.items()):
            if procedure.uses & names:
                self._call_listeners(path)

    def _call_listeners(self, path: Path) -> None:
        for listener in list(self._listeners):
            listener(path)

    async def _watch(self, task_status: TaskStatus[None]) -> None:
        ready = False
        try:
            async with self._store.watch(self._base) as events:
                async for event in events:
                    if isinstance(event, Ready) and not ready:
                        ready = True
                        task_status.started()
                    elif isinstance(event, Change):
                        await self._change(event.path.after(self._base), event)
        except Detached:
            if not ready:
                raise
            self._log.debug("the store is closed")  # a watch outlives everything else
        finally:
            for _, body in self._stored.values():
                body.close()

    async def _change(self, path: Path, change: Change) -> None:
        try:
            entry = None if change.deleted else ProcedureEntry.from_map(change.value)
        except RecordError as error:
            await self._replace(path, None, CodeError(path, str(error)))
            return
        old = self._entries.get(path)
        if entry is None or old is None or not old.does_the_same(entry):
            await self._replace(path, entry, None)
        elif path in self._stored:
            self._entries[path] = entry

    async def _replace(self, path: Path, entry: ProcedureEntry | None, broken: CodeError | None) -> None:
        """Take over new text, or none; the old stays in use nowhere."""
        self._entries.pop(path, None)
        self._broken.pop(path, None)
        if old := self._stored.pop(path, None):
            old[1].close()
        if entry is not None:
            self._entries[path] = entry
            try:
                self._stored[path] = from_entry(path, entry)
            except CodeError as error:
                broken = error
        if broken is not None:
            self._broken[path] = broken
        self._call_listeners(path)
        await self._tell(path, broken)

    async def _tell(self, path: Path, broken: CodeError | None) -> None:
        if broken is not None:
            self._log.error("%s", broken)
            await self._errors.record("compile", path, str(broken), data={"line": broken.line})
        else:
            await self._errors.resolve("compile", path)
