"""Recordings: what went over a line, both ways and with times; in memory and as a file.

Theory of operation
 1. A file is a row of msgpack objects: a header, which is a map, then records, each an array of microseconds since
    the start, number of the connection, event, bytes, and a check: the CRC-32 of the msgpack of the four before it.
 2. A record is one write at the end of the file. So a recorder that is killed loses nothing it was told, and a machine
    that loses power tears at most the end.
 3. Reading stops at the first record that is torn or whose check is wrong. What came before is a recording all the
    same, and `damage` says where it stops.
 4. Times are monotonic. Connections are numbered from 1 in the order in which they were opened.
"""

from __future__ import annotations

import os
import zlib
from dataclasses import dataclass, field
from enum import IntEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import anyio
import msgpack

from hwsim.errors import RecordingError
from hwsim.junction import Ending

if TYPE_CHECKING:
    from collections.abc import Callable, Hashable

FORMAT: Final = "hwsim recording"
VERSION: Final = 1
LINES: Final = ("tcp", "tty")


class Event(IntEnum):
    """What a record tells."""

    OPENED = 0
    TO_DEVICE = 1
    TO_HOST = 2
    CLOSED_BY_HOST = 3
    CLOSED_BY_DEVICE = 4
    BROKEN = 5


ENDINGS: Final = {
    Ending.BY_HOST: Event.CLOSED_BY_HOST,
    Ending.BY_DEVICE: Event.CLOSED_BY_DEVICE,
    Ending.BROKEN: Event.BROKEN,
}


@dataclass(frozen=True)
class Header:
    """What a recording is of."""

    kind: str
    """`owserver`, `rfxtrx`, `rflink` or `enocean`; `serial` when nobody has said."""
    line: str
    """`tcp` or `tty`: what a replay is to be."""
    peer: str
    """URL or path of the device."""
    started: float
    """Unix time in seconds; all other times count from it."""

    def packed(self) -> bytes:
        """As it stands at the beginning of a file."""
        return packed({"format": FORMAT, "version": VERSION, **vars(self)})


@dataclass(frozen=True)
class Record:
    """One thing that happened."""

    time: float
    """Seconds after the start."""
    connection: int
    event: Event
    data: bytes = b""


@dataclass
class Recording:
    """What was read from a file."""

    header: Header
    records: list[Record] = field(default_factory=list)
    damage: str | None = None
    """Where the file is torn or damaged; nothing behind that was read."""

    @property
    def connections(self) -> list[int]:
        """The numbers of the connections, in order."""
        return sorted({record.connection for record in self.records})

    @property
    def duration(self) -> float:
        """Seconds from the start to the last record."""
        return self.records[-1].time if self.records else 0.0

    def of(self, connection: int) -> list[Record]:
        """The records of one connection."""
        return [record for record in self.records if record.connection == connection]

    def sent(self, event: Event, connection: int | None = None) -> bytes:
        """All bytes of one direction, `TO_DEVICE` or `TO_HOST`, of one connection or of all."""
        records = self.records if connection is None else self.of(connection)
        return b"".join(record.data for record in records if record.event is event)


class Recorder:
    """Writes a recording; a `Tap`. When the disk refuses, it stops, and `failure` says why."""

    def __init__(self, path: Path, header: Header, now: Callable[[], float]) -> None:
        """Begin a file.

        Args:
            path: must not exist yet.
            header: of the recording.
            now: seconds on a monotonic scale with any zero point.

        Raises:
            RecordingError: the file exists or can't be made.
        """
        self.path = path
        self.failure: RecordingError | None = None
        self.failed = anyio.Event()
        self.connections = 0
        self.bytes = 0
        """Bytes of the line, both ways."""
        self._now = now
        self._start = now()
        self._numbers: dict[Hashable, int] = {}
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND | os.O_CLOEXEC
        try:
            self._file: int | None = os.open(path, flags, 0o644)
        except FileExistsError:
            raise RecordingError(f"{path} exists already; name another file, or remove it") from None
        except OSError as error:
            raise _unwritable(path, error) from error
        self._append(header.packed())

    @property
    def seconds(self) -> float:
        """How long it has been recording."""
        return self._now() - self._start

    def opened(self, key: Hashable) -> None:
        """As `Tap.opened`; nothing new if it has been heard of."""
        if key not in self._numbers:
            self.connections += 1
            self._numbers[key] = self.connections
            self._write(self.connections, Event.OPENED)

    def to_device(self, key: Hashable, data: bytes) -> None:
        """As `Tap.to_device`; what a connection from before the recorder says first counts as its opening."""
        self._write(self._number(key), Event.TO_DEVICE, data)

    def to_host(self, key: Hashable, data: bytes) -> None:
        """As `Tap.to_host`."""
        self._write(self._number(key), Event.TO_HOST, data)

    def closed(self, key: Hashable, ending: Ending) -> None:
        """As `Tap.closed`."""
        number = self._numbers.pop(key, None)
        if number is not None:
            self._write(number, ENDINGS[ending])

    def close(self) -> None:
        """End the recording; connections that are open stay open in it."""
        if self._file is not None:
            os.close(self._file)
            self._file = None

    def _number(self, key: Hashable) -> int:
        self.opened(key)
        return self._numbers[key]

    def _write(self, connection: int, event: Event, data: bytes = b"") -> None:
        self.bytes += len(data)
        fields = [round((self._now() - self._start) * 1e6), connection, int(event), data]
        self._append(packed([*fields, _check(fields)]))

    def _append(self, data: bytes) -> None:
        if self._file is None:
            return
        try:
            written = os.write(self._file, data)
            if written < len(data):
                raise OSError(f"only {written} of {len(data)} bytes were written")
        except OSError as error:
            self.failure = _unwritable(self.path, error)
            self.failed.set()
            self.close()


def read_recording(path: str | Path) -> Recording:
    """Read a file; a torn or damaged end is no error, see `Recording.damage`.

    Raises:
        RecordingError: it can't be read, is no recording, or one of a newer version.
    """
    place = Path(path)
    try:
        data = place.read_bytes()
    except OSError as error:
        raise RecordingError(f"{place} can't be read: {(error.strerror or str(error)).lower()}") from error
    unpacker = msgpack.Unpacker(max_buffer_size=max(len(data), 1))
    unpacker.feed(data)
    recording = Recording(_header(place, unpacker))
    while (offset := unpacker.tell()) < len(data):
        record = _record(unpacker)
        if record is None:
            number, rest = len(recording.records) + 1, len(data) - offset
            recording.damage = (
                f"record {number} at byte {offset} is torn or damaged; the last {rest} bytes are left out"
            )
            break
        recording.records.append(record)
    return recording


def packed(value: Any) -> bytes:
    """The msgpack of a value."""
    data: bytes = msgpack.packb(value)
    return data


def _header(place: Path, unpacker: msgpack.Unpacker) -> Header:
    try:
        found = unpacker.unpack()
    except (msgpack.UnpackException, ValueError):
        found = None
    if not isinstance(found, dict) or found.get("format") != FORMAT:
        raise RecordingError(f"{place} is no recording; hwsim record makes them")
    version = found.get("version")
    if version != VERSION:
        raise RecordingError(f"{place} is a recording of version {version}; this hwsim reads version {VERSION}")
    kind, line, peer, started = (found.get(name) for name in ("kind", "line", "peer", "started"))
    texts = isinstance(kind, str) and isinstance(peer, str) and isinstance(started, float)
    if not texts or line not in LINES:
        raise RecordingError(f"{place} has a damaged header")
    return Header(str(kind), str(line), str(peer), float(str(started)))


def _record(unpacker: msgpack.Unpacker) -> Record | None:
    """The next record; None: it is torn or damaged."""
    try:
        *fields, check = unpacker.unpack()
        microseconds, connection, event, data = fields
        if check != _check(fields) or not isinstance(data, bytes):
            return None
        return Record(microseconds / 1e6, connection, Event(event), data)
    except (msgpack.UnpackException, ValueError, TypeError):
        return None


def _check(fields: list[Any]) -> int:
    return zlib.crc32(packed(fields))


def _unwritable(path: Path, error: OSError) -> RecordingError:
    return RecordingError(f"{path} can't be written: {(error.strerror or str(error)).lower()}")
