"""The options of an ``[[interface]]`` with ``driver = "onewire"``."""

from __future__ import annotations

from typing import Final, NamedTuple
from urllib.parse import urlsplit

from pydantic import BaseModel, ConfigDict, Field, field_validator

#: Registered by IANA for owserver.
DEFAULT_PORT: Final = 4304
#: What the URL of an owserver in the same process begins with; a test's own ``open_line`` knows it.
MEMORY: Final = "memory:"


class Address(NamedTuple):
    """Where an owserver listens; an IPv6 address stands without its brackets."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Options(BaseModel):
    """Validated options; times in seconds."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    url: str = Field(description="owserver://HOST[:PORT]; an IPv6 address in brackets")  # or memory:NAME, in tests
    timeout: float = Field(default=5.0, ge=1.0, le=60.0, description="for the answer to a request")
    conversion_timeout: float = Field(default=15.0, ge=3.0, le=60.0, description="for one that waits for a conversion")
    connections: int = Field(default=8, ge=2, le=16, description="at a time; an owserver keeps 20 for all")
    strikes: int = Field(default=3, ge=1, le=20, description="failed reads in a row until the old value is given up")
    suspect_delay: float = Field(default=1.0, ge=0.0, le=10.0, description="until a doubtful temperature is read again")
    rescan_pause: float = Field(default=5.0, ge=0.0, le=3600.0, description="between scans for missing devices")

    @field_validator("url")
    @classmethod
    def _checked(cls, url: str) -> str:
        if not url.startswith(MEMORY):
            _parse(url)
        return url

    @property
    def place(self) -> str:
        """For messages: host and port, or the URL of what only a test can reach."""
        return self.url if self.url.startswith(MEMORY) else str(self.address)

    @property
    def address(self) -> Address:
        """Host and port of the URL."""
        return _parse(self.url)


def _parse(url: str) -> Address:
    parts = urlsplit(url)
    if parts.scheme != "owserver":
        raise ValueError("it must be like owserver://localhost:4304")
    if not parts.hostname or parts.path.strip("/") or parts.query or parts.fragment or parts.username:
        raise ValueError("it must be owserver://, a host, and perhaps a port (IPv6: owserver://[::1]:4304)")
    try:
        port = parts.port
    except ValueError:
        raise ValueError("the port must be a number from 1 to 65535") from None
    if port == 0:
        raise ValueError("the port must be a number from 1 to 65535")
    return Address(parts.hostname, port or DEFAULT_PORT)
