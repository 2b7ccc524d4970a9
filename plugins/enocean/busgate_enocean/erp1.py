"""Radio telegrams of EnOcean Radio Protocol 1 (ISO/IEC 14543-3-10), as a stick reports and takes them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from busgate_enocean.esp3 import Packet, PacketType

BROADCAST: Final = 0xFFFFFFFF
#: Names of the kinds of telegrams (EnOcean Equipment Profiles 2.6.8, 1.2.2).
RORG: Final = {
    0xF6: "RPS",
    0xD5: "1BS",
    0xA5: "4BS",
    0xD2: "VLD",
    0xD1: "MSC",
    0xD4: "UTE",
    0xA6: "ADT",
    0xC6: "SM_LRN_REQ",
    0xC7: "SM_LRN_ANS",
    0xA7: "SM_REC",
    0xC5: "SYS_EX",
    0x30: "SEC",
    0x31: "SEC_ENCAPS",
}
#: Bytes of payload, where the kind says it.
SIZES: Final = {0xF6: 1, 0xD5: 1, 0xA5: 4, 0xD4: 7}
RPS: Final = 0xF6
ONE_BS: Final = 0xD5
FOUR_BS: Final = 0xA5
VLD: Final = 0xD2
UTE: Final = 0xD4

#: Seconds on the air of one telegram: 1.2 ms for each of its three subtelegrams.
AIRTIME: Final = 0.0012 * 3
#: Seconds within which copies of a telegram come, those of repeaters too: 100 ms of maturity (ISO/IEC 14543-3-10), and
#: what USB adds at two receivers.
WINDOW: Final = 0.15
#: The low half of the status counts repeaters; what it says differs between copies of one telegram.
_STATUS: Final = 0xF0
#: One of kind, four of sender, one of status.
_AROUND: Final = 6
#: Optional data to send with: three subtelegrams, then the destination; signal strength and security level don't count
#: (ESP3, 2.1).
_SUBTELEGRAMS, _SEND_STRENGTH, _NO_SECURITY = b"\x03", 0xFF, b"\x00"


@dataclass(frozen=True, slots=True)
class Erp1:
    """One telegram. ``rssi`` is in dBm, None when the stick has not said."""

    rorg: int
    payload: bytes
    sender: int
    status: int = 0
    destination: int = BROADCAST
    rssi: int | None = None

    @classmethod
    def of(cls, packet: Packet) -> Erp1:
        """From a packet of type RADIO_ERP1.

        Raises:
            ValueError: it is too short, or has not the size of its kind.
        """
        data, optional = packet.data, packet.optional
        payload = data[1:-5]
        if len(data) < _AROUND or SIZES.get(data[0], len(payload)) != len(payload):
            raise ValueError(f"a telegram of {len(data)} bytes: {data.hex()}")
        destination = int.from_bytes(optional[1:5]) if len(optional) >= 5 else BROADCAST
        rssi = -optional[5] if len(optional) >= 6 and optional[5] != _SEND_STRENGTH else None
        return cls(data[0], payload, int.from_bytes(data[-5:-1]), data[-1], destination, rssi)

    @property
    def device(self) -> str:
        """The id of the sender."""
        return f"{self.sender:08X}"

    @property
    def data(self) -> bytes:
        """Data of the packet."""
        return bytes([self.rorg]) + self.payload + self.sender.to_bytes(4) + bytes([self.status])

    @property
    def key(self) -> bytes:
        """What all receptions of it have in common."""
        return self.data[:-1] + bytes([self.status & _STATUS])

    def packet(self) -> Packet:
        """To send it."""
        optional = _SUBTELEGRAMS + self.destination.to_bytes(4) + bytes([_SEND_STRENGTH]) + _NO_SECURITY
        return Packet(PacketType.RADIO_ERP1, self.data, optional)
