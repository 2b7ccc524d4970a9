"""Recordings made by hand, and houses to make others from."""

from __future__ import annotations

import struct

import pytest

from hwsim.recording import Event, Header, Record, Recording

HOUSE = """
[[bus]]
name = "attic"
conversion_scale = 0.05
[[device]]
bus = "attic"
id = "28.67C6697351FF"
temperature = 21.5
[[bus]]
name = "stick"
kind = "rfxtrx"
[[device]]
kind = "remote"
name = "hall"
code = "ac"
id = "00AB12CD"
"""
SENSOR = "/28.67C6697351FF"


def request(kind, path=b"", size=0, flags=0x104):
    """A request of the owserver protocol."""
    payload = path + b"\0" if path else b""
    return struct.pack(">6i", 0, len(payload), kind, flags, size, 0) + payload


def answer(payload=b"", ret=None, flags=0x104):
    """An answer; its return value is the length unless one is given."""
    value = len(payload) if ret is None else ret
    return struct.pack(">6i", 0, len(payload), value, flags, len(payload), 0) + payload


class Tape:
    """Builds a recording: each call is one record, `wait` seconds after the one before."""

    def __init__(self, kind, line):
        self.recording = Recording(Header(kind, line, "somewhere", 1_700_000_000.0))
        self._time = 0.0

    def __call__(self, event, data=b"", *, connection=1, wait=1.0):
        self._time += wait
        self.recording.records.append(Record(self._time, connection, event, data))
        return self

    def opened(self, connection=1, wait=1.0):
        return self(Event.OPENED, connection=connection, wait=wait)

    def host(self, data, connection=1, wait=1.0):
        return self(Event.TO_DEVICE, data, connection=connection, wait=wait)

    def device(self, data, connection=1, wait=1.0):
        return self(Event.TO_HOST, data, connection=connection, wait=wait)


@pytest.fixture
def tape():
    return Tape
