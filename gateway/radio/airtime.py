"""Airtime: the budgets of this node's transmitters, kept in the store.

Theory of operation
-------------------
1. The record of a transmitter stands at ``airtime.NODE.INTERFACE``. It is read when something is to be sent for the
   first time. Nothing is sent before it has been read and written again by compare-and-set, so that an old value which
   a slow store has given is noticed.
2. When a write fails, the record is read anew next time: what was drawn then counts as used. So it is never too little.
3. Calls for one transmitter come one after the other; its owner sees to that.
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

from gateway.errors import BusFault, BusgateError, ClaimLost, Conflict, NoAirtime, Uncertain
from gateway.radio.budget import Budget
from gateway.values import NotGiven

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from gateway.abc import Store
    from gateway.path import Path
    from gateway.values import Transmission

#: How often a record that others change is read anew.
TRIES: Final = 3

_log = logging.getLogger("busgate.radio")


@dataclass(slots=True)
class _Book:
    budget: Budget
    revision: int


class Airtime:
    """The budgets of one node.

    Args:
        place: ``place / INTERFACE`` is where a record stands.
        duty_cycle: share of the time by band; it goes before the default.
    """

    def __init__(self, store: Store, place: Path, duty_cycle: Mapping[str, float] | None = None) -> None:
        self._store = store
        self._place = place
        self._duty_cycle = duty_cycle or {}
        self._books: dict[str, _Book] = {}

    async def take(
        self, interface: str, what: Transmission, duty_cycle: Mapping[str, float], *, urgent: bool = False
    ) -> Budget:
        """Take the airtime of a transmission; it must be used with :func:`on_air`.

        Args:
            duty_cycle: what the interface's own options say.

        Raises:
            NoAirtime: it has to wait.
            BusFault: (``unsent``) the record can't be read or written now.
        """
        for _ in range(TRIES):
            try:
                budget = await self._drawn(interface, what, duty_cycle, urgent=urgent)
            except (Conflict, Uncertain):
                continue
            except BusgateError as error:
                if isinstance(error, NoAirtime):
                    raise
                why = f"the airtime of {interface!r} can't be accounted for: {error}"
                raise BusFault(f"nothing was sent: {why}", unsent=True) from error
            budget.take(what.band, what.airtime)
            return budget
        raise BusFault(f"nothing was sent: the airtime of {interface!r} can't be stored", unsent=True)

    async def _drawn(
        self, interface: str, what: Transmission, duty_cycle: Mapping[str, float], *, urgent: bool
    ) -> Budget:
        """The budget, in which enough is drawn and stored."""
        now = self._store.clock.lease_now
        book = self._books.get(interface)
        if book is None:
            book = await self._read(interface, {**self._duty_cycle, **duty_cycle})
        budget = book.budget
        if (wait := budget.wait(what.band, what.airtime, now(), urgent=urgent)) > 0:
            raise NoAirtime(interface, what.band, wait)
        if interface not in self._books or not budget.enough_drawn(what.band, what.airtime):
            budget.draw(what.band, what.airtime, now())
            record = budget.to_map(now(), self._store.clock.now())
            self._books.pop(interface, None)  # until it is certain that what was drawn is stored
            book.revision = await self._store.set(self._place / interface, record, revision=book.revision)
            self._books[interface] = book
        return budget

    async def _read(self, interface: str, duty_cycle: Mapping[str, float]) -> _Book:
        entry = await self._store.get(self._place / interface)
        clock, budget = self._store.clock, Budget(duty_cycle)
        if entry.value is not NotGiven:
            try:
                budget.load(entry.value, clock.lease_now(), clock.now())
            except (AttributeError, KeyError, TypeError, ValueError) as error:
                _log.error("the airtime record %s can't be read, so all of it counts as used: %s", entry.path, error)
                budget = Budget(duty_cycle)
                budget.exhaust(clock.lease_now())
        return _Book(budget, entry.revision)

    @contextmanager
    def on_air(self, budget: Budget, what: Transmission) -> Iterator[None]:
        """While this is entered a transmission is made. Only what certainly wasn't sent is given back."""
        try:
            yield
        except BusgateError as error:
            if isinstance(error, ClaimLost) or getattr(error, "unsent", False):
                budget.give_back(what.band, what.airtime)
            else:
                self._spend(budget, what)
            raise
        except BaseException:
            self._spend(budget, what)
            raise
        else:
            self._spend(budget, what)

    def _spend(self, budget: Budget, what: Transmission) -> None:
        budget.spend(what.band, what.airtime, self._store.clock.lease_now() + what.airtime)
