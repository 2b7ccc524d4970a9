"""One place that makes trio deterministic, and that stops all tasks of one node in the middle of whatever they do.

Theory of operation
-------------------
1. trio runs the tasks that can go on in batches, each in an order of its own drawing. Here its generator is seeded,
   and a batch is put in the order of the tasks' creation first (trio's own switch for Hypothesis).
2. A task belongs to the process that ``PROCESS`` names in its context; tasks that it starts inherit that.
3. A frozen process is one that got SIGSTOP: a task of it that becomes able to run is set aside instead. The time goes
   on meanwhile, for that process too, and so do its deadlines. When it thaws, all of that comes over it at once.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from contextvars import ContextVar
from typing import TYPE_CHECKING, Any, TypeVar

import trio
from trio._core import _run
from trio.testing import MockClock

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterator

T = TypeVar("T")

#: Which simulated process a task belongs to; none: the harness.
PROCESS: ContextVar[str] = ContextVar("PROCESS", default="")


@contextmanager
def acting_as(process: str) -> Iterator[None]:
    """What is started in this block belongs to a process."""
    token = PROCESS.set(process)
    try:
        yield
    finally:
        PROCESS.reset(token)


class Freezer(trio.abc.Instrument):
    """Sets the tasks of frozen processes aside."""

    def __init__(self) -> None:
        self._held: dict[str, list[Any]] = {}

    def freeze(self, process: str) -> None:
        """No task of the process goes on from now on."""
        held = self._held.setdefault(process, [])
        queue = _runner().runq
        for task in list(queue):
            if task.context.get(PROCESS) == process:
                queue.remove(task)
                held.append(task)

    def thaw(self, process: str) -> None:
        """All of them go on."""
        _runner().runq.extend(self._held.pop(process, ()))

    def task_scheduled(self, task: trio.lowlevel.Task) -> None:
        """A task has just been put at the end of trio's queue."""
        held = self._held.get(task.context.get(PROCESS, ""))
        if held is not None:
            assert _runner().runq.pop() is task
            held.append(task)


def _runner() -> Any:
    return _run.GLOBAL_RUN_CONTEXT.runner


def run_seeded(seed: int, function: Callable[[Freezer], Awaitable[T]]) -> T:
    """Run ``function(freezer)`` in virtual time; the same seed gives the same run. Nothing is logged meanwhile."""
    freezer = Freezer()
    before = _run._ALLOW_DETERMINISTIC_SCHEDULING, _run._r.getstate(), logging.root.manager.disable
    _run._ALLOW_DETERMINISTIC_SCHEDULING = True  # type: ignore[misc]
    _run._r.seed(seed)
    logging.disable(logging.CRITICAL)
    try:
        return trio.run(function, freezer, clock=MockClock(autojump_threshold=0), instruments=[freezer])
    finally:
        _run._ALLOW_DETERMINISTIC_SCHEDULING = before[0]  # type: ignore[misc]
        _run._r.setstate(before[1])
        logging.disable(before[2])
