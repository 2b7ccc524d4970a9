"""What the store says of the demonstration: readings, telegrams, nodes, and what is wrong."""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING, Any, Final

import anyio

from gateway.demo.jobs import LOCATIONS, RADIO, state_of_poll, state_of_radio
from gateway.demo.judge import Content, Handled
from gateway.demo.receivers import Receivers
from gateway.path import P, Path
from gateway.values import Change

if TYPE_CHECKING:
    from collections.abc import Callable

    from anyio.abc import TaskStatus

    from gateway.abc import Store

#: Telegrams that are remembered: far more than there are in a demonstration that ends by itself.
REMEMBERED: Final = 10_000

Values = dict[str, Any]


class Board:
    """Fills while :meth:`follow` runs.

    Args:
        now: tells the time in seconds, by the same clock as the log of the air.

    Attributes:
        readings: how many came.
        latest: the last reading of each attribute of each device on a wire.
        cold: what the job ``warn.cold`` says.
        handled: the telegrams that were, in that order; ``noted`` is how many.
        levels: of the dimmers, in percent.
        receivers: which nodes could hear when.
        errors: the open error records, a line for each.
    """

    def __init__(self, now: Callable[[], float]) -> None:
        self.readings = 0
        self.latest: dict[str, dict[str, Values]] = {}
        self.cold: dict[str, float] = {}
        self.handled: deque[Handled] = deque(maxlen=REMEMBERED)
        self.noted = 0
        self.levels: dict[str, int] = {}
        self.receivers = Receivers(now)
        self.errors: dict[Path, str] = {}
        self._now = now
        self._radio: Values = {}
        self._presence: dict[str, Values] = {}
        self._polls: dict[str, Values] = {}
        self._changed = anyio.Event()

    async def follow(self, store: Store, *, task_status: TaskStatus[None]) -> None:
        """Take what the store says, until cancelled; started when it is going to."""
        where = P("onewire"), P("warning"), P("dimmers"), LOCATIONS.states, LOCATIONS.presence, LOCATIONS.errors
        async with store.watch(*where) as events:
            task_status.started()
            async for event in events:
                if isinstance(event, Change):
                    self.take(event)

    def take(self, change: Change) -> None:
        """Note one change of the store."""
        value: Values = change.value if isinstance(change.value, dict) else {}
        match list(change.path):
            case ["onewire", str(device), str(attribute)] if value:
                self.readings += 1
                self.latest.setdefault(device, {})[attribute] = value
            case ["warning", "cold"]:
                self.cold = value
            case ["dimmers", str(run), int()] if value:
                self._note_telegram(run, value)
            case _:
                self._note_record(change.path, value)
        self.stir()

    def stir(self) -> None:
        """Have those look again who wait for something."""
        self._changed.set()
        self._changed = anyio.Event()

    async def news(self) -> None:
        """Wait for a change."""
        await self._changed.wait()

    @property
    def holder(self) -> str | None:
        """The node on which the radio job listens, as far as is known."""
        begun = self._radio.get("pinged", 0) >= self._radio.get("started", 1)
        return self._radio.get("node") if begun else None

    def well(self, device: str, since: float = 0.0) -> bool:
        """Whether a device has given a good reading, after a moment in Unix seconds."""
        readings = self.latest.get(device, {}).values()
        return any(one["quality"] == "ok" and one["time"] > since for one in readings)

    def polled(self, node: str, since: float) -> bool:
        """Whether a node has read a device on a wire, after a moment in Unix seconds."""
        readings = (one for attributes in self.latest.values() for one in attributes.values())
        return any(one["time"] > since and one["source"].split("/")[0] == node for one in readings)

    def settled(self, device: str) -> bool:
        """Whether a device was read, and what it says now isn't from an outage."""
        readings = self.latest.get(device, {})
        return bool(readings) and all(one["quality"] in ("ok", "suspect") for one in readings.values())

    def _note_telegram(self, run: str, value: Values) -> None:
        content = Content(value["device"], value["level"])
        self.handled.append(Handled(content, value["node"], run, self._now()))
        self.noted += 1
        self.levels[content.device] = content.level

    def _note_record(self, path: Path, value: Values) -> None:
        node = str(path[-1])
        if path == state_of_radio():
            self._radio = value
        elif path == state_of_poll(node):
            self._polls[node] = value
            self._look_at(node)
        elif path.below(LOCATIONS.presence):
            self._presence[node] = value
            self._look_at(node)
        elif path.below(LOCATIONS.errors):
            self.errors.pop(path, None)
            if value.get("resolved", 0) is None:
                self.errors[path] = f"{path.after(LOCATIONS.errors)}: {value['message']}"

    def _look_at(self, node: str) -> None:
        """Whether a node can hear: its runners have begun, and its stick is up."""
        presence, poll = self._presence.get(node, {}), self._polls.get(node, {})
        incarnation = presence.get("incarnation")
        stick = presence.get("interfaces", {}).get(RADIO, {})
        hears = poll.get("node") == node and poll["incarnation"] == incarnation and stick.get("state") == "up"
        self.receivers.see(node, (incarnation, stick["since"]) if hears else None)
