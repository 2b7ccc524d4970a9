"""The formats that the framers are tested with: one of each class, with real frames."""

from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from zlib import crc32

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


def search_rfx(stream: bytes) -> list[bytes]:
    """Plainly: at each place either a frame or one byte of noise; an incomplete frame ends it."""
    found, place = [], 0
    while place < len(stream):
        frame = stream[place : place + stream[place] + 1]
        if not 4 <= stream[place] <= 0x28:
            place += 1
        elif len(frame) == stream[place] + 1:
            found.append(frame)
            place += len(frame)
        else:
            break
    return found


def search_lines(stream: bytes) -> list[bytes]:
    *lines, _ = stream.split(b"\n")
    return [line.strip(b"\r") for line in lines if len(line) <= 512 and line.strip(b"\r")]


def search_esp3(stream: bytes) -> list[bytes]:
    found, place = [], 0
    while (place := stream.find(0x55, place)) >= 0:
        head = stream[place : place + 6]
        size = 7 + int.from_bytes(head[1:3]) + head[3] if len(head) == 6 else 0
        frame = stream[place : place + size]
        right = 7 <= len(frame) == size <= 512 and crc8(head[1:5]) == head[5] and crc8(frame[6:-1]) == frame[-1]
        if right:
            found.append(frame)
        place += len(frame) if right else 1
    return found


def make_rfx(chance: Random) -> bytes:
    size = chance.randint(4, 0x28)
    return bytes([size]) + chance.randbytes(size)


def make_line(chance: Random) -> bytes:
    return b"20;%02X;%s;ID=%04x;SWITCH=%d;CMD=ON;" % (
        chance.randrange(256),
        chance.choice((b"NewKaku", b"UPM/Esic")),
        chance.randrange(2**16),
        chance.randrange(16),
    )


def make_esp3(chance: Random) -> bytes:
    return esp3(chance.randbytes(chance.randint(1, 14)), chance.randbytes(chance.choice((0, 7))))


def strong(data: bytes) -> bytes:
    """A frame of a format that is made up, with checksums that nothing passes by chance."""
    head = b"\xaa\x55" + len(data).to_bytes(2)
    whole = head + crc32(head).to_bytes(4) + data
    return whole + crc32(whole).to_bytes(4)


def strong_size(head: bytes) -> int | None:
    return 12 + int.from_bytes(head[2:4]) if crc32(head[:4]).to_bytes(4) == head[4:8] else None


def strong_framer() -> SyncFramer:
    return SyncFramer(b"\xaa\x55", 6, strong_size, lambda frame: crc32(frame[:-4]).to_bytes(4) == frame[-4:], most=300)


def search_strong(stream: bytes) -> list[bytes]:
    found, place = [], 0
    while place < len(stream):
        data = stream[place + 8 : place + 8 + int.from_bytes(stream[place + 2 : place + 4])]
        right = len(data) <= 288 and stream.startswith(strong(data), place)
        if right:
            found.append(strong(data))
        place += len(found[-1]) if right else 1
    return found


def make_strong(chance: Random) -> bytes:
    return strong(chance.randbytes(chance.randrange(20)))


@dataclass(frozen=True)
class Format:
    """``most``: how many bytes its framer may keep; ``search``: what is in a whole stream, found in the plainest way.

    ``slip``: the chance that a damaged frame passes its checksum.
    """

    name: str
    frames: tuple[bytes, ...]
    framer: Callable[[], Framer]
    most: int
    slip: float
    make: Callable[[Random], bytes]
    search: Callable[[bytes], list[bytes]]
    wire: Callable[[bytes], bytes] = bytes

    @property
    def checked(self) -> bool:
        return self.slip < 1

    def __str__(self) -> str:
        return self.name


def line_of(text: bytes) -> bytes:
    return text + b"\r\n"


STRONG = (strong(b"one"), strong(b""), strong(bytes(range(256))))

FORMATS = (
    Format("RFXtrx", RFX, rfx, 0x28, 1, make_rfx, search_rfx),
    Format("RFLink", RFLINK, LineFramer, 512, 1, make_line, search_lines, line_of),
    Format("ESP3", ESP3, enocean, 512, 1 / 256, make_esp3, search_esp3),
    Format("strong checksums", STRONG, strong_framer, 300, 0, make_strong, search_strong),
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
