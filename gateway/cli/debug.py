"""``busgate run debug``: one run of a job in the foreground, with everything it does."""

from __future__ import annotations

import io
import logging
from contextlib import asynccontextmanager, redirect_stdout
from typing import TYPE_CHECKING, Any, TextIO

import anyio
import click

from gateway.cli.bus_access import BorrowedBuses
from gateway.cli.output import json_line, text_of
from gateway.cli.up import stop_on_signal
from gateway.errors import CodeError, NotFound
from gateway.runner.debug import DebugRun, debug_context
from gateway.runner.entries import RunnerEntry
from gateway.values import NotGiven

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from gateway.abc import Store
    from gateway.cli.context import Session
    from gateway.cluster.members import Members
    from gateway.locations import Place
    from gateway.path import Path

#: Fields that are shown on lines of their own.
BLOCKS = ("traceback",)


def overridden(job: RunnerEntry, data: dict[str, Any], timeout: float | None) -> RunnerEntry:
    """The job with other data and another timeout, for this run alone; RecordError when that makes no job."""
    changes = {} if timeout is None else {"timeout": timeout}
    return RunnerEntry.from_map({**job.to_map(), **changes, "data": {**job.data, **data}})


async def debug(session: Session, store: Store, place: Place, path: Path, job: RunnerEntry) -> int:
    """Run a job once, here, and show what it does.

    Returns:
        The exit status: 0 when the run finished.

    Raises:
        NotFound: its code can't run, or nobody has its bus.
        InterfaceDown: its bus can't be opened.
    """
    import sys

    logging.getLogger("busgate").addHandler(logging.NullHandler())  # what matters is told, or comes as an error
    config = session.config
    show = Shown(store, sys.stdout, as_json=session.json)
    async with anyio.create_task_group() as tasks, _members(session, store, place) as members:
        buses = BorrowedBuses(session, store, tasks)
        context = await debug_context(
            store,
            show.tell,
            name=config.node.name,
            buses=buses,
            cfg=config.for_code(),
            locations=config.locations,
            registered=session.plugins.procedures.values(),
        )
        try:
            run = DebugRun(context, place, path, job, show.tell, members)
        except (NotFound, CodeError) as error:
            raise NotFound(f"its code can't run: {error}") from None
        if job.bus is not None:
            await buses.get(job.bus)
        show.tell("start", {"path": path, "runner": str(place.jobs), "code": job.code, "node": config.node.name})
        tasks.start_soon(stop_on_signal, run.cancel)
        with redirect_stdout(Printed(show)):
            outcome = await run.run()
        tasks.cancel_scope.cancel()
    return int(outcome.end != "finished")


@asynccontextmanager
async def _members(session: Session, store: Store, place: Place) -> AsyncIterator[Members | None]:
    """Who else is in the group of a job, kept up to date."""
    from gateway.cluster.members import Members

    if place.kind == "at":
        yield None
        return
    members = Members(store, session.config.locations, session.config.node.name)
    async with anyio.create_task_group() as tasks:
        await tasks.start(members.run)
        yield members
        tasks.cancel_scope.cancel()


class Shown:
    """Shows what a run does, a line for each event: JSON, or time, event and what there is to say."""

    def __init__(self, store: Store, out: TextIO, *, as_json: bool) -> None:
        self._clock = store.clock
        self._began = store.clock.lease_now()
        self._out = out
        self._json = as_json

    def tell(self, event: str, fields: dict[str, Any]) -> None:
        """Show one event."""
        if event == "start":
            self._began = self._clock.lease_now()
        fields = {name: value for name, value in fields.items() if value is not NotGiven}
        after = round(self._clock.lease_now() - self._began, 3)
        with redirect_stdout(self._out):
            if self._json:
                json_line({"event": event, "after": after, **fields})
                return
            for number, line in enumerate(_lines(event, fields)):
                begin = f"{after:8.3f}  {event:<10}  " if number == 0 else f"{'':22}"
                click.echo(f"{begin}{line}".rstrip())
            for name in BLOCKS:
                if text := fields.get(name):
                    click.echo(str(text).rstrip("\n"))


class Printed(io.TextIOBase):
    """Standard output of stored code: each line of it is an event."""

    def __init__(self, show: Shown) -> None:
        self._show = show
        self._begun = ""

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        *lines, self._begun = (self._begun + text).split("\n")
        for line in lines:
            self._show.tell("print", {"text": line})
        return len(text)


def _lines(event: str, fields: dict[str, Any]) -> list[str]:
    """An event in words."""
    match event:
        case "start":
            return [f"{fields['path']} of {fields['runner']}: code {fields['code']}, here (node {fields['node']})"]
        case "variables":
            return _variables(fields)
        case "message" if fields["class"] is None:
            return [f"None: {fields['reason']}"]
        case "message":
            return [_words(fields, "class", "path")]
        case "bus":
            return [_words(fields, "bus", "call", "device", "attribute", "command")]
        case "log":
            return [f"{fields['level']}: {fields['message']}"]
        case "print" | "spawn":
            return [str(fields.get("text", fields.get("task")))]
        case "end":
            return _end(fields)
        case "error":
            return [_words(fields, "path", "message")]
        case "timer":
            return [f"in {fields['delay']:g} s"]
    return [_words(fields, "path")]


def _words(fields: dict[str, Any], *plain: str) -> str:
    """Some fields by their values alone, the others with their names."""
    words = [text_of(fields[name]) for name in plain if name in fields]
    told = {name: value for name, value in fields.items() if name not in (*plain, *BLOCKS) and value is not None}
    for name, value in told.items():
        words.append(name if value is True else f"{name}={text_of(value)}")
    return "  ".join(words)


def _variables(fields: dict[str, Any]) -> list[str]:
    lines = [f"{name} = {text_of(value)}" for name, value in fields["data"].items()]
    lines += [f"{name} = None (neither data nor default has it)" for name in fields["missing"]]
    return [*lines, f"and {' '.join(fields['given'])}"]


def _end(fields: dict[str, Any]) -> list[str]:
    result = f", result {text_of(fields['result'])}" if "result" in fields else ""
    message = f": {fields['message']}" if fields["message"] else ""
    untaken = f" ({fields['untaken']} waiting messages were not taken)" if fields["untaken"] else ""
    return [f"{fields['end']} after {fields['seconds']:.3f} s{result}{message}{untaken}"]
