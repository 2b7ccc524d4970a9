"""What all faults have in common."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Literal

from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from hwsim.site import Site


class Fault(BaseModel):
    """One kind of fault; its fields are the options."""

    model_config = ConfigDict(extra="forbid")

    kind: ClassVar[str]
    target: ClassVar[Literal["bus", "device"]]
    usual_duration: ClassVar[float | None] = None
    """Seconds it lasts when nobody says; None: until it is ended."""

    async def begin(self, site: Site) -> None:
        """Let it happen; returns when it has."""
        raise NotImplementedError

    async def end(self, site: Site) -> None:
        """Make it good again."""
