"""A recording as text: each frame with its time, connection and direction."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from hwsim.recording.conversation import dialect_of, items
from hwsim.recording.framing import dump
from hwsim.recording.tape import Event

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwsim.recording.conversation import Item
    from hwsim.recording.dialects import Dialect
    from hwsim.recording.tape import Recording

_SIGNS: Final = {Event.TO_DEVICE: ">", Event.TO_HOST: "<"}
_WORDS: Final = {
    Event.OPENED: "opened",
    Event.CLOSED_BY_HOST: "closed by the host",
    Event.CLOSED_BY_DEVICE: "closed by the device",
    Event.BROKEN: "broken by the device",
}


def summary(recording: Recording) -> str:
    """What it is a recording of, in one line."""
    header = recording.header
    began = datetime.fromtimestamp(header.started).astimezone().isoformat(" ", "seconds")
    count = len(recording.connections)
    connections = f"{count} connection{'' if count == 1 else 's'}"
    kind = dialect_of(recording).kind
    return f"{kind} at {header.peer}, recorded {began}; {connections} in {recording.duration:.3f} s"


def transcript(recording: Recording) -> Iterator[str]:
    """A line for each frame: seconds, number of the connection, `>` to the device or `<` to the host, what it says."""
    dialect = dialect_of(recording)
    for item in items(recording, dialect):
        sign = _SIGNS.get(item.event, "-")
        yield f"{item.time:12.6f}  {item.connection:3d} {sign} {_text(item, dialect)}"


def rows(recording: Recording) -> Iterator[dict[str, Any]]:
    """The same as objects: `time connection event text`, and `bytes` in hexadecimal digits where there are some."""
    dialect = dialect_of(recording)
    for item in items(recording, dialect):
        row = {"time": item.time, "connection": item.connection, "event": item.event.name.lower()}
        row["text"] = _text(item, dialect)
        yield row if item.frame is None else {**row, "bytes": item.frame.data.hex()}


def _text(item: Item, dialect: Dialect) -> str:
    if item.frame is None:
        return _WORDS[item.event]
    if not item.frame.whole:
        return f"no frame: {dump(item.frame.data)}"
    told = dialect.host_text if item.event is Event.TO_DEVICE else dialect.device_text
    return told(item.frame.data)
