"""What all faults have in common."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

ONE_WIRE = "onewire"
"""Behind an owserver."""
WIRE = "ds2480b"
"""Behind a serial adapter, down to the bits."""
STICKS = ("rfxtrx", "rflink", "enocean")
RADIO = "radio"
"""Devices with an antenna."""


@dataclass(frozen=True)
class Place:
    """What a fault happens to: a bus of some kind, or a device on a wire or with an antenna."""

    target: Literal["bus", "device"]
    kind: str

    def __str__(self) -> str:
        names = {
            RADIO: "device with an antenna",
            ONE_WIRE: "device behind an owserver",
            WIRE: "device behind an adapter",
        }
        return f"bus of kind {self.kind}" if self.target == "bus" else names[self.kind]


class Fault(BaseModel):
    """One kind of fault; its fields are the options."""

    model_config = ConfigDict(extra="forbid")

    kind: ClassVar[str]
    target: ClassVar[Literal["bus", "device"]]
    among: ClassVar[tuple[str, ...]] = (ONE_WIRE,)
    """The kinds of buses, or of devices, that can have it."""
    usual_duration: ClassVar[float | None] = None
    """Seconds it lasts when nobody says; None: until it is ended."""

    async def begin(self, site: Any) -> None:
        """Let it happen; returns when it has. `site` is a `WiredSite` on wires, a `RadioSite` on the air."""
        raise NotImplementedError

    async def end(self, site: Any) -> None:
        """Make it good again."""
