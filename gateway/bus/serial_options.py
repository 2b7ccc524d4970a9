"""The options that interfaces on serial lines have in common."""

from __future__ import annotations

from pydantic import BaseModel, Field, field_validator

from gateway.abc import SerialLibrary


class SerialOptions(BaseModel, extra="forbid"):
    """A driver subclasses it and sets ``baudrate`` to what its hardware speaks.

    ``port`` is for :class:`gateway.abc.OpenLine`.
    """

    port: str
    baudrate: int = Field(default=9600, gt=0)
    serial: SerialLibrary = "pyserial"

    @field_validator("port")
    @classmethod
    def _line(cls, port: str) -> str:
        if not port.isprintable() or not (port.startswith("/") or port.partition(":")[2]):
            raise ValueError(f"should be /dev/serial/by-id/... or socket://HOST:PORT, not {port!r}")
        if port.startswith("rfc2217:"):
            raise ValueError(
                f"{port!r}: rfc2217 is not offered: let the server pass the bytes on as they are "
                "(ser2net: accepter tcp) at the speed of the hardware, and say socket://HOST:PORT"
            )
        return port
