"""Whether the hardware answers: as the running node says, else by opening each interface for the moment."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any, Final

import anyio

from gateway.bus.interfaces import Interfaces, InterfaceSpec
from gateway.doctor.finding import Finding

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterable

    from gateway.abc import Driver
    from gateway.clock import Clock
    from gateway.config import InterfaceSection

#: Seconds that hardware which is opened for the moment may take to come up; all of it is opened at the same time.
OPENING: Final = 5.0


async def check_interfaces(
    interfaces: Iterable[InterfaceSection],
    find_driver: Callable[[str], type[Driver]],
    running: Iterable[dict[str, Any]] | None,
    *,
    clock: Clock,
    random: random.Random,
) -> list[Finding]:
    """Tell of each interface whether it is up, else why not.

    Args:
        running: what the running node of this configuration says of its interfaces (``Interfaces.snapshot``);
            None: it doesn't run, so that the hardware may be opened here.
    """
    if running is not None:
        return [_told(one, "the running node has it up") for one in running]
    logging.getLogger("busgate").addHandler(logging.NullHandler())  # else Python would print what comes back as finding
    specs = [InterfaceSpec(one.name, one.bus, one.driver, one.options) for one in interfaces]
    async with Interfaces(specs, find_driver, node="doctor", clock=clock, random=random) as opened:
        with anyio.move_on_after(OPENING):
            while any(one["state"] == "opening" for one in opened.snapshot()):
                await opened.changed()
        snapshot = opened.snapshot()
    return [_told(one, "it answers") for one in snapshot]


def _told(one: dict[str, Any], well: str) -> Finding:
    name, about = one["name"], f"driver {one['driver']}, bus {one['bus']}"
    if one["state"] == "up":
        return Finding("interfaces", "ok", name, f"{well} ({about})")
    state = "it doesn't answer" if one["state"] == "opening" else f"it is {one['state']}"
    advice = f"see to its plug, its server and its options; then: busgate bus scan {one['bus']}"
    return Finding("interfaces", "problem", name, f"{state} ({about}): {one['reason']}", advice)
