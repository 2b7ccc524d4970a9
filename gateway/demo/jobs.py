"""The stored code of the demonstration, and its jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from gateway.locations import Locations, Place
from gateway.path import P, Path
from gateway.runner.entries import RunnerEntry, new_uid

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.abc import Store

#: Seconds between two readings of a device.
INTERVAL: Final = 1.0
#: The bus that the sticks of all nodes share, and the job that listens to it on any one of them.
RADIO: Final = "radio"
LOCATIONS: Final = Locations()

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
        await _self.set("warning.cold", cold, offline=True)
'''

#: Handles each telegram of the dimmers by noting it in the store, where that outlives the run and its node.
NOTE_DIMMERS: Final = '''\
"""Note what each dimmer is turned to, one entry for each telegram; the last `keep` of a run stay."""
import secrets
import anyio
from gateway.errors import Detached, Uncertain
run, number = secrets.token_hex(4), 0
await _self.listen()
await _self.setup_done()
async for msg in _info:
    if isinstance(msg, _cls.TelegramMsg) and "level" in msg.values:
        turned = {"node": _cfg.node.name, "device": msg.device, "level": msg.values["level"].value}
        while True:
            try:
                await _self.set(["dimmers", run, number % keep], turned)
                break
            except (Detached, Uncertain):   # written once more, it is the same
                await anyio.sleep(0.1)
        number += 1
'''


def state_of_poll(node: str) -> Path:
    """Where the state of the job stands that polls a node's 1-Wire bus."""
    return LOCATIONS.states_of(Place("at", "default", node)) / "poll" / node


def state_of_radio() -> Path:
    """Where the state of the job stands that listens to the radio."""
    return LOCATIONS.states_of(Place("any", "default")) / RADIO


async def store_polling_jobs(store: Store, nodes: Sequence[str]) -> None:
    """Have each node poll the bus that is called like it, and the first one do the job of the README."""
    names = {"vars": ["readings", "limit"], "default": {"readings": P("onewire")}}
    await _store_code(store, P("warn.cold"), WARN_COLD, **names)
    await _store_job(store, Place("at", "default", nodes[0]), P("warn.cold"), P("warn.cold"), {"limit": 13.0})
    for node in nodes:
        data = {"interval": INTERVAL}
        await _store_job(store, Place("at", "default", node), Path("poll", node), P("onewire.poll"), data, node)


async def store_radio_job(store: Store) -> None:
    """Have one of the nodes note what the dimmers say, whichever it may be."""
    await _store_code(store, P("note.dimmers"), NOTE_DIMMERS, vars=["keep"], default={"keep": 1000})
    await _store_job(store, Place("any", "default"), Path(RADIO), P("note.dimmers"), {}, RADIO)


async def _store_code(store: Store, path: Path, code: str, **fields: Any) -> None:
    """As ``busgate code set --async`` does."""
    await store.set(LOCATIONS.procedures + path, {"code": code, "is_async": True, **fields})


async def _store_job(
    store: Store, place: Place, path: Path, code: Path, data: dict[str, Any], bus: str | None = None
) -> None:
    """As ``busgate run set -t 0`` does."""
    job = RunnerEntry(code=code, data=data, bus=bus, target=store.clock.now(), uid=new_uid(store.random))
    await store.set(LOCATIONS.jobs_of(place) + path, job.to_map())
