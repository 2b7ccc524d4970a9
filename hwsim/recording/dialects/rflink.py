"""Lines of RFLink, as they are recorded and shown. Source: RFLink Protocol Reference."""

from __future__ import annotations

import re
from typing import Final

from hwsim.recording.dialects.dialect import Dialect

_LONGEST: Final = 1000
_ORDER = re.compile(rb"1[01];[\x20-\x7e]*\r?\n")
_REPORT = re.compile(rb"20;[0-9A-Fa-f]{2};[\x20-\x7e]*\r?\n")
_ID = re.compile(rb";ID=")


class Rflink(Dialect):
    """A frame is a line that begins with its direction: 10 to the gateway, 20 from it."""

    kind = "rflink"

    def size_from_host(self, buffer: bytes) -> int:
        return _line(_ORDER, buffer)

    def size_from_device(self, buffer: bytes) -> int:
        return _line(_REPORT, buffer)

    def host_text(self, frame: bytes) -> str:
        return frame.decode().rstrip()

    def device_text(self, frame: bytes) -> str:
        return frame.decode().rstrip()

    def key(self, frame: bytes) -> bytes:
        """The order, however it is written and its line ends."""
        return frame.strip().lower()

    def is_answer(self, frame: bytes) -> bool:
        """What was heard on the air has an identity; the greeting after power-up is no answer either."""
        return not _ID.search(frame) and not frame[6:].startswith(b"Nodo RadioFrequencyLink")


def _line(kind: re.Pattern[bytes], buffer: bytes) -> int:
    end = buffer.find(b"\n") + 1
    if not end:
        return 0 if len(buffer) < _LONGEST else -len(buffer)
    return end if kind.fullmatch(buffer[:end]) else -end
