"""The simulated house of the demonstration; the only file that knows both the gateway and the simulator."""

from __future__ import annotations

from contextlib import asynccontextmanager
from itertools import count
from typing import TYPE_CHECKING, Any, Final

import anyio

from gateway.config.shipped import config_file
from gateway.demo.jobs import RADIO
from gateway.demo.judge import Content, Sent
from hwsim import House
from hwsim.radio.signal import Ac

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from hwsim.radio.air import Transmission

#: Dimmers that are turned one after the other, and seconds from one to the next by default.
DIMMERS: Final = tuple(f"dimmer_{number}" for number in range(1, 9))
PACE: Final = 0.1
#: Levels that a dimmer can be turned to.
LEVELS: Final = 16


class DemoHouse:
    """The house of ``config/demo.toml``: each node has a 1-Wire bus of its name, and a stick on the one air.

    Args:
        pace: seconds from one dimmer's turn to the next one's.
    """

    def __init__(self, pace: float = PACE) -> None:
        self.pace = pace
        self._house = House.parse(config_file("demo.toml").read_text(), "demo.toml")
        self.nodes: list[str] = []
        self._sticks: dict[str, str] = {}  # node by stick

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Serve it; what is plugged into which node is known from then on."""
        async with self._house.running():
            self.nodes = [end.bus for end in self._house.endpoints if end.kind == "onewire"]
            self._sticks = {f"{node}_stick": node for node in self.nodes}
            yield

    def now(self) -> float:
        """Seconds since it began to run."""
        return self._house.time.now()

    def interfaces(self, node: str) -> list[dict[str, Any]]:
        """What is plugged into a node, as ``[[interface]]`` says it."""
        return [
            {"bus": node, "driver": "onewire", "url": self._house.url(node)},
            {"bus": RADIO, "driver": "rfxtrx", "port": self._house.url(f"{node}_stick")},
        ]

    def devices(self, bus: str | None = None) -> list[str]:
        """The devices on wires that measure something, of all buses or of one."""
        return [device.id for device in self._house.devices(bus) if device.ranges]

    async def restart(self, bus: str, away: float) -> None:
        """Restart the owserver of a bus; returns when it is back, ``away`` seconds later."""
        fault = await self._house.fault("restart", target=bus)
        await anyio.sleep(away)
        await self._house.end_fault(fault)

    async def unplug(self, node: str) -> None:
        """Pull the stick of a node."""
        await self._house.unplug(f"{node}_stick")

    async def plug(self, node: str) -> None:
        """Plug it in again."""
        await self._house.plug(f"{node}_stick")

    @asynccontextmanager
    async def dimmers_turned(self) -> AsyncIterator[None]:
        """Turn one dimmer after the other, one level further each time round; ends between two telegrams."""
        enough = anyio.Event()
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._turn_dimmers, enough)
            yield
            enough.set()

    async def _turn_dimmers(self, enough: anyio.Event) -> None:
        due = self.now()
        for number in count():
            if enough.is_set():
                return
            level = number // len(DIMMERS) % LEVELS
            await self._house.press(DIMMERS[number % len(DIMMERS)], "level", level=level)
            due = max(due + self.pace, now := self.now())  # who is late doesn't hurry: two at once would collide
            await anyio.sleep(due - now)

    def sent(self) -> list[Sent]:
        """What was sent so far, from the log of the air."""
        return [self._as_sent(entry) for entry in self._house.air.log]

    def _as_sent(self, entry: Transmission) -> Sent:
        heard = {self._sticks[name]: one.first_at for name, one in entry.receptions.items() if one.heard}
        return Sent(_content(entry), entry.began, heard)


def _content(entry: Transmission) -> Content:
    """A dimmer's telegram in the words of busgate-rfxtrx: the level is one of sixteen, told in percent."""
    said = entry.content
    assert isinstance(said, Ac)  # the house has nothing else that sends
    return Content(f"11_0_{said.house:07x}:{said.unit + 1}", (said.level + 1) * 100 // LEVELS)
