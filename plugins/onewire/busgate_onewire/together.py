"""Several calls at the same time, as one call."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import anyio

from gateway.errors import BusFault, InterfaceDown

if TYPE_CHECKING:
    from collections.abc import Awaitable

T = TypeVar("T")


async def together(*calls: Awaitable[T]) -> list[T | BusFault]:
    """Await all of them, and return their results in the same order; a ``BusFault`` is a result too.

    Raises:
        InterfaceDown: one of them has; the others are cancelled.
    """
    if len(calls) == 1:
        return [await _outcome(calls[0])]
    results: list[T | BusFault | None] = [None] * len(calls)
    lost: list[InterfaceDown] = []

    async with anyio.create_task_group() as tasks:

        async def run(index: int, call: Awaitable[T]) -> None:
            try:
                results[index] = await _outcome(call)
            except InterfaceDown as down:
                lost.append(down)
                tasks.cancel_scope.cancel()

        for index, call in enumerate(calls):
            tasks.start_soon(run, index, call)
    if lost:
        raise lost[0]
    return results  # type: ignore[return-value]


async def _outcome(call: Awaitable[T]) -> T | BusFault:
    try:
        return await call
    except BusFault as fault:
        return fault
