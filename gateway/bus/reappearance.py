"""A cheap look whether a device file is back: one ``stat`` four times a second, while its interface is down."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from gateway.clock import Clock

#: Seconds between two looks.
LOOK: Final = 0.25


async def reappeared(device: str, clock: Clock) -> None:
    """Wait until a device file is there that wasn't before, or is another one than before; links are followed."""
    known = _identity(device)
    while True:
        await clock.sleep(LOOK)
        found = _identity(device)
        if found is not None and found != known:
            return
        known = found


def _identity(device: str) -> tuple[int, int, int, int] | None:
    """What tells this file from another of its name; None when there is none."""
    try:
        found = Path(device).stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_rdev, found.st_ctime_ns


def device_of(error: BaseException | None) -> str | None:
    """The device file whose return would mend the error; it may be named by its cause."""
    while error is not None:
        if device := getattr(error, "device", None):
            return str(device)
        error = error.__cause__
    return None
