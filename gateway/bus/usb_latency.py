"""The latency timer of FTDI's USB adapters, which RFXtrx sticks, USB 300 and many others have in them.

Such an adapter keeps bytes that don't fill a USB packet for 16 ms (FTDI AN232B-04), unless the timer is set otherwise.
The kernel's driver lets root do that in ``/sys``, and others if a udev rule says so.
"""

from __future__ import annotations

from contextlib import suppress
from pathlib import Path
from typing import Final

#: Where the kernel shows them (its driver ftdi_sio).
DEVICES: Final = Path("/sys/bus/usb-serial/devices")
#: Milliseconds; with less, an idle adapter sends that many more empty packets, which a small machine notices.
LATENCY: Final = 4


def lessen_latency(port: str, *, devices: Path = DEVICES) -> None:
    """Set the timer of a port to ``LATENCY`` if it has one that may be set; else all stays as it is.

    Args:
        port: path of the device file, or of a link to it.
        devices: where to look.
    """
    timer = devices / Path(port).resolve().name / "latency_timer"
    with suppress(OSError, ValueError):
        if int(timer.read_text()) > LATENCY:
            timer.write_text(f"{LATENCY}\n")
