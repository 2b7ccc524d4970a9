"""What an author gives to the driver suite."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, Any

from gateway.abc import open_line

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.abc import Driver, OpenLine


class Rig(ABC):
    """Hardware for the suite: plugged in and working when a check gets it."""

    driver: type[Driver]
    #: As they stand in the configuration.
    options: Mapping[str, Any]
    #: A device that is there, and one of its attributes that gives a number.
    device: str
    attribute: str
    #: A device, an attribute and two values that it takes and gives back; None when nothing can be written.
    writable: tuple[str, str, tuple[Any, Any]] | None = None
    #: A device that is not there, as its id would be written.
    missing: str = "no-such-device"

    #: What the driver opens serial lines with, such as :class:`gateway.bus.line.Lines` with a scheme of the rig's own.
    open_line: OpenLine = staticmethod(open_line)

    #: What the rig itself has, and the driver need not give back: beginnings of the names that the check reports,
    #: such as "task hwsim." for a simulator in this process.
    own: tuple[str, ...] = ()

    @abstractmethod
    async def unplug(self) -> None:
        """Take the hardware away, as if its cable were pulled."""

    @abstractmethod
    async def plug(self) -> None:
        """Bring it back."""
