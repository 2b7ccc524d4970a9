"""The other side of a recording: a host that sends what was recorded, and insists on the recorded answers."""

from __future__ import annotations

import os
import select
import socket
import termios
import time
import tty
from typing import TYPE_CHECKING, Final

from hwsim.errors import ReplayMismatch, Unreachable
from hwsim.recording.framing import dump
from hwsim.recording.tape import Event, Recording, read_recording

if TYPE_CHECKING:
    from pathlib import Path

_PATIENCE: Final = 10.0
_PORTION: Final = 4096


def act_as_host(recording: Recording | str | Path, url: str, *, patience: float = _PATIENCE) -> None:
    """Do to a device what the recorded hosts did, as fast as it answers; blocks until it is done.

    Args:
        recording: or the file in which it is.
        url: `owserver://HOST:PORT`, `socket://HOST:PORT`, or the path of a terminal.
        patience: seconds to wait for each answer.

    Raises:
        RecordingError: the file can't be read.
        ReplayMismatch: the device says something else than was recorded, or nothing.
        Unreachable: it can't be opened.
    """
    if not isinstance(recording, Recording):
        recording = read_recording(recording)
    lines: dict[int, _Line] = {}
    try:
        for record in recording.records:
            if record.event is Event.OPENED:
                lines[record.connection] = _Line(url, record.connection, patience)
            elif record.event is Event.TO_DEVICE:
                lines[record.connection].send(record.data)
            elif record.event is Event.TO_HOST:
                lines[record.connection].expect(record.data)
            else:
                lines.pop(record.connection).close()
    finally:
        for line in lines.values():
            line.close()


class _Line:
    """One connection."""

    def __init__(self, url: str, number: int, patience: float) -> None:
        self._number = number
        self._patience = patience
        self._place = 0
        self._socket: socket.socket | None = None
        _, separator, place = url.partition("://")
        try:
            if separator:
                host, _, port = place.rpartition(":")
                self._socket = socket.create_connection((host, int(port)), patience)
                self._file = self._socket.fileno()
            else:
                self._file = os.open(url, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
                tty.setraw(self._file)
        except (OSError, ValueError, termios.error) as error:
            reason = (getattr(error, "strerror", None) or str(error)).lower()
            raise Unreachable(f"nothing can be opened at {url}: {reason}") from error

    def send(self, data: bytes) -> None:
        rest = memoryview(data)
        while rest:
            try:
                rest = rest[os.write(self._file, rest) :]
            except OSError as error:
                raise self._mismatch(f"has hung up ({error.strerror}) before it was sent {dump(data)}") from error

    def expect(self, data: bytes) -> None:
        got = b""
        end = time.monotonic() + self._patience
        while len(got) < len(data):
            if not select.select([self._file], [], [], max(0.0, end - time.monotonic()))[0]:
                raise self._mismatch(f"is silent; expected {dump(data[len(got) :])}")
            more = self._read(min(len(data) - len(got), _PORTION))
            if not more:
                raise self._mismatch(f"has hung up; expected {dump(data[len(got) :])}")
            got += more
        if got != data:
            raise self._mismatch(f"says something else than was recorded; expected {dump(data)}, got {dump(got)}")
        self._place += len(data)

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
        else:
            os.close(self._file)

    def _read(self, most: int) -> bytes:
        try:
            return os.read(self._file, most)
        except OSError:
            return b""

    def _mismatch(self, what: str) -> ReplayMismatch:
        return ReplayMismatch(f"connection {self._number}, byte {self._place}: the device {what}")
