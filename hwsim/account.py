"""What a house has to tell when a test has failed: its faults, and what went over its buses last."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwsim.house import House
    from hwsim.radio.air import Transmission
    from hwsim.traffic import Exchange

LATEST: Final = 20
"""Lines of each kind."""


def account(house: House) -> str:
    """Tell it in lines; times are seconds since the start of the house."""
    return "\n".join(_lines(house))


def _lines(house: House) -> Iterator[str]:
    for fault in house.faults[-LATEST:]:
        lasted = "is still there" if fault.ended is None else f"ended at {fault.ended:.3f}"
        yield f"fault {fault.kind} of {fault.target}: at {fault.began:.3f}, {lasted}"
    for bus, traffic in house.traffic.items():
        yield f"bus {bus}: the last of {sum(traffic.requests.values())} requests"
        yield from map(_exchange, traffic.recent)
    if house.air.log:
        yield f"air: the last of {house.air.log[-1].number + 1} transmissions"
        yield from map(_transmission, list(house.air.log)[-LATEST:])


def _exchange(one: Exchange) -> str:
    answer = repr(one.data[:40]) if one.ret >= 0 else f"error {one.ret}"
    return f"{one.at:11.3f} {one.kind} {one.path} -> {answer}"


def _transmission(one: Transmission) -> str:
    missed = {name: "/".join(way.missed) for name, way in one.receptions.items() if not way.heard}
    lost = "".join(f", not by {name}: {why}" for name, why in missed.items())
    return f"{one.began:11.3f} {one.sender} {one.content}: heard by {', '.join(one.heard_by) or 'nobody'}{lost}"
