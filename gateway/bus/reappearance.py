"""A cheap look whether a device file is back: one ``stat`` four times a second, while its interface is down."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

if TYPE_CHECKING:
    from gateway.clock import Clock

#: Seconds between two looks.
LOOK: Final = 0.25


class MissedDevice:
    """A device file, as it is when the interface goes down."""

    def __init__(self, device: str) -> None:
        self._device = Path(device)
        self._known = self._identity()

    @classmethod
    def of(cls, error: BaseException | None) -> Self | None:
        """The device file whose return would mend the error; it may be named by a cause of it."""
        while error is not None:
            if device := getattr(error, "device", None):
                return cls(device)
            error = error.__cause__
        return None

    async def back(self, clock: Clock) -> None:
        """Wait until the file is there that wasn't before, or is another one than before; links are followed."""
        while True:
            found = self._identity()
            if found is not None and found != self._known:
                return
            self._known = found
            await clock.sleep(LOOK)

    def _identity(self) -> tuple[int, int, int, int] | None:
        """What tells this file from another of its name; None when there is none."""
        try:
            found = self._device.stat()
        except OSError:
            return None
        return found.st_dev, found.st_ino, found.st_rdev, found.st_ctime_ns
