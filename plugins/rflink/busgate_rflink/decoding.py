"""Lines become telegrams; what is in them is read by rflink.

The key of a telegram leaves out what differs between two receivers of it: the counter of lines, the signal strength,
the battery, zeros before a number, and upper and lower case.
"""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Final

from rflink.parser import decode_packet

from busgate_rflink.lines import report
from gateway.values import Quantity, Telegram

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Seconds; a transmitter sends its copies within 0.2, a person presses again after 0.3 at the earliest.
WINDOW: Final = 0.25

#: Names and units of what rflink finds; what is missing here keeps its name.
_QUANTITIES: Final = {
    "average_windspeed": ("wind_average", "km/h"), "barometric_pressure": ("pressure", "hPa"),
    "co2_air_quality": ("co2", "ppm"), "current_phase_1": ("current_1", "A"), "current_phase_2": ("current_2", "A"),
    "current_phase_3": ("current_3", "A"), "doorbell_melody": ("chime", None), "humidity": ("humidity", "%"),
    "kilowatt": ("kilowatt", "kW"), "light_intensity": ("illuminance", "lx"), "meter_value": ("meter", None),
    "noise_level": ("sound", None), "rain_rate": ("rain_rate", "mm/h"), "temperature": ("temperature", "°C"),
    "total_rain": ("rain_total", "mm"), "voltage": ("voltage", "V"), "volt": ("voltage", "V"), "watt": ("power", "W"),
    "weather_forecast": ("forecast", None), "windchill": ("wind_chill", "°C"), "winddirection": ("wind_direction", "°"),
    "windgusts": ("wind_gust", "km/h"), "windspeed": ("wind_speed", "km/h"), "windtemp": ("temperature", "°C"),
}  # fmt: skip
#: What is said otherwise.
_ELSEWHERE: Final = frozenset({"node", "protocol", "id", "switch", "rssi", "battery"})
#: Steps of a dimmer (RFLink Protocol Reference, SET_LEVEL).
STEPS: Final = 15


def decode(line: bytes, heard: float) -> Telegram | None:
    """Read a line that was heard at ``heard`` (``clock.lease_now()``); None when it doesn't come from the air.

    Raises:
        Exception: of any type, from rflink, which trusts what it reads.
    """
    text = line.decode("ascii")
    if (found := report(text)) is None:
        return None
    protocol, fields = found
    signal = next((field for field in fields if field.upper().startswith("RSSI=")), "")
    kept = [field for field in fields if field != signal]
    packet = decode_packet(f"20;00;{protocol};{';'.join(kept)};")
    return Telegram(
        device=device_of(packet),
        kind=protocol,
        values=_values(packet),
        heard=heard,
        key=key(protocol, kept),
        window=WINDOW,
        rssi=float(signal[5:]) if re.fullmatch(r"-?\d{1,3}", signal[5:]) else None,
        raw=line,
    )


def slug(protocol: str) -> str:
    """A protocol within the id of a device, as rflink has it; without that library's table, which only grows."""
    return re.sub(r"[^a-z0-9_]+", "", protocol.lower())


def device_of(packet: dict[str, Any]) -> str:
    """``newkaku_0000c6c2_1``: protocol, id and, where there is one, switch."""
    parts = (slug(packet["protocol"]), packet["id"], packet.get("switch"))
    if not all(re.fullmatch(r"[a-z0-9_]{1,40}", part) for part in parts if part is not None):
        raise ValueError(f"no id of a device: {parts}")
    return "_".join(part for part in parts if part)


def _values(packet: dict[str, Any]) -> dict[str, Quantity]:
    values: dict[str, Quantity] = {}
    for name, value in packet.items():
        if name in _ELSEWHERE or name.endswith("_unit"):
            continue
        own, unit = _QUANTITIES.get(name, (name, None))
        if name == "command":
            values |= _command(value)
        elif isinstance(value, str):
            values[own] = Quantity({"on": True, "off": False}.get(value, value), unit)
        elif math.isfinite(value) and abs(value) < 2**53:
            values[own] = Quantity(value, unit)
    if "battery" in packet:
        values["battery_low"] = Quantity(packet["battery"] != "ok")
    return values


def _command(text: str) -> dict[str, Quantity]:
    """``set_level=14`` has a level, in percent here."""
    word, _, level = text.partition("=")
    if not level:
        return {"command": Quantity(word)}
    return {"command": Quantity(word), "level": Quantity(round(int(level) * 100 / STEPS), "%")}


def key(protocol: str, fields: Iterable[str]) -> bytes:
    """What all receptions of this telegram have in common; ``fields`` are those of the line, without RSSI."""
    parts = [slug(protocol)]
    for field in fields:
        name, _, value = field.lower().partition("=")
        if name in ("id", "switch"):
            value = value.lstrip("0")
        if name != "bat":
            parts.append(f"{name}={value}")
    return ";".join(parts).encode()
