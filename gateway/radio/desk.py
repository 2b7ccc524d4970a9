"""Desk: carries out orders on the radios of this node, for its own runs and for those of other nodes.

Theory of operation
-------------------
1. Orders for one radio are carried out one after the other, whoever they are of.
2. Before a driver is asked to transmit, the airtime is taken from the budget, and all nodes are told which telegram
   they are going to hear. Both happen before the permit is asked, which the driver does at the last moment.
3. Whatever happens gives an attempt; only cancellation leaves without.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import anyio

from gateway.abc import MAX_WRITE_TIME
from gateway.errors import BusFault, BusgateError, InterfaceDown
from gateway.radio.gate import OrderPermit, TooLate
from gateway.radio.orders import Attempt

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.abc import Permit
    from gateway.bus.checked import CheckedInterface
    from gateway.bus.interfaces import Interfaces
    from gateway.radio.airtime import Airtime
    from gateway.radio.gate import Gate
    from gateway.radio.orders import Order
    from gateway.radio.radio import Radio
    from gateway.values import Transmission


class Desk:
    """Of one node."""

    def __init__(self, interfaces: Interfaces, radio: Radio, airtime: Airtime, gate: Gate) -> None:
        self._interfaces = interfaces
        self._radio = radio
        self._airtime = airtime
        self._gate = gate
        self._locks: dict[str, anyio.Lock] = {}

    def radios(self, bus: str) -> list[str]:
        """The names of the radios of a bus that are up here, the best first."""
        able = [one for one in self._interfaces.of(bus) if one.transmits]
        return [one.spec.name for one in sorted(able, key=lambda one: one.trouble)]

    def all_radios(self) -> dict[str, list[str]]:
        """The same of all buses that have some."""
        found = {bus: self.radios(bus) for bus in self._interfaces.buses}
        return {bus: names for bus, names in found.items() if names}

    def complete(self, bus: str) -> bool:
        """Whether all interfaces of a bus here are up, so that each can say whether a device is bound to it."""
        return all(one.up for one in self._interfaces.of(bus))

    def meaning(
        self, bus: str, device: str, command: str, values: Mapping[str, Any]
    ) -> tuple[str, Transmission] | None:
        """The first radio of this node in the configuration that can transmit this, and what it is; None: no such."""
        for interface in self._interfaces.of(bus):
            if interface.transmits:
                try:
                    return interface.spec.name, _meaning(interface.use(), device, command, values)
                except BusgateError:
                    continue
        return None

    async def carry_out(self, order: Order, own: Permit | None) -> Attempt:
        """Transmit, if it may be done.

        Args:
            own: the permit of a run of this node; None: the order is of another node.
        """
        if order.claim is not None:
            self._gate.note(order.claim, order.token)
        async with self._locks.setdefault(order.interface, anyio.Lock()):
            return await _Errand(order).run(self, OrderPermit(self._gate, order, own))

    async def transmit(self, errand: _Errand, permit: Permit) -> int:
        """Do one errand; returns the level."""
        order = errand.order
        interface = next((one for one in self._interfaces.of(order.bus) if one.spec.name == order.interface), None)
        if interface is None:
            raise InterfaceDown(f"there is no interface {order.interface!r} of bus {order.bus!r}", unsent=True)
        errand.what = what = _meaning(interface.use(), order.device, order.command, order.values)
        if what.bound and not order.may_be_bound:
            why = f"{order.device} obeys only one transmitter, which is down or on the node that sends the command"
            raise InterfaceDown(why, unsent=True)
        permit.check(0.0)  # the budget and the others need not hear of what is refused
        shares = interface.spec.options.get("duty_cycle") or {}
        budget = await self._airtime.take(order.interface, what, shares, urgent=order.urgent)
        with self._airtime.on_air(budget, what):
            if what.key is not None:
                await self._radio.expect_echo(order.bus, what.key, what.airtime + MAX_WRITE_TIME)
            up = interface.use()
            errand.begun = True
            level = await up.send(order.device, order.command, order.values, permit=permit)
        return 2 if level == 2 else 1


class _Errand:
    """One order while it is carried out."""

    def __init__(self, order: Order) -> None:
        self.order = order
        self.what: Transmission | None = None
        self.begun = False

    async def run(self, desk: Desk, permit: Permit) -> Attempt:
        try:
            level = await desk.transmit(self, permit)
        except TooLate as late:
            return Attempt.failed(late.fault(), self.what, begun=False)
        except BusgateError as error:
            return Attempt.failed(error, self.what, begun=self.begun)
        assert self.what is not None
        what = self.what
        return Attempt(
            "yes", 2 if level == 2 else 1, repeatable=what.repeatable, bound=what.bound, answers=what.answers
        )


def _meaning(up: CheckedInterface, device: str, command: str, values: Mapping[str, Any]) -> Transmission:
    try:
        return up.transmission(device, command, values)
    except BusgateError:
        raise
    except Exception as error:
        raise BusFault(f"driver crashed: {type(error).__name__}: {error}", unsent=True) from error
