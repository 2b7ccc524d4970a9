"""How one recorded connection is played: what the device says when, and what the host is expected to say. No I/O.

Theory of operation
 1. A part tells the device's lines one after the other, each with the moment at which it is due; whoever plays it
    waits and sends. What the host sends is given to `take`.
 2. Strict: everything in the recorded order. A line is due so long after what came before it, in either direction, as
    was recorded, and never before the host has sent what it had sent then. The host's bytes must be the recorded ones.
 3. Tolerant: an answer is due so long after its request as was recorded, whenever the request comes. Equal requests
    get the recorded answers in turn, the last one again and again. What a device said by itself is due at its time
    after the opening.
 4. Fast leaves out all waiting, not the order: what a device said by itself comes when as many requests have come as
    before it in the recording, at the latest at its recorded time.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import anyio

from hwsim.errors import ReplayMismatch
from hwsim.junction import Ending
from hwsim.recording.conversation import conversations
from hwsim.recording.framing import Splitter
from hwsim.recording.tape import Event

if TYPE_CHECKING:
    from hwsim.clock import Clock
    from hwsim.recording.conversation import Conversation, Exchange
    from hwsim.recording.dialects import Dialect
    from hwsim.recording.tape import Record, Recording

_SHOWN: Final = 16
_END: Final = {Event.CLOSED_BY_DEVICE: Ending.BY_DEVICE, Event.BROKEN: Ending.BROKEN}


@dataclass(frozen=True)
class Line:
    """Something for the device to say, or to hang up."""

    data: bytes = b""
    ending: Ending | None = None


class Part(Protocol):
    """One connection of a replay."""

    @property
    def finished(self) -> bool:
        """All lines were told, and the host has said all that was expected."""
        ...

    def take(self, data: bytes) -> None:
        """The host has sent something. Raises ReplayMismatch when it is not what was recorded."""

    async def next(self) -> Line | None:
        """The next line, when it is due; None: there are no more."""


@dataclass(frozen=True)
class _Step:
    after: int
    """Bytes of the host before it."""
    delay: float
    """Seconds since what came before."""
    line: Line


class StrictPart:
    """Everything as it was recorded."""

    def __init__(self, recording: Recording, number: int, dialect: Dialect, clock: Clock, *, fast: bool) -> None:
        records = recording.of(number)
        self.number = number
        self._dialect = dialect
        self._clock = clock
        self._fast = fast
        self._expected = recording.sent(Event.TO_DEVICE, number)
        self._taken = 0
        self._steps = deque(_steps(records))
        self._last = clock.now()
        self._came = anyio.Event()

    @property
    def finished(self) -> bool:
        """As `Part.finished`; that the device hangs up in the end is not waited for, since the host may be quicker."""
        return self._taken == len(self._expected) and not any(step.line.data for step in self._steps)

    @property
    def missing(self) -> str:
        """What has not happened yet, for people."""
        waiting = len(self._expected) - self._taken
        if waiting:
            return f"the host has not sent the last {waiting} bytes: {self._told(self._expected, self._taken)}"
        return f"{len(self._steps)} lines of the device were not sent"

    def take(self, data: bytes) -> None:
        """As `Part.take`."""
        expected = self._expected[self._taken : self._taken + len(data)]
        if data != expected:
            raise self._mismatch(data)
        self._taken += len(data)
        self._last = self._clock.now()
        self._came.set()

    async def next(self) -> Line | None:
        """As `Part.next`."""
        if not self._steps:
            return None
        step = self._steps[0]
        while self._taken < step.after:
            self._came = anyio.Event()
            await self._came.wait()
        if not self._fast:
            await self._clock.sleep(max(0.0, self._last + step.delay - self._clock.now()))
        self._last = self._clock.now()
        self._steps.popleft()
        return step.line

    def _mismatch(self, data: bytes) -> ReplayMismatch:
        expected = self._expected[self._taken :]
        same = next((at for at, pair in enumerate(zip(data, expected, strict=False)) if pair[0] != pair[1]), None)
        place = self._taken + (min(len(data), len(expected)) if same is None else same)
        came = self._expected[: self._taken] + data
        wanted = self._told(self._expected, place) if place < len(self._expected) else "nothing more"
        return ReplayMismatch(
            f"connection {self.number}, byte {place}: the host sends something else than was recorded; "
            f"expected {wanted}, got {self._told(came, place)}"
        )

    def _told(self, stream: bytes, place: int) -> str:
        """The bytes at a place, and what the frame around them says."""
        shown = stream[place : place + _SHOWN]
        rest = " ..." if len(stream) > place + _SHOWN else ""
        end = 0
        for frame in Splitter(self._dialect.size_from_host).feed(stream, 0.0):
            end += len(frame.data)
            if end > place:
                meaning = f" ({self._dialect.host_text(frame.data)})" if frame.whole else ""
                return f"{shown.hex(' ')}{rest}{meaning}"
        return f"{shown.hex(' ')}{rest}"


def _steps(records: list[Record]) -> list[_Step]:
    steps = []
    after, last = 0, records[0].time if records else 0.0
    for record in records:
        if record.event is Event.TO_DEVICE:
            after += len(record.data)
        elif record.event is Event.TO_HOST:
            steps.append(_Step(after, record.time - last, Line(record.data)))
        elif record.event in _END:
            steps.append(_Step(after, record.time - last, Line(ending=_END[record.event])))
        last = record.time
    return steps


class Answers:
    """The recorded answers of all connections by the key of their request."""

    def __init__(self, recording: Recording, dialect: Dialect) -> None:
        self.dialect = dialect
        self.talks = conversations(recording, dialect)
        self.unknown: list[bytes] = []
        """Requests that were never recorded."""
        self._left: dict[bytes, deque[Exchange]] = {}
        for talk in self.talks:
            for exchange in talk.exchanges:
                self._left.setdefault(dialect.key(exchange.request), deque()).append(exchange)

    def exchange(self, request: bytes) -> Exchange | None:
        """How this request is answered now; None: it was never recorded."""
        known = self._left.get(self.dialect.key(request))
        if known is None:
            self.unknown.append(request)
            return None
        return known.popleft() if len(known) > 1 else known[0]


class TolerantPart:
    """Answers by request, the rest by time."""

    def __init__(self, answers: Answers, talk: Conversation | None, clock: Clock, *, fast: bool) -> None:
        self._answers = answers
        self._clock = clock
        self._fast = fast
        self._opened = clock.now()
        self._requests = 0
        self._spoken = deque(talk.spoken if talk else ())
        self._due: deque[tuple[float, Line]] = deque()
        self._splitter = Splitter(answers.dialect.size_from_host, answers.dialect.patience)
        self._news = anyio.Event()

    @property
    def finished(self) -> bool:
        """As `Part.finished`; it expects nothing of the host."""
        return not self._spoken and not self._due

    def take(self, data: bytes) -> None:
        """As `Part.take`; never raises."""
        now = self._clock.now()
        for frame in self._splitter.feed(data, now):
            if frame.whole:
                self._requests += 1
                self._due.extend(self._answered(frame.data, now))
        self._news.set()

    async def next(self) -> Line | None:
        """As `Part.next`; there is no last line while the host may ask."""
        while True:
            self._news = anyio.Event()
            now = self._clock.now()
            moments = [self._due[0][0]] if self._due else []
            if self._spoken:
                moments.append(self._spoken_at(now))
            if moments and min(moments) <= now:
                return self._first()
            await self._wait(min(moments) - now if moments else None)

    def _answered(self, request: bytes, now: float) -> list[tuple[float, Line]]:
        dialect = self._answers.dialect
        exchange = self._answers.exchange(request)
        if exchange is None:
            answer = dialect.unknown(request)
            return [(now, Line(answer))] if answer else []
        lines = [(at, Line(dialect.fitted(data, exchange.request, request))) for at, data in exchange.answers]
        if exchange.ending is not None:
            lines.append((exchange.ending[0], Line(ending=_END[exchange.ending[1]])))
        return [(now if self._fast else now + at, line) for at, line in lines]

    def _spoken_at(self, now: float) -> float:
        spoken = self._spoken[0]
        ready = self._fast and self._requests >= spoken.after and not self._due
        return now if ready else self._opened + spoken.time

    def _first(self) -> Line:
        """What is due now; answers come first."""
        if self._due and self._due[0][0] <= self._clock.now():
            return self._due.popleft()[1]
        spoken = self._spoken.popleft()
        return Line(spoken.data, _END[spoken.ending] if spoken.ending else None)

    async def _wait(self, seconds: float | None) -> None:
        """Until something comes, or for so long."""
        if seconds is None:
            await self._news.wait()
            return
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._sleep, seconds, tasks.cancel_scope)
            await self._news.wait()
            tasks.cancel_scope.cancel()

    async def _sleep(self, seconds: float, scope: anyio.CancelScope) -> None:
        await self._clock.sleep(seconds)
        scope.cancel()
