"""A recording as frames: which protocol it is, who said what, and which answers belong to which request."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

from hwsim.recording.dialects import DIALECTS, Dialect, EnOcean, Plain, Rflink, Rfxtrx
from hwsim.recording.framing import Frame, Splitter
from hwsim.recording.tape import Event

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwsim.recording.tape import Record, Recording

_SURE: Final = 0.8
"""The part of all bytes that must be frames for a protocol to be recognised."""
ENDINGS: Final = (Event.CLOSED_BY_DEVICE, Event.BROKEN)


@dataclass(frozen=True)
class Item:
    """A frame, or with `frame` None something else that happened to a connection."""

    connection: int
    event: Event
    time: float
    frame: Frame | None = None


@dataclass
class Exchange:
    """A request and how it was answered."""

    request: bytes
    time: float
    answers: list[tuple[float, bytes]] = field(default_factory=list)
    """Each with the seconds since the request."""
    ending: tuple[float, Event] | None = None
    """The device hung up after them."""


@dataclass
class Spoken:
    """What the device said by itself in one connection."""

    time: float
    """Seconds after the connection was opened."""
    after: int
    """How many requests had come before."""
    data: bytes = b""
    ending: Event | None = None


@dataclass
class Conversation:
    """One connection."""

    exchanges: list[Exchange] = field(default_factory=list)
    spoken: list[Spoken] = field(default_factory=list)


def dialect_of(recording: Recording) -> Dialect:
    """The protocol that the header names; of a `serial` line, the one that nearly all its bytes are frames of."""
    if recording.header.kind in DIALECTS and recording.header.kind != Plain.kind:
        return DIALECTS[recording.header.kind]()
    for known in (EnOcean(), Rflink(), Rfxtrx()):
        if _share(recording, known) >= _SURE:
            return known
    return Plain(_bursts(recording.records))


def items(recording: Recording, dialect: Dialect) -> Iterator[Item]:
    """All frames, openings and endings in the order in which they were complete."""
    ways: dict[tuple[int, Event], Splitter] = {}
    for record in recording.records:
        if record.event in (Event.TO_DEVICE, Event.TO_HOST):
            way = ways.setdefault((record.connection, record.event), _splitter(dialect, record.event))
            frames = way.feed(record.data, record.time)
            yield from (Item(record.connection, record.event, frame.time, frame) for frame in frames)
        else:
            if record.event is not Event.OPENED:
                yield from _rests(ways, record.connection)
            yield Item(record.connection, record.event, record.time)
    for connection in sorted({number for number, _ in ways}):
        yield from _rests(ways, connection)


def conversations(recording: Recording, dialect: Dialect) -> list[Conversation]:
    """One for each connection, in order.

    An answer belongs to the last request that it can belong to. What is none was said by itself. Where devices never
    say anything by themselves, all they do belongs to the last request, hanging up in the middle of a frame included.
    """
    found = {number: Conversation() for number in recording.connections}
    began = {number: recording.of(number)[0].time for number in found}
    for item in items(recording, dialect):
        talk = found[item.connection]
        if item.event is Event.TO_DEVICE and item.frame:
            talk.exchanges.append(Exchange(item.frame.data, item.time))
        elif item.event is Event.TO_HOST and item.frame:
            _device_frame(talk, dialect, item.frame, item.time - began[item.connection])
        elif item.event in ENDINGS:
            _hang_up(talk, dialect, item, item.time - began[item.connection])
    return list(found.values())


def _device_frame(talk: Conversation, dialect: Dialect, frame: Frame, since: float) -> None:
    answers = dialect.is_answer(frame.data) if frame.whole else not dialect.speaks
    if not talk.exchanges or not answers:
        talk.spoken.append(Spoken(since, len(talk.exchanges), frame.data))
        return
    fitting = (one for one in reversed(talk.exchanges) if frame.whole and dialect.answers(one.request, frame.data))
    exchange = next(fitting, talk.exchanges[-1])
    exchange.answers.append((frame.time - exchange.time, frame.data))


def _hang_up(talk: Conversation, dialect: Dialect, item: Item, since: float) -> None:
    if talk.exchanges and not dialect.speaks:
        talk.exchanges[-1].ending = (item.time - talk.exchanges[-1].time, item.event)
    else:
        talk.spoken.append(Spoken(since, len(talk.exchanges), ending=item.event))


def _splitter(dialect: Dialect, event: Event) -> Splitter:
    size_of = dialect.size_from_host if event is Event.TO_DEVICE else dialect.size_from_device
    return Splitter(size_of, dialect.patience)


def _rests(ways: dict[tuple[int, Event], Splitter], connection: int) -> Iterator[Item]:
    for event in (Event.TO_DEVICE, Event.TO_HOST):
        if way := ways.pop((connection, event), None):
            yield from (Item(connection, event, frame.time, frame) for frame in way.rest())


def _share(recording: Recording, dialect: Dialect) -> float:
    """The part of the bytes that are whole frames."""
    whole = total = 0
    for item in items(recording, dialect):
        if item.frame:
            total += len(item.frame.data)
            whole += len(item.frame.data) if item.frame.whole else 0
    return whole / total if total else 0.0


def _bursts(records: list[Record]) -> Iterator[bytes]:
    """What the hosts sent without the device saying something in between."""
    open_bursts: dict[int, deque[bytes]] = {}
    for record in records:
        burst = open_bursts.setdefault(record.connection, deque())
        if record.event is Event.TO_DEVICE:
            burst.append(record.data)
        elif burst:
            yield b"".join(burst)
            burst.clear()
    yield from (b"".join(burst) for burst in open_bursts.values() if burst)
