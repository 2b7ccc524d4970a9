"""A node for tests of jobs: it starts in a moment, lives in real or in virtual time, and is asked in few words.

::

    async with job_node(house) as node:
        await node.set_procedure("warn.cold", pathlib.Path("cold.py"), vars=["readings", "limit"])
        await node.set_job("warn", "warn.cold", data={"readings": "onewire", "limit": 13})
        await node.wait_for("warning.cold", lambda cold: len(cold) == 2)

As the pytest fixture ``busgate_node`` it needs no import; see docs/testing-your-jobs.md.
"""

from __future__ import annotations

from pathlib import Path as File
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias

import anyio

from gateway.code.procedures import ProcedureEntry, from_entry
from gateway.locations import Place
from gateway.path import Path
from gateway.record import same
from gateway.runner.entries import RunnerEntry, StateEntry, new_uid
from gateway.values import Change, NotGiven

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence

    from gateway.abc import Store
    from gateway.clock import Clock
    from gateway.locations import RunnerKind
    from gateway.node import Node
    from gateway.path import Element
    from gateway.runner.error_log import Recorded

#: A path, its text, or its elements.
PathLike: TypeAlias = "Path | str | Sequence[Element]"
Mode: TypeAlias = Literal["sync", "thread", "async"]

#: Seconds of the node's clock for which something is waited for, unless a test says otherwise.
PATIENCE: Final = 60.0
_IS_ASYNC: Final[Mapping[Mode, bool | None]] = {"sync": None, "thread": False, "async": True}


class JobFailed(AssertionError):
    """A run has ended with anything but success; says how, with the traceback of the stored code."""


class JobNode:
    """A running node, and a hand on its jobs. Paths are written as text or as their elements.

    Attributes:
        name: the node's.
        node: all of it.
        store: the node's connection; a plain :class:`gateway.abc.Store`.
    """

    def __init__(self, node: Node) -> None:
        self.name = node.name
        self.node = node
        self._count = 0

    @property
    def store(self) -> Store:
        return self.node.store

    @property
    def clock(self) -> Clock:
        """The node's time: real, or the virtual one of the event loop."""
        return self.node.store.clock

    async def set_procedure(
        self,
        path: PathLike,
        code: str | File,
        *,
        mode: Mode = "async",
        vars: Iterable[str] = (),  # noqa: A002 - the field's name
        requires: Iterable[str] = (),
        default: Mapping[str, Any] | None = None,
    ) -> None:
        """Store a procedure, from its text or from a file; raises CodeError when it does not compile."""
        text = _text(code)
        entry = ProcedureEntry(
            code=text, is_async=_IS_ASYNC[mode], vars=list(vars), requires=list(requires), default=dict(default or {})
        )
        where = Path.build(path)
        from_entry(where, entry)[1].close()
        await self._put_code(where, entry)

    async def _put_code(self, path: Path, entry: ProcedureEntry) -> None:
        """Store it, and wait until the node has it: what runs next should run the new text."""
        context = self.node.context
        place = context.locations.procedures + path
        if same((await self.store.get(place)).value, entry.to_map()):
            return
        arrived = anyio.Event()
        with context.code.listener(lambda changed: arrived.set() if changed == path else None):
            await self.store.set(place, entry.to_map())
            await arrived.wait()

    async def set_module(self, path: PathLike, code: str | File, *, requires: Iterable[str] = ()) -> None:
        """Store a module, from its text or from a file."""
        text = _text(code)
        where = self.node.context.locations.modules + Path.build(path)
        await self.store.set(where, {"code": text, "requires": list(requires)})

    async def set_job(self, path: PathLike, code: PathLike, *, kind: RunnerKind = "at", **fields: Any) -> None:
        """Store a job that is due now.

        Args:
            code: path of a procedure, stored or brought by a plugin.
            kind: ``at``: on this node; ``any``: on any one of the group; ``all``: on each.
            fields: further ones of a job (docs/jobs.md), as ``data``, ``bus``, ``repeat``, ``target``.
        """
        due = {"code": code, "target": self.clock.now(), "uid": new_uid(self.store.random)}
        job = RunnerEntry.from_map(due | fields)
        await self.store.set(self._place(path, kind, self.node.context.locations.jobs_of), job.to_map())

    async def run(
        self, code: PathLike, data: Mapping[str, Any] | None = None, *, timeout: float = PATIENCE, **fields: Any
    ) -> Any:
        """Run a procedure once, as a job of this node; returns its result.

        Raises:
            JobFailed: it has raised something, or was ended.
            TimeoutError: it still runs after so many seconds; it is stopped.
        """
        self._count += 1
        path = Path("test", "run", self._count)
        await self.set_job(path, code, data=dict(data or {}), delay=0.0, **fields)
        try:
            state = await self.wait_for_state(path, lambda state: bool(state.end), timeout=timeout)
        except BaseException:
            with anyio.CancelScope(shield=True):
                await self.store.delete(self._place(path, "at", self.node.context.locations.jobs_of))
            raise
        if state.end != "finished":
            raise JobFailed(f"{Path.build(code)} has ended with {state.end!r}\n{await self._why(path)}")
        return None if state.result is NotGiven else state.result

    async def set(self, path: PathLike, value: Any) -> None:
        """Store a value."""
        await self.store.set(Path.build(path), value)

    async def value(self, path: PathLike) -> Any:
        """What stands at a path now; KeyError when nothing does."""
        entry = await self.store.get(Path.build(path))
        if entry.value is NotGiven:
            raise KeyError(str(entry.path))
        return entry.value

    async def wait_for(
        self, path: PathLike, accepted: Callable[[Any], bool] | None = None, *, timeout: float = PATIENCE, **items: Any
    ) -> Any:
        """Wait until a path has a value that is accepted; returns it.

        Args:
            accepted: says whether a value is what the test waits for; None: any is.
            items: what a map has to hold besides, as in ``quality="ok"``.

        Raises:
            TimeoutError: not within so many seconds of the node's clock; tells the last value and what is wrong.
        """
        where = Path.build(path)
        return await self._wait(
            where, lambda value: _holds(value, items) and (not accepted or accepted(value)), timeout
        )

    async def state(self, path: PathLike, *, kind: RunnerKind = "at") -> StateEntry:
        """The state of a job; a fresh one when it has never run."""
        entry = await self.store.get(self._place(path, kind, self.node.context.locations.states_of))
        return StateEntry() if entry.value is NotGiven else StateEntry.from_map(entry.value)

    async def wait_for_state(
        self,
        path: PathLike,
        accepted: Callable[[StateEntry], bool],
        *,
        kind: RunnerKind = "at",
        timeout: float = PATIENCE,
    ) -> StateEntry:
        """Wait until the state of a job is accepted; as :meth:`wait_for`."""
        where = self._place(path, kind, self.node.context.locations.states_of)
        return StateEntry.from_map(await self._wait(where, lambda value: accepted(StateEntry.from_map(value)), timeout))

    async def errors(self) -> list[Recorded]:
        """The error records that are not resolved."""
        await self.node.context.errors.flush()
        return [one for one in await self.node.context.errors.list() if one.entry.resolved is None]

    async def wait_until_up(self, bus: str, *, timeout: float = PATIENCE) -> None:
        """Wait until an interface of the bus is up; TimeoutError says why none is."""
        buses = self.node.interfaces
        with anyio.move_on_after(timeout):
            while not buses.is_up(bus):
                await buses.changed()
            return
        raise TimeoutError(f"bus {bus!r} is not up within {timeout:g} s: {buses.explain(bus)}")

    def _place(self, path: PathLike, kind: RunnerKind, of: Callable[[Place], Path]) -> Path:
        return of(Place(kind, "default", None if kind == "any" else self.name)) + Path.build(path)

    async def _wait(self, path: Path, accepted: Callable[[Any], bool], timeout: float) -> Any:
        last = NotGiven
        with anyio.move_on_after(timeout):
            async with self.store.watch(path, max_depth=0) as events:
                async for event in events:
                    if isinstance(event, Change):
                        last = event.value
                        if last is not NotGiven and accepted(last):
                            return last
        found = "nothing there" if last is NotGiven else f"last there: {last!r}"
        raise TimeoutError(f"{path} is not as wanted within {timeout:g} s; {found}\n{await self.report()}")

    async def _why(self, path: Path) -> str:
        found = [one for one in await self.errors() if list(one.place)[-len(path) :] == list(path)]
        return "\n".join(one.entry.traceback or one.entry.message for one in found)

    async def report(self) -> str:
        """What is wrong on this node, in lines: interfaces that are not up, and error records."""
        buses = self.node.interfaces
        lines = [f"{bus}: {buses.explain(bus)}" for bus in buses.buses if not buses.is_up(bus)]
        for one in await self.errors():
            lines += [f"{one.subsystem} {one.place}: {one.entry.message}", *one.entry.traceback.splitlines()]
        return "\n".join(lines) or f"node {self.name}: no interface is down, no error is recorded"


def _text(code: str | File) -> str:
    return code.read_text() if isinstance(code, File) else code


def _holds(value: Any, items: Mapping[str, Any]) -> bool:
    return not items or (
        isinstance(value, dict) and all(key in value and _alike(value[key], item) for key, item in items.items())
    )


def _alike(one: Any, other: Any) -> bool:
    number = isinstance(one, int | float) and isinstance(other, int | float)
    return bool(one == other) if number else same(one, other)
