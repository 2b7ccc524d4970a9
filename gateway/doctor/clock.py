"""Whether the clock can be believed: readings carry its time, and jobs start by it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from gateway.doctor.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gateway.doctor.machine import Machine

#: Unix seconds of 2026-01-01: nobody ran this program before.
EARLIEST: Final = 1_767_225_600.0


def check_clock(machine: Machine, now: float) -> Iterator[Finding]:
    """Look at the date, and at whether something keeps it right.

    Args:
        now: in Unix seconds.
    """
    shown = f"{datetime.fromtimestamp(now, UTC):%Y-%m-%d %H:%M:%S} UTC"
    set_it = "switch time synchronisation on: sudo timedatectl set-ntp true (see: timedatectl status)"
    if now < EARLIEST:
        yield Finding("clock", "problem", "time", f"it is wrong: it says {shown}", set_it)
    elif _synchronised(machine):
        yield Finding("clock", "ok", "time", f"synchronised: {shown}")
    else:
        yield Finding("clock", "warning", "time", f"nothing is known to keep it right; it says {shown}", set_it)


def _synchronised(machine: Machine) -> bool:
    """systemd-timesyncd leaves a mark (systemd-timesyncd.service(8)); others, such as chrony, tell the kernel."""
    return (machine.run / "systemd/timesync/synchronized").exists() or machine.synchronised() is True
