"""Serial lines: frames through a pseudo-terminal, line and framer, against bare ``os.read`` in the same run."""

from __future__ import annotations

import os
import threading
import tty
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

import anyio
from figures import Figure, Timing, interleaved

from gateway.abc import open_line
from gateway.bus.frames import Frames
from gateway.bus.framing import LengthFramer
from gateway.clock import SystemClock

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gateway.abc import SerialLibrary

#: A temperature and humidity telegram of RFXCOM.
FRAME: Final = bytes.fromhex("0a520800010200fa2d0289")
ROUNDS = 7
BULK = 20_000
SINGLE = 2_000
#: Frames in a second on a line of 115200 bit/s, the fastest that radio sticks use.
LINE = 115_200 / 10 / len(FRAME)


def figures() -> list[Figure]:
    """As fast as it goes in bulk, and frame by frame, each a wake-up of its own."""
    found: list[Figure] = []
    for count, way in ((BULK, "in bulk"), (SINGLE, "one by one")):
        bare, *ours = anyio.run(_compare, count, way == "one by one", backend="asyncio")
        base = "os.read and a framer"
        found.append(_figure(f"{len(FRAME)}-byte frames {way}, {base}", bare))
        for library, timing in zip(LIBRARIES, ours, strict=True):
            aim = "aim 0.4" if way == "in bulk" else f"{1 / timing.wall / LINE:.0f} times what a line of 115200 brings"
            found.append(_figure(f"{len(FRAME)}-byte frames {way}, line by {library}", timing, bare, base, aim))
    return found


LIBRARIES: Final[tuple[SerialLibrary, ...]] = ("pyserial", "serialx")


def _figure(name: str, timing: Timing, bare: Timing | None = None, base: str = "", aim: str = "") -> Figure:
    ratio = bare.wall / timing.wall if bare else None
    return Figure(name, 1 / timing.wall, "frames/s", base, ratio, aim, timing.cpu)


async def _compare(count: int, one_by_one: bool) -> list[Timing]:
    """Timings per frame: a thread with bare reads, then each library."""
    portal_works: list[Any] = [lambda: _bare(count, one_by_one)]
    for library in LIBRARIES:
        portal_works.append(lambda library=library: anyio.from_thread.run(_line, library, count, one_by_one))
    return await anyio.to_thread.run_sync(interleaved, ROUNDS, *portal_works)


@contextmanager
def _port() -> Iterator[tuple[int, int]]:
    """Both ends of a pseudo-terminal: the far one, and the near one in raw mode."""
    far, near = os.openpty()
    tty.setraw(near)
    try:
        yield far, near
    finally:
        os.close(near)
        os.close(far)


class _Sender:
    """Writes frames into the far end: all at once, or each when the last one has been received."""

    def __init__(self, far: int, count: int, one_by_one: bool) -> None:
        self._far = far
        self._pieces = [FRAME] * count if one_by_one else [FRAME * 100] * (count // 100)
        self._go = threading.Semaphore(0 if one_by_one else len(self._pieces))
        self._thread = threading.Thread(target=self._run, daemon=True)  # an error must not wait for it
        self.received = self._go.release

    def _run(self) -> None:
        for piece in self._pieces:
            self._go.acquire()
            while piece:
                piece = piece[os.write(self._far, piece) :]

    def __enter__(self) -> _Sender:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, *rest: object) -> None:
        if kind is None:
            self._thread.join()


def _bare(count: int, one_by_one: bool) -> int:
    framer = LengthFramer(4, 40)
    found = 0
    with _port() as (far, near), _Sender(far, count, one_by_one) as sender:
        sender.received()
        while found < count:
            for _ in framer.feed(os.read(near, 65536), 0.0):
                found += 1
                sender.received()
    return count


async def _line(library: SerialLibrary, count: int, one_by_one: bool) -> int:
    found = 0
    with _port() as (far, near):
        async with open_line(os.ttyname(near), baudrate=115_200, library=library) as line:
            with _Sender(far, count, one_by_one) as sender:
                sender.received()
                async for _ in Frames(line, LengthFramer(4, 40), SystemClock()):
                    found += 1
                    sender.received()
                    if found == count:
                        break
    return count
