"""Time slots as a slave sees them; a slave is a generator that yields the bit it drives and is sent what the wire had.

A slave that listens drives 1, which leaves the wire to its pull-up. One that sends hears what became of its bit: 0 when
the master or another slave pulls the wire low. What is yielded is decided at the end of the slot before, however long
ago that is; a function in place of a bit is called when the slot begins.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from typing import NoReturn, TypeVar

T = TypeVar("T")
Slots = Generator[int | Callable[[], int], int, T]


def receive() -> Slots[int]:
    """Listen to a byte, least significant bit first."""
    byte = yield 1
    byte |= (yield 1) << 1
    byte |= (yield 1) << 2
    byte |= (yield 1) << 3
    byte |= (yield 1) << 4
    byte |= (yield 1) << 5
    byte |= (yield 1) << 6
    byte |= (yield 1) << 7
    return byte


def receive_many(count: int) -> Slots[bytes]:
    """Listen to so many bytes."""
    data = bytearray()
    for _ in range(count):
        data.append((yield from receive()))
    return bytes(data)


def send(data: Iterable[int]) -> Slots[None]:
    """Send bytes, whatever becomes of them."""
    for byte in data:
        for position in range(8):
            yield byte >> position & 1


def send_late(read: Callable[[], int]) -> Slots[int]:
    """Send a byte that is looked up when its first slot begins; returns it."""
    byte = 0

    def first() -> int:
        nonlocal byte
        byte = read()
        return byte & 1

    yield first
    for position in range(1, 8):
        yield byte >> position & 1
    return byte


def receive_address() -> Slots[int]:
    """Listen to two bytes, the lower one first."""
    low = yield from receive()
    return low | (yield from receive()) << 8


def repeat(data: bytes) -> Slots[NoReturn]:
    """Send the same bytes until the next reset."""
    while True:
        yield from send(data)
