"""Two ways in which tasks of a stick wait for each other."""

from __future__ import annotations

from collections import deque
from typing import Generic, TypeVar

import anyio

T = TypeVar("T")


class Gate:
    """Open unless somebody has closed it; closed by two, it opens when both have opened it."""

    def __init__(self) -> None:
        self._closed = 0
        self._opened = anyio.Event()

    @property
    def is_open(self) -> bool:
        return self._closed == 0

    def close(self) -> None:
        self._closed += 1
        if self._closed == 1:
            self._opened = anyio.Event()

    def open(self) -> None:
        self._closed -= 1
        if self._closed == 0:
            self._opened.set()

    async def passing(self) -> None:
        """Come back when it is open."""
        while self._closed:
            await self._opened.wait()


class Queue(Generic[T]):
    """Things in the order in which they were put; one task takes them."""

    def __init__(self) -> None:
        self._items: deque[T] = deque()
        self._filled = anyio.Event()

    def put(self, item: T) -> None:
        self._items.append(item)
        self._filled.set()

    async def take(self) -> T:
        """The next one, when there is one."""
        while not self._items:
            self._filled = anyio.Event()
            await self._filled.wait()
        return self._items.popleft()

    def clear(self) -> None:
        self._items.clear()
