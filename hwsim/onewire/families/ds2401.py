"""DS2401 silicon serial number (family 01), which is also the DS1990 iButton: a ROM id, and nothing else."""

from __future__ import annotations

from hwsim.onewire.slave import Slave


class DS2401(Slave):
    """It is there or not; a key that is held to a reader for a while is `plug` and `unplug`."""

    family = 0x01
    part = "DS2401"
