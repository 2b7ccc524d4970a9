"""DS2409 coupler (family 1F): a hub with a main and an auxiliary branch, one of them on at a time.

Status bits are those of the Maxim DS2409 datasheet.
"""

from __future__ import annotations

from enum import StrEnum

from hwsim.onewire.slave import Slave


class Branch(StrEnum):
    """The two outputs of a hub."""

    MAIN = "main"
    AUX = "aux"


class DS2409(Slave):
    """Which branch is on. A master switches it as needed; owserver does so for each talk with what hangs behind it."""

    family = 0x1F
    part = "DS2409"

    def _manufacture(self) -> None:
        self._control = 0x80

    def _power_up(self) -> None:
        self.active: Branch | None = None

    def all_off(self) -> None:
        """ALL LINES OFF."""
        self.active = None

    def smart_on(self, branch: Branch) -> None:
        """SMART-ON: connect a branch, disconnect the other one."""
        self.active = branch

    def read_status(self) -> bytes:
        """STATUS: branch off and level of main, the same of aux, no events, control output, from bit 0 up."""
        status = 0x0A | self._control
        status |= 0 if self.active is Branch.MAIN else 0x01
        status |= 0 if self.active is Branch.AUX else 0x04
        return self.transmit(bytes([status]))

    def write_status(self, control: int) -> None:
        """STATUS with a control byte: bit 5 is manual control by bit 7, else bit 6 is the branch that controls it.

        With bits 3 or 4 set, nothing changes.
        """
        if control & 0x18:
            return
        if control & 0x20:
            self._control = 0xC0 if control & 0x80 else 0x80
        else:
            self._control = control & 0x40
