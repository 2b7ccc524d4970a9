"""A line whose protocol is not known here: what came together belongs together."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwsim.recording.dialects.dialect import Dialect
from hwsim.recording.framing import dump

if TYPE_CHECKING:
    from collections.abc import Iterable


class Plain(Dialect):
    """A request is what the host sent until the device said something; it is recognised wherever it begins."""

    kind = "serial"
    speaks = False

    def __init__(self, requests: Iterable[bytes] = ()) -> None:
        """Without the recorded requests, every portion is a frame."""
        self._requests = sorted(set(requests), key=len, reverse=True)

    def size_from_host(self, buffer: bytes) -> int:
        if not self._requests:
            return len(buffer)
        for request in self._requests:
            if buffer.startswith(request):
                return len(request)
        return 0 if any(request.startswith(buffer) for request in self._requests) else -1

    def size_from_device(self, buffer: bytes) -> int:
        return len(buffer)

    def host_text(self, frame: bytes) -> str:
        return dump(frame)

    def device_text(self, frame: bytes) -> str:
        return dump(frame)
