"""``radio.receive``: the procedure that stores what the devices of a radio bus say, and publishes it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from gateway.path import Path
from gateway.values import Reading, RegisteredProcedure

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Seconds after which every receiver that heard a telegram has told so.
COMPLETE: Final = 1.0


async def receive(_self: Any, _info: Any, _cls: Any, bus: str, dest: Any) -> None:
    """Listen for ever.

    The last value of each quantity stands at ``dest`` + bus + device + name, as a reading. How each receiver heard the
    device last stands at ``link`` beside them: dBm by ``NODE/INTERFACE``, or null. Each telegram is also published at
    the topic ``radio.BUS.DEVICE``: ``{kind, values, rssi, battery, time, age, replayed, heard}``.
    """
    base = Path.build(dest) / bus
    last: dict[str, float] = {}
    links: dict[str, Any] = {}
    await _self.listen(bus)
    await _self.setup_done()
    async for msg in _info:
        if not isinstance(msg, _cls.TelegramMsg):
            continue
        if msg.time >= last.get(msg.device, 0.0):  # one that comes again mustn't undo a newer one
            last[msg.device] = msg.time
            for name, reading in readings(msg).items():
                await _self.set(base / msg.device / name, reading.as_map(), offline=True)
        await _self.send(Path("radio", bus, msg.device), event(msg))
        for device in [device for device, one in links.items() if one.time < msg.time - COMPLETE]:
            await _self.set(base / device / "link", dict(links.pop(device).heard), offline=True)
        links[msg.device] = msg


def readings(msg: Any) -> dict[str, Reading]:
    """What a telegram says, as readings by name; battery and signal strength among them."""
    source = msg.msg.reception.interface
    found = {name: Reading(value.value, value.unit, msg.time, "ok", source) for name, value in msg.values.items()}
    if msg.battery is not None:
        found.setdefault("battery", Reading(msg.battery, "%", msg.time, "ok", source))
    if msg.rssi is not None:
        found.setdefault("rssi", Reading(msg.rssi, "dBm", msg.time, "ok", source))
    return found


def event(msg: Any) -> Mapping[str, Any]:
    """A telegram as it is published."""
    return {
        "kind": msg.kind,
        "values": {name: {"value": value.value, "unit": value.unit} for name, value in msg.values.items()},
        "rssi": msg.rssi,
        "battery": msg.battery,
        "time": msg.time,
        "age": msg.age,
        "replayed": msg.replayed,
        "heard": dict(msg.heard),
    }


RECEIVE: Final = RegisteredProcedure(
    Path("radio", "receive"), receive, {"dest": "radio"}, "stores what the devices of a radio bus say, and publishes it"
)
