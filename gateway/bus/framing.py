"""Framers: pieces of a byte stream in, whole frames out. They do no I/O, and time is an input.

Theory of operation
-------------------
1. ``feed(data, now)`` returns the frames that are complete now, in order. How the bytes were cut into pieces changes
   nothing. What is left over is the beginning of a frame, and never longer than the longest frame.
2. Bytes that can't begin a frame are thrown away **one at a time**, and the search goes on at the next one. A frame
   that turns out to be wrong loses its first byte alone: a good frame may begin within it.
3. A frame is incomplete and the line was silent for ``gap``: it will never be complete. What that means differs between
   the formats, and is said at each class. But a gap may be one of our own, as of a program that was busy, so that the
   rest had been waiting: a pending frame that the next bytes complete is taken all the same.
4. Every byte is accounted for: fed = in frames + thrown away + pending. ``counters`` says why bytes were thrown away.
"""

from __future__ import annotations

import re
from abc import ABC, abstractmethod
from collections import Counter
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: Seconds. At 38400 bit/s the longest RFXtrx frame takes 10.7 ms, and a USB adapter adds up to 16 (FTDI AN232B-04).
USB_GAP: Final = 0.02
#: Seconds; the same over a network.
NETWORK_GAP: Final = 0.05
#: Seconds within which a line of text is complete; the restart of an Arduino takes longer.
TEXT_GAP: Final = 0.5


class Framer(ABC):
    """Finds the frames in a stream of bytes.

    Args:
        gap: seconds of silence after which the rest of a frame doesn't come any more; None: it may come at any time.
    """

    def __init__(self, gap: float | None) -> None:
        self.gap = gap
        self._buffer = bytearray()
        self._heard = 0.0
        self._counts: Counter[str] = Counter(frames=0, framed_bytes=0, thrown_away=0)

    @property
    def pending(self) -> int:
        """Bytes of a frame that is not complete."""
        return len(self._buffer)

    @property
    def counters(self) -> dict[str, int]:
        """For ``Interface.health``: ``frames``; ``framed_bytes``, delimiters included; ``thrown_away``, in bytes.

        Beside these what went wrong: ``noise`` (bytes that begin no frame), ``bad_headers``, ``bad_checks``,
        ``oversize``, ``gaps`` (frames that were never completed). What has not happened is not in it.
        """
        return dict(self._counts)

    @property
    def deadline(self) -> float | None:
        """The time at which ``feed(b"", now)`` may bring something; None: not before more bytes have come."""
        return None

    def reset(self) -> None:
        """Forget what is pending; the line has been opened anew."""
        self._throw_away(len(self._buffer))

    def feed(self, data: bytes, now: float) -> list[bytes]:
        """Take bytes that were received at ``now`` (seconds of ``clock.lease_now()``); return the complete frames."""
        frames: list[bytes] = []
        late = self._buffer and self.gap is not None and now >= self._heard + self.gap
        if late and not self._goes_on(data):
            self._counts["gaps"] += 1
            frames += self._give_up()
        if data:
            self._heard = now
            self._buffer += data
        frames += self._scan()
        self._counts["frames"] += len(frames)
        return frames

    @abstractmethod
    def _goes_on(self, data: bytes) -> bool:
        """Whether the data, which comes after a gap, completes what is pending all the same."""

    def _give_up(self) -> list[bytes]:
        """The pending frame will never be complete: throw away of it what is useless, return what it hid."""
        self._throw_away(len(self._buffer))
        return []

    @abstractmethod
    def _scan(self) -> Iterator[bytes]:
        """Take the complete frames out of the buffer."""

    def _take(self, size: int, rest: int = 0) -> bytes:
        """Take a frame, and so many bytes that end it, off the buffer."""
        frame = bytes(self._buffer[:size])
        del self._buffer[: size + rest]
        self._counts["framed_bytes"] += size + rest
        return frame

    def _skip(self, size: int) -> None:
        """Throw away bytes that begin no frame."""
        if size:
            self._counts["noise"] += size
            self._throw_away(size)

    def _throw_away(self, size: int, why: str = "") -> None:
        del self._buffer[:size]
        self._counts["thrown_away"] += size
        if why:
            self._counts[why] += 1


class LengthFramer(Framer):
    """Frames that begin with their length in one byte, which doesn't count itself, as those of RFXCOM do.

    There is no sync byte and no checksum, so a wrong beginning spoils what follows, until the line is silent: after a
    ``gap`` what is pending is thrown away, unless the next bytes fit to it and are no frames by themselves.

    Args:
        least, most: of the length byte.
        accept: whether a complete frame is plausible; the more it knows of types and their lengths, the less noise is
            taken for frames.
    """

    def __init__(
        self,
        least: int = 1,
        most: int = 255,
        *,
        gap: float | None = USB_GAP,
        accept: Callable[[bytes], bool] = lambda frame: True,
    ) -> None:
        super().__init__(gap)
        self._least = least
        self._most = most
        self._accept = accept
        self._lengths = re.compile(b"[%b]" % re.escape(bytes(range(least, most + 1))), re.DOTALL)

    def _scan(self) -> Iterator[bytes]:
        while self._skip_to_length():
            length = self._buffer[0]
            if len(self._buffer) <= length:
                return
            if self._accept(bytes(self._buffer[: length + 1])):
                yield self._take(length + 1)
            else:
                self._throw_away(1, "bad_checks")

    def _skip_to_length(self) -> bool:
        """Throw away what can't be a length; whether something is left."""
        found = self._lengths.search(self._buffer)
        self._skip(found.start() if found else len(self._buffer))
        return found is not None

    def _goes_on(self, data: bytes) -> bool:
        joined, alone = self._parsed(bytes(self._buffer) + data), self._parsed(data)
        if joined is None or joined[0] == 0:
            return False
        return alone is None or (joined[1] == 0 and alone[1] > 0)

    def _parsed(self, data: bytes) -> tuple[int, int] | None:
        """How many frames the data is, and how many bytes of a further one; None when it is anything else."""
        count = place = 0
        while place < len(data):
            if not self._least <= data[place] <= self._most:
                return None
            frame = data[place : place + data[place] + 1]
            if len(frame) <= data[place]:
                break
            if not self._accept(frame):
                return None
            count += 1
            place += len(frame)
        return count, len(data) - place


class LineFramer(Framer):
    """Lines of text; they come without their end. Empty lines are left out.

    A line that is longer than ``most`` bytes is thrown away up to its end. One that is not complete after a gap is
    thrown away, too.

    Args:
        delimiter: what ends a line.
        strip: bytes that are taken off both ends of a line.
    """

    def __init__(
        self, most: int = 512, *, delimiter: bytes = b"\n", strip: bytes = b"\r", gap: float | None = TEXT_GAP
    ) -> None:
        super().__init__(gap)
        self._most = most
        self._delimiter = delimiter
        self._strip = strip
        self._overlong = False

    def _scan(self) -> Iterator[bytes]:
        while (end := self._buffer.find(self._delimiter)) >= 0:
            if self._overlong or end > self._most:
                self._throw_away(end + len(self._delimiter), "" if self._overlong else "oversize")
                self._overlong = False
            elif line := self._take(end, len(self._delimiter)).strip(self._strip):
                yield line
        if (excess := len(self._buffer) - self._most - len(self._delimiter) + 1) > 0:
            self._throw_away(excess, "" if self._overlong else "oversize")
            self._overlong = True

    def _goes_on(self, data: bytes) -> bool:
        return False

    def _give_up(self) -> list[bytes]:
        self._overlong = False
        return super()._give_up()

    def reset(self) -> None:
        """Forget what is pending; the line has been opened anew."""
        super().reset()
        self._overlong = False


class SyncFramer(Framer):
    """Frames with a sync pattern, a header that tells their size, and checksums, such as EnOcean's ESP3.

    A gap within a frame says that its beginning was none: it is thrown away byte by byte, and searched for frames that
    it hid. Without bytes that follow, ``feed(b"", now)`` at the ``deadline`` brings them out.

    Args:
        sync: what a frame begins with.
        header: bytes after the sync that ``size`` needs.
        size: given sync and header, the size of the whole frame in bytes; None when they are wrong: the checksum of the
            header, or a value that can't be. It should be strict: a wrong size that is taken for right keeps what
            follows from being seen until so many bytes have come, or a gap.
        check: whether a whole frame is right.
        most: the largest size; a frame that claims more is wrong.
    """

    def __init__(
        self,
        sync: bytes,
        header: int,
        size: Callable[[bytes], int | None],
        check: Callable[[bytes], bool],
        *,
        most: int,
        gap: float | None = USB_GAP,
    ) -> None:
        super().__init__(gap)
        self._sync = sync
        self._head = len(sync) + header
        self._size = size
        self._check = check
        self._most = most

    @property
    def deadline(self) -> float | None:
        return self._heard + self.gap if self._buffer and self.gap is not None else None

    def _scan(self) -> Iterator[bytes]:
        while self._find():
            if len(self._buffer) < self._head:
                return
            size = self._size(bytes(self._buffer[: self._head]))
            if size is None or size < self._head:
                self._throw_away(1, "bad_headers")
            elif size > self._most:
                self._throw_away(1, "oversize")
            elif len(self._buffer) < size:
                return
            elif self._check(bytes(self._buffer[:size])):
                yield self._take(size)
            else:
                self._throw_away(1, "bad_checks")

    def _goes_on(self, data: bytes) -> bool:
        whole = bytes(self._buffer) + data
        size = self._size(whole[: self._head]) if len(whole) >= self._head else None
        return size is not None and self._head <= size <= min(self._most, len(whole)) and self._check(whole[:size])

    def _find(self) -> bool:
        """Bring the sync to the beginning of the buffer, or what may become it; whether there is one."""
        place = self._buffer.find(self._sync)
        if place < 0:
            place = len(self._buffer) - self._beginning()
        self._skip(place)
        return self._buffer.startswith(self._sync)

    def _beginning(self) -> int:
        """How many bytes at the end of the buffer may be the beginning of a sync."""
        most = min(len(self._sync) - 1, len(self._buffer))
        return next((n for n in range(most, 0, -1) if self._buffer.endswith(self._sync[:n])), 0)

    def _give_up(self) -> list[bytes]:
        """What is pending was begun by a false sync, each in turn, until nothing is left."""
        frames: list[bytes] = []
        while self._buffer:
            self._throw_away(1)
            frames += self._scan()
        return frames
