"""The formats that the framers are tested with: one of each class, with real frames."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest

from gateway.bus.framing import Framer, LengthFramer, LineFramer, SyncFramer

#: RFXCOM: the status of a transceiver, a lighting2 and a temperature/humidity telegram (tests of pyRFXtrx, LGPL).
RFX = tuple(
    bytes.fromhex(text)
    for text in ("0d0100010253fa0c270001000000", "0b110001012345670100" + "0f70", "0a520800010200fa2d0289")
)
#: RFLink: lines of its protocol reference.
RFLINK = (b"20;2D;UPM/Esic;ID=0001;TEMP=00cf;HUM=16;BAT=OK;", b"20;00;OK;", b"20;B3;NewKaku;ID=c142;SWITCH=1;CMD=ON;")


def crc8(data: bytes) -> int:
    """The CRC of ESP3: polynomial 0x07, begins with 0 (EnOcean Serial Protocol 3, section 2.3), bit by bit."""
    crc = 0
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = (crc << 1 ^ (0x07 if crc & 0x80 else 0)) & 0xFF
    return crc


def esp3(data: bytes, optional: bytes = b"", kind: int = 1) -> bytes:
    """A packet of ESP3."""
    header = len(data).to_bytes(2) + bytes([len(optional), kind])
    body = data + optional
    return b"\x55" + header + bytes([crc8(header)]) + body + bytes([crc8(body)])


CRC8 = [crc8(bytes([n])) for n in range(256)]


def quick_crc8(data: bytes) -> int:
    crc = 0
    for byte in data:
        crc = CRC8[crc ^ byte]
    return crc


def esp3_size(head: bytes) -> int | None:
    if quick_crc8(head[1:5]) != head[5]:
        return None
    return 7 + int.from_bytes(head[1:3]) + head[3]


def rfx() -> LengthFramer:
    return LengthFramer(4, 0x28)


def enocean() -> SyncFramer:
    return SyncFramer(b"\x55", 5, esp3_size, lambda frame: quick_crc8(frame[6:-1]) == frame[-1], most=512)


ESP3 = (
    esp3(bytes.fromhex("f6500029219f30"), bytes.fromhex("01ffffffff3100")),
    esp3(bytes.fromhex("a508287e0a0081dde600"), bytes.fromhex("01ffffffff3700")),
    esp3(b"\x00", kind=2),
)


@dataclass(frozen=True)
class Format:
    """``most``: how many bytes its framer may keep."""

    name: str
    frames: tuple[bytes, ...]
    framer: Callable[[], Framer]
    most: int
    checked: bool
    wire: Callable[[bytes], bytes] = bytes

    def __str__(self):
        return self.name


FORMATS = (
    Format("RFXtrx", RFX, rfx, 0x28, checked=False),
    Format("RFLink", RFLINK, LineFramer, 512, checked=False, wire=lambda line: line + b"\r\n"),
    Format("ESP3", ESP3, enocean, 512, checked=True),
)


@pytest.fixture(scope="session", params=FORMATS, ids=str)
def form(request):
    """Each format in turn."""
    return request.param


@pytest.fixture(scope="session")
def esp3_packet():
    """Makes a packet of ESP3."""
    return esp3


@pytest.fixture(scope="session")
def formats():
    """All of them, by name."""
    return {form.name: form for form in FORMATS}
