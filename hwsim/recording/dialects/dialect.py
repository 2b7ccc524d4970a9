"""What has to be known of a protocol to show a recording of it, and to answer like the recorded device."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import ClassVar


class Dialect(ABC):
    """One protocol. Frames are those that `size_from_host` and `size_from_device` cut out; see `SizeOf`."""

    kind: ClassVar[str]
    patience: ClassVar[float | None] = None
    """Seconds after which half a frame is given up; None: never."""
    speaks: ClassVar[bool] = True
    """Its devices say things that nobody has asked for."""

    @abstractmethod
    def size_from_host(self, buffer: bytes) -> int:
        """The size of what the host's bytes begin with."""

    @abstractmethod
    def size_from_device(self, buffer: bytes) -> int:
        """The size of what the device's bytes begin with."""

    @abstractmethod
    def host_text(self, frame: bytes) -> str:
        """What a frame of the host says, for people."""

    @abstractmethod
    def device_text(self, frame: bytes) -> str:
        """What a frame of the device says."""

    def key(self, frame: bytes) -> bytes:
        """What of a host's frame decides how it is answered."""
        return frame

    def is_answer(self, frame: bytes) -> bool:
        """Whether the device's frame came because the host asked; else it came by itself."""
        return True

    def answers(self, request: bytes, answer: bytes) -> bool:
        """Whether an answer can belong to a request."""
        return True

    def fitted(self, answer: bytes, recorded: bytes, request: bytes) -> bytes:
        """A recorded answer to the request `recorded`, as one to a `request` of the same key."""
        return answer

    def unknown(self, request: bytes) -> bytes:
        """What to answer to a request that was never recorded; empty: nothing."""
        return b""
