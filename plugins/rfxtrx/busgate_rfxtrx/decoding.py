"""Packets from the air become telegrams; what is in them is read by pyRFXtrx.

The key of a telegram leaves out what differs between two receivers of it: the sequence number, which each stick counts
by itself; the last byte where that holds signal strength and battery; levels and pulse lengths that say nothing.
"""

from __future__ import annotations

from typing import Any, Final

from RFXtrx import ControlEvent, RFXtrxTransport, SensorEvent

from busgate_rfxtrx.commands import slug
from busgate_rfxtrx.packets import UNDECODED
from gateway.values import Quantity, Telegram

#: Seconds; a transmitter sends its copies within 0.2, a person presses again after 0.3 at the earliest.
WINDOW: Final = 0.25

#: Names and units of what pyRFXtrx finds. What is missing here is said otherwise: signal, battery, codes of texts.
_QUANTITIES: Final = {
    "Barometer": ("pressure", "hPa"), "Chill": ("wind_chill", "°C"), "Command": ("command", None),
    "Contract type": ("contract", None), "Count": ("count", None), "Counter value": ("counter", None),
    "Current": ("current", "A"), "Current Ch. 1": ("current_1", "A"), "Current Ch. 2": ("current_2", "A"),
    "Current Ch. 3": ("current_3", "A"), "Dim level": ("level", "%"), "Energy usage": ("power", "W"),
    "Forecast": ("forecast", None), "Humidity": ("humidity", "%"), "Humidity status": ("humidity_status", None),
    "Keypress": ("keypress", None), "Payload": ("payload", None), "Rain rate": ("rain_rate", "mm/h"),
    "Rain total": ("rain_total", "mm"), "Sensor Status": ("status", None), "Sound": ("sound", None),
    "Tamper": ("tamper", None), "Temperature": ("temperature", "°C"), "Temperature2": ("temperature_2", "°C"),
    "Total usage": ("energy", "Wh"), "UV": ("uv_index", "UV index"), "Voltage": ("voltage", "V"),
    "Wind average speed": ("wind_speed", "m/s"), "Wind direction": ("wind_direction", "°"),
    "Wind gust": ("wind_gust", "m/s"),
}  # fmt: skip

#: What pyRFXtrx makes of packets from the air.
_HEARD: Final = SensorEvent, ControlEvent
_LIGHTING2: Final = 0x11
_LIGHTING4: Final = 0x13
_RFY: Final = 0x1A
_FUNKBUS: Final = 0x1E
_ENERGY1: Final = 0x59
#: Set level, set group level: what a level means something for.
_LEVELS: Final = (2, 5)


def decode(packet: bytes, heard: float) -> Telegram | None:
    """Read a packet that was heard at ``heard`` (``clock.lease_now()``); None when pyRFXtrx can't tell what it is.

    Raises:
        Exception: of any type, from pyRFXtrx, which doesn't check what it reads.
    """
    event = RFXtrxTransport.parse(bytearray(packet))
    if not isinstance(event, _HEARD):
        return None
    device = event.device
    if not device.id_string.isprintable():  # noise: some ids have a letter as it came
        return None
    undecoded = device.packettype == UNDECODED
    return Telegram(
        device=f"{device.packettype:x}_{device.subtype:x}_{device.id_string}",
        kind=f"undecoded {device.type_string}" if undecoded else device.type_string,
        values=_values(event.values, packet[1]),
        heard=heard,
        key=key(packet),
        window=0.0 if undecoded else WINDOW,
        rssi=_rssi(event.values.get("Rssi numeric")),
        battery=_battery(event.values.get("Battery numeric")),
        raw=packet,
    )


def _values(found: dict[str, Any], kind: int) -> dict[str, Quantity]:
    values: dict[str, Quantity] = {}
    for name, value in found.items():
        if name in _QUANTITIES and value is not None:
            own, unit = _QUANTITIES[name]
            text = own in ("command", "status") and isinstance(value, str)
            values[own] = Quantity(slug(value) if text else value, unit)
    if kind == _ENERGY1:
        values.pop("energy", None)  # pyRFXtrx adds the currents up there
    return values


def _rssi(nibble: int | None) -> float | None:
    """In dBm: 8 dB a step above -120 (RFXtrx user guide of RFXCOM, "signal level")."""
    return None if nibble is None else 8.0 * nibble - 120


def _battery(level: int | None) -> int | None:
    """In percent: 0 to 9 stand for 10 to 100 (RFXtrx.h)."""
    return None if level is None else min(100, 10 * level + 10)


def key(packet: bytes) -> bytes:
    """What all receptions of this telegram have in common."""
    kind, subtype = packet[1], packet[2]
    content = bytearray(packet[4:] if _is_content(packet) else packet[4:-1])
    if kind == _LIGHTING2 and len(content) > 6 and content[5] not in _LEVELS:
        content[6] = 0
    elif kind == _LIGHTING4:
        del content[3:5]  # as long as this receiver has measured the pulses
    return bytes([kind, subtype]) + bytes(content)


def _is_content(packet: bytes) -> bool:
    """Whether the last byte is something else than signal strength and battery."""
    kind, length = packet[1], packet[0]
    return kind == UNDECODED or (kind == _RFY and length < 0x0C) or (kind == _FUNKBUS and length < 0x0B)
