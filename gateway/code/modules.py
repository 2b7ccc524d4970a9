"""ModuleRoot: the modules of a store, executed in order, importable, kept up to date."""

from __future__ import annotations

import logging
import threading
from contextlib import contextmanager
from typing import TYPE_CHECKING

import anyio

from gateway.code.module_entry import name_of
from gateway.code.module_set import ModuleSet
from gateway.errors import CodeError, Detached, ModuleClash
from gateway.locations import Locations
from gateway.path import Path
from gateway.values import Change, Ready

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator

    from anyio.abc import TaskStatus

    from gateway.abc import Store
    from gateway.code.module_set import Failure
    from gateway.runner.error_log import ErrorLog


class ModuleRoot:
    """The modules of a store: while it is open, ``import`` finds them. Made by :meth:`as_handler`."""

    def __init__(self, store: Store, locations: Locations, errors: ErrorLog) -> None:
        self._store = store
        self._base = locations.modules
        self._errors = errors
        self._log = logging.getLogger("busgate.code")
        self._modules = ModuleSet(store.id)
        self._listeners: list[Callable[[frozenset[str]], None]] = []
        self._others_changed = anyio.Event()
        self._thread = threading.get_ident()

    @classmethod
    async def as_handler(
        cls,
        store: Store,
        *,
        locations: Locations = Locations(),  # noqa: B008 - immutable
        errors: ErrorLog | None = None,
    ) -> ModuleRoot:
        """Load all modules and keep them up to date as long as the store is open.

        When this returns, every stored module has been executed, those that others need before them, or has an error
        record (subsystem ``module``). When the store is closed, its modules can't be imported any more.

        Args:
            errors: where errors are recorded; default: the store's error records, under no node's name.
        """
        from gateway.runner.error_log import ErrorLog

        root = cls(store, locations, errors or ErrorLog(store, locations, ""))
        root._modules.finder.on_change = root._note_others
        await store.tasks.start(root._follow)
        store.tasks.start_soon(root._retry_clashes)
        return root

    def __iter__(self) -> Iterator[str]:
        """The names of all modules that are in use, sorted."""
        return iter(sorted(self._modules.finder.loaded))

    def problem(self, name: str) -> CodeError | ModuleClash | None:
        """Why what is stored of a module is not in use; a version that worked before may still be."""
        failure = self._modules.failures.get(name)
        return None if failure is None else failure.problem

    def missing(self, requires: Iterable[str]) -> list[str]:
        """The names that can't be imported here: a stored one must be in use, others must be on Python's path."""
        return [name for name in requires if not self._modules.is_there(name)]

    @contextmanager
    def listener(self, listener: Callable[[frozenset[str]], None]) -> Iterator[None]:
        """While this is entered, call ``listener(names)`` when modules have changed; their users are named too."""
        self._listeners.append(listener)
        try:
            yield
        finally:
            self._listeners.remove(listener)

    async def _follow(self, *, task_status: TaskStatus[None]) -> None:
        arrived: set[str] = set()
        ready = False
        self._modules.finder.install()
        try:
            async with self._store.watch(self._base) as events:
                async for event in events:
                    if isinstance(event, Change):
                        arrived |= await self._take(event.path.after(self._base), event)
                    elif isinstance(event, Ready):
                        ready = True
                    if ready and arrived:
                        await self._reload(arrived)
                        arrived = set()
                    if isinstance(event, Ready):
                        task_status.started()
                        task_status = anyio.TASK_STATUS_IGNORED
        except Detached:
            if not ready:
                raise
            self._log.debug("the store is closed")  # a watch outlives everything else
        finally:
            self._modules.finder.remove()

    async def _take(self, path: Path, change: Change) -> set[str]:
        """Take note of what stands in the store now; return the name if that changes what its module does."""
        try:
            name = name_of(path)
        except CodeError as error:
            await self._tell(path, None if change.deleted else error)
            return set()
        changed = self._modules.drop(name) if change.deleted else self._modules.put(name, change.value)
        return {name} if changed else set()

    async def _reload(self, names: set[str]) -> None:
        before = dict(self._modules.failures)
        done = self._modules.reload(names)
        self._modules.finder.tell_others()
        for listener in list(self._listeners):
            listener(done.changed)
        for name in done.looked_at:
            failure = self._modules.failures.get(name)
            if failure is None or name in names or str(failure) != str(before.get(name)):
                await self._tell(Path(*name.split(".")), failure and failure.problem, failure)

    def _note_others(self) -> None:
        if threading.get_ident() == self._thread:  # an event loop of another thread can't be woken from here
            self._others_changed.set()

    async def _retry_clashes(self) -> None:
        """Load what clashed, when another store of this process has given it up."""
        while True:
            await self._others_changed.wait()
            self._others_changed = anyio.Event()
            failures = self._modules.failures.items()
            clashed = {name for name, failure in failures if isinstance(failure.problem, ModuleClash)}
            if free := {name for name in clashed if not self._modules.finder.clashes(name)}:
                await self._reload(free)

    async def _tell(self, path: Path, problem: CodeError | ModuleClash | None, failure: Failure | None = None) -> None:
        """Keep the error record of a module."""
        if problem is None:
            await self._errors.resolve("module", path)
            return
        self._log.error("%s", problem)
        data = {"line": problem.line} if isinstance(problem, CodeError) else None
        await self._errors.record(
            "module", path, str(problem), traceback=failure.traceback if failure else "", data=data
        )
