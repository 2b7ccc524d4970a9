"""The demonstration: a simulated house, one node, three stored jobs, and a server that is restarted under them.

The only file that knows both the gateway and the simulator.
"""

from __future__ import annotations

import tempfile
from dataclasses import asdict, dataclass, field
from pathlib import Path as File
from typing import TYPE_CHECKING, Any, Final

import anyio

from gateway.config import Config
from gateway.config.shipped import config_file
from gateway.locations import Locations, Place
from gateway.node import Node
from gateway.path import P, Path
from gateway.runner.entries import RunnerEntry, new_uid
from gateway.values import Change
from hwsim import House

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.abc import Store
    from gateway.plugins import Plugins

#: The bus whose server is restarted, and how many seconds it is away.
RESTARTED: Final = "attic"
AWAY: Final = 1.5
#: Seconds that the demonstration may take for each of its steps before it gives up waiting.
PATIENCE: Final = 8.0
#: Seconds between two readings of a device.
INTERVAL: Final = 1.0

#: The job of the README: what stored code looks like.
WARN_COLD: Final = '''\
"""Keep a list of the places that are colder than `limit` (in °C)."""
await _self.watch(readings, min_depth=2, max_depth=2)
cold = {}
async for msg in _info:
    if isinstance(msg, _cls.ReadyMsg):
        await _self.setup_done()
    elif isinstance(msg, _cls.ChangeMsg) and msg.path[-1] == "temperature":
        reading = getattr(msg, "value", {})         # no value: deleted
        device = msg.path[-2]
        if reading.get("quality") == "ok" and reading["value"] < limit:
            cold[device] = _digits(reading["value"], 3)
        else:
            cold.pop(device, None)
        await _self.set("warning.cold", cold)
'''


@dataclass(slots=True)
class Board:
    """What the store says of the house: the last reading of each attribute of each device, and how many came."""

    readings: int = 0
    latest: dict[str, dict[str, dict[str, Any]]] = field(default_factory=dict)
    cold: dict[str, float] = field(default_factory=dict)
    changed: anyio.Event = field(default_factory=anyio.Event)

    def take(self, change: Change) -> None:
        """Note one change of the store."""
        match list(change.path):
            case ["onewire", str(device), str(attribute)] if isinstance(change.value, dict):
                self.readings += 1
                self.latest.setdefault(device, {})[attribute] = change.value
            case ["warning", "cold"] if isinstance(change.value, dict):
                self.cold = change.value
        self.changed.set()
        self.changed = anyio.Event()

    def well(self, device: str, since: float = 0.0) -> bool:
        """Whether a device has given a good reading, after a moment in Unix seconds."""
        readings = self.latest.get(device, {}).values()
        return any(one["quality"] == "ok" and one["time"] > since for one in readings)

    def settled(self, device: str) -> bool:
        """Whether what a device says now isn't from before an outage."""
        return all(one["quality"] in ("ok", "suspect") for one in self.latest.get(device, {}).values())

    async def until(self, satisfied: Callable[[], bool]) -> bool:
        """Wait for so long as is bearable; return whether it came true."""
        with anyio.move_on_after(PATIENCE):
            while not satisfied():
                await self.changed.wait()
        return satisfied()


@dataclass(frozen=True, slots=True)
class Summary:
    """How it went. ``devices`` have given a reading; ``suspect`` readings stand in the store now."""

    ok: bool
    devices: int
    readings: int
    suspect: int
    recovered_after_restart_s: float | None
    errors: list[str]

    def as_map(self) -> dict[str, Any]:
        return asdict(self)


class Demo:
    """One demonstration. ``board`` fills while :meth:`run` runs."""

    def __init__(self, plugins: Plugins) -> None:
        self.board = Board()
        self._plugins = plugins

    async def run(self, tell: Callable[[str], None], *, forever: bool = False) -> Summary:
        """Show the main job at work; ends by itself in under 20 s, or never.

        Args:
            tell: gets what happens, in words.

        Raises:
            Misuse: the onewire plugin is not there; says how to get it.
        """
        self._plugins.driver("onewire")
        house = House.parse(config_file("demo.toml").read_text(), "demo.toml")
        with tempfile.TemporaryDirectory(prefix="busgate-demo-") as folder:
            async with house.running(), anyio.create_task_group() as tasks:
                node = Node(self._config(house, File(folder)), self._plugins)
                await tasks.start(node.run)
                await tasks.start(self._follow, node.store)
                await store_jobs(node.store, node.name, [end.bus for end in house.endpoints])
                summary = await self._story(house, node, tell, forever=forever)
                tasks.cancel_scope.cancel()
        return summary

    def _config(self, house: House, folder: File) -> Config:
        interfaces = [{"bus": end.bus, "driver": end.kind, "url": end.url} for end in house.endpoints]
        return Config.model_validate(
            {
                "node": {"name": "demo"},
                "store": {"url": f"sqlite:{folder / 'store.db'}"},
                "interface": interfaces,
            }
        )

    async def _follow(self, store: Store, *, task_status: Any) -> None:
        async with store.watch(P("onewire"), P("warning")) as events:
            task_status.started()
            async for event in events:
                if isinstance(event, Change):
                    self.board.take(event)

    async def _story(self, house: House, node: Node, tell: Callable[[str], None], *, forever: bool) -> Summary:
        expected = [device.id for device in house.devices() if device.ranges]
        tell(f"{len(expected)} devices on {len(house.endpoints)} buses; one node, three stored jobs")
        await self.board.until(lambda: all(device in self.board.latest for device in expected))
        tell(f"every device was read; the owserver of {RESTARTED!r} is restarted")
        recovered = await self._restart(house, node)
        if recovered is not None:
            tell(f"read again {recovered:.1f} s after the server was back")
        if forever:
            await anyio.sleep_forever()
        await self.board.until(lambda: all(self.board.settled(device) for device in expected))
        return await self._summary(node, expected, recovered)

    async def _restart(self, house: House, node: Node) -> float | None:
        """Restart a server; return the seconds from its return until all that were well are read again."""
        devices = [device.id for device in house.devices(RESTARTED) if self.board.well(device.id)]
        await house.fault("restart", target=RESTARTED, duration=AWAY)
        await anyio.sleep(AWAY)
        back = node.store.clock.now()
        if not await self.board.until(lambda: all(self.board.well(device, back) for device in devices)):
            return None
        return node.store.clock.now() - back

    async def _summary(self, node: Node, expected: list[str], recovered: float | None) -> Summary:
        await node.context.errors.flush()
        errors = [
            f"{one.subsystem} {one.place}: {one.entry.message}"
            for one in await node.context.errors.list()
            if one.entry.resolved is None
        ]
        silent = [device for device in expected if device not in self.board.latest]
        errors += [f"{device} gave no reading" for device in silent]
        shown = [one for attributes in self.board.latest.values() for one in attributes.values()]
        return Summary(
            ok=not errors and recovered is not None,
            devices=len(expected) - len(silent),
            readings=self.board.readings,
            suspect=sum(one["quality"] == "suspect" for one in shown),
            recovered_after_restart_s=None if recovered is None else round(recovered, 2),
            errors=errors,
        )


async def store_jobs(store: Store, node: str, buses: list[str]) -> None:
    """Store the code and the jobs of the demonstration, as ``busgate code set`` and ``busgate run set`` do."""
    locations = Locations()
    await store.set(
        locations.procedures + P("warn.cold"),
        {"code": WARN_COLD, "is_async": True, "vars": ["readings", "limit"], "default": {"readings": P("onewire")}},
    )
    jobs: dict[Path, dict[str, Any]] = {P("warn.cold"): {"code": P("warn.cold"), "data": {"limit": 13.0}}}
    jobs |= {
        Path("poll", bus): {"code": P("onewire.poll"), "bus": bus, "data": {"interval": INTERVAL}} for bus in buses
    }
    where = locations.jobs_of(Place("at", "default", node))
    for path, fields in jobs.items():
        job = RunnerEntry(target=store.clock.now(), uid=new_uid(store.random), **fields)
        await store.set(where + path, job.to_map())
