"""The way of a frame from the stick's processor to the host: a UART, then a USB converter; and what spoils it there.

Theory of operation
 1. A frame takes ten bits a byte at the speed of the line, one frame after the other.
 2. The converter hands it over up to `latency` seconds later, never before an earlier one. FTDI chips wait up to
    16 ms for more bytes (FTDI AN232B-04).
 3. A spoiler may change a frame on this way, or cut it. It knows nothing of what the bytes mean.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from hwsim.radio.gate import Gate, Queue

if TYPE_CHECKING:
    from collections.abc import Callable
    from random import Random

    from hwsim.clock import HouseTime
    from hwsim.radio.port import Port

BITS_PER_BYTE = 10


@dataclass
class Spoiler:
    """What happens to the next `count` frames, or to all while it is there."""

    spoil: Callable[[bytes, Random], bytes]
    count: int | None = None


class Line:
    """From the stick to its port."""

    def __init__(self, port: Port, time: HouseTime, random: Random, *, baud: int, latency: float) -> None:
        self.spoilers: list[Spoiler] = []
        self.delay = 0.0
        """Seconds more that everything takes."""
        self.portion: int | None = None
        """Most bytes that arrive at once; None: a frame arrives whole."""
        self.portion_pause = 0.0
        """Seconds between two portions."""
        self._port = port
        self._time = time
        self._random = random
        self._baud = baud
        self._latency = latency
        self._frames: Queue[tuple[bytes, float]] = Queue()
        self._free_at = 0.0
        self._handed_over_at = 0.0

    def put(self, data: bytes) -> None:
        """Send a frame to the host; never waits."""
        spoilt = self._spoil(data)
        self._free_at = max(self._free_at, self._time.now()) + len(spoilt) * BITS_PER_BYTE / self._baud
        wait = self.delay + self._random.uniform(0.0, self._latency)
        self._handed_over_at = max(self._handed_over_at, self._free_at + wait)
        if spoilt:
            self._frames.put((spoilt, self._handed_over_at))

    def clear(self) -> None:
        """Forget what has not arrived yet."""
        self._frames.clear()
        self._free_at = self._handed_over_at = 0.0

    async def run(self, awake: Gate) -> None:
        """Hand frames over until cancelled; nothing while `awake` is closed."""
        while True:
            data, at = await self._frames.take()
            await self._time.sleep(max(0.0, at - self._time.now()))
            size = self.portion or len(data)
            for start in range(0, len(data), size):
                if start:
                    await self._time.sleep(self.portion_pause)
                await awake.passing()
                self._port.deliver(data[start : start + size])

    def _spoil(self, data: bytes) -> bytes:
        for spoiler in list(self.spoilers):
            data = spoiler.spoil(data, self._random)
            if spoiler.count is not None:
                spoiler.count -= 1
                if spoiler.count == 0:
                    self.spoilers.remove(spoiler)
        return data
