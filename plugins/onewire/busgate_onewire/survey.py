"""Finds what hangs on a channel, hubs and what is behind them included.

Theory of operation
-------------------
1. A scan lists the trunk past the cache, then the branches of the hubs found, level by level. What is listed nearer to
   the trunk already isn't taken again: owserver shows some devices twice.
2. A name in a listing that is no ROM id is an alias; its id is read from the folder of that name.
3. What doesn't change by itself (supply, resolution, type) is asked once for each device that appears.
"""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING, Final

from busgate_onewire.families import BRANCHES, FAMILIES, HUB
from busgate_onewire.inventory import Found, Place, is_id, listing, rom_id
from busgate_onewire.readings import NO_SUCH, describe
from busgate_onewire.together import together
from gateway.errors import BusFault

if TYPE_CHECKING:
    from collections.abc import Iterable

    from busgate_onewire.owserver import Answer
    from busgate_onewire.server import Server

#: Hubs behind hubs that are followed.
DEEPEST: Final = 4
#: Families that answer a conditional search.
_ALARMING: Final = frozenset({"29", "12", "05", "20", "10", "22", "28", "42", "3B"})


async def survey(server: Server, channel: str) -> list[Found]:
    """All devices of a channel.

    Raises:
        InterfaceDown: no answer.
        BusFault: the channel can't be listed.
    """
    found: dict[str, Found] = {}
    level = [Place(channel)]
    for _ in range(1 + DEEPEST):
        line = server.channels[channel].line
        answers = await line.ask([server.listing("/uncached" + place.path) for place in level])
        if level == [Place(channel)] and answers[0].code:
            raise BusFault(f"{channel} can't be listed: {describe(answers[0].code)}")
        hubs: list[Found] = []
        for place, answer in zip(level, answers, strict=True):
            devices = [d for d in await _listed(server, place, answer) if found.setdefault(d.id, d) is d]
            hubs += [device for device in devices if device.code == HUB]
        level = [hub.place.below(hub.id, branch) for hub in hubs for branch in BRANCHES]
        if not level:
            break
    return await _described(server, channel, found.values())


async def _listed(server: Server, place: Place, answer: Answer) -> list[Found]:
    """The devices in a folder; those known there when the folder can't be listed now."""
    if answer.code and answer.code not in NO_SUCH:
        return [known for known in server.inventory.on(place.channel) if known.place == place]
    names = listing(answer.data)
    ids = dict.fromkeys(filter(is_id, names), "")
    ids |= await _unaliased(server, place, [name for name in names if not is_id(name)])
    return [Found(rom_id(id_), place, alias) for id_, alias in ids.items()]


async def _unaliased(server: Server, place: Place, aliases: list[str]) -> dict[str, str]:
    """Aliases by the id that each stands for."""
    answers = await server.control.ask([server.request(f"{place.path}/{alias}/address") for alias in aliases])
    ids = [answer.data.decode(errors="replace").strip() for answer in answers]
    return {id_: alias for id_, alias in zip(ids, aliases, strict=True) if is_id(id_)}


async def _described(server: Server, channel: str, found: Iterable[Found]) -> list[Found]:
    """Each device with what is known of it, or what can be learnt now."""
    devices = list(found)
    known = server.inventory.devices
    fresh = [device for device in devices if device.id not in known or known[device.id].place != device.place]
    learnt = {device.id: device for device in await _learnt(server, channel, fresh)}
    return [learnt.get(device.id) or _again(known[device.id], device) for device in devices]


def _again(known: Found, seen: Found) -> Found:
    """A known device that was seen again, perhaps under another alias."""
    return known if known.alias == seen.alias else replace(known, alias=seen.alias)


async def _learnt(server: Server, channel: str, devices: list[Found]) -> list[Found]:
    """Ask devices that have appeared for what doesn't change by itself. What can't be told stays open."""
    asked = [(device, name) for device in devices for name in _questions(device)]
    requests = [server.request(f"{device.path}/{name}") for device, name in asked]
    answers = await server.channels[channel].line.ask(requests)
    told: dict[str, dict[str, str]] = {device.id: {} for device in devices}
    for (device, name), answer in zip(asked, answers, strict=True):
        if not answer.code:
            told[device.id][name] = answer.data.decode(errors="replace").strip()
    return [await _with(server, device, told[device.id]) for device in devices]


async def _with(server: Server, device: Found, told: dict[str, str]) -> Found:
    """A device with what it has told."""
    bits = told.get("tempres", "")
    device = replace(
        device,
        kind=device.family.kind or told.get("device_type") or told.get("type") or "",
        powered={"1": True, "0": False}.get(told.get("power", "")),
        bits=int(bits) if bits in ("9", "10", "11", "12") else device.bits,
    )
    attributes = await server.attributes(device)
    return replace(
        device,
        readable=tuple(attribute.name for attribute in attributes if attribute.readable),
        writable=tuple(attribute.name for attribute in attributes if attribute.writable),
    )


def _questions(device: Found) -> list[str]:
    if device.code not in FAMILIES:
        return ["type", "device_type"] if device.code == "7E" else ["type"]
    had = {attribute.name for attribute in device.family.attributes}
    return [name for name in ("power", "tempres") if name in had]


async def alarmed_ids(server: Server) -> list[str]:
    """The devices that answer a conditional search now, on the trunks and on the branches where some may.

    Raises:
        InterfaceDown: no answer.
        BusFault: no channel can be searched.
    """
    outcomes = await together(*(_alarmed(server, name) for name in server.channels))
    if outcomes and all(isinstance(outcome, BusFault) for outcome in outcomes):
        raise BusFault("; ".join(map(str, outcomes)))
    return [id_ for outcome in outcomes if isinstance(outcome, list) for id_ in outcome]


async def _alarmed(server: Server, channel: str) -> list[str]:
    branches = {f.place for f in server.inventory.on(channel) if f.place.branches and f.code in _ALARMING}
    places = [Place(channel), *sorted(branches, key=lambda place: place.path)]
    requests = [server.listing(f"/uncached{place.path}/alarm") for place in places]
    answers = await server.channels[channel].line.ask(requests)
    if all(answer.code and answer.code not in NO_SUCH for answer in answers):
        raise BusFault(f"{channel} can't be searched for alarms: {describe(answers[0].code)}")
    ids: dict[str, None] = {}
    for place, answer in zip(places, answers, strict=True):
        names = [] if answer.code else listing(answer.data)
        unaliased = await _unaliased(server, place, [name for name in names if not is_id(name)])
        ids |= dict.fromkeys([*(rom_id(name) for name in names if is_id(name)), *map(rom_id, unaliased)])
    return list(ids)
