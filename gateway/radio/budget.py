"""Budget: how long one transmitter may be on the air in each band, within any hour; without I/O.

Theory of operation
-------------------
1. The law limits the *duty cycle*: the share of any hour that a transmitter is on the air (EN 300 220-1, duty cycle).
   A token bucket lets twice that pass within the hour after a pause, so what was sent is listed, and leaves the list an
   hour later. Transmissions within ``SLOT`` share one item, which bears the time of the last of them.
2. A transmission is *taken* before it is made and *spent* when it has ended, or given back if it certainly wasn't made.
   What is taken counts from taking to an hour after the end. So whatever hour one looks at: when the last transmission
   in it was taken, all the others in it counted.
3. What has been used survives the process: before anything is taken, airtime is *drawn*: it is stored as used, some
   more than is needed now, so that not every transmission waits for the store. A new process takes what was drawn as
   used just now, however little of it was.
4. Stored times are of the wall clock: a new process works out from them how long ago something was sent. A wall clock
   that has been set back, or hasn't been set yet, makes it shorter ago, so that less may be sent.
5. ``RESERVE`` of the budget is for what is urgent.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Seconds of the period that the share is of.
HOUR: Final = 3600.0
#: Share of the time on the air by band, from ERC Recommendation 70-03, annex 1: 433.05 to 434.79 MHz, 868.0 to 868.6,
#: 868.7 to 869.2, and 869.4 to 869.65 MHz.
DUTY_CYCLE: Final[Mapping[str, float]] = {"433": 0.1, "868.0": 0.01, "868.7": 0.001, "869.4": 0.1}
#: The share in a band of which nothing is known: the least of them.
STRICTEST: Final = min(DUTY_CYCLE.values())
#: Share of the budget that only urgent commands may use.
RESERVE: Final = 0.1
#: Share of the budget that is drawn ahead of need.
AHEAD: Final = 0.01
#: Seconds within which transmissions are listed as one.
SLOT: Final = 10.0
#: Seconds of airtime that rounding may lose or gain.
GRAIN: Final = 1e-6


@dataclass(slots=True)
class Band:
    """The airtime of one band, in seconds; times are of the node's lease clock.

    Attributes:
        spent: ``[end of the last transmission, airtime]`` of each slot, in order.
        taken: by transmissions under way.
        drawn: stored as used, but neither spent nor taken.
    """

    limit: float
    spent: list[list[float]] = field(default_factory=list)
    taken: float = 0.0
    drawn: float = 0.0

    def used(self, now: float) -> float:
        """What counts now, but for what is drawn."""
        while self.spent and self.spent[0][0] <= now - HOUR:
            self.spent.pop(0)
        return sum(airtime for _, airtime in self.spent) + self.taken

    def wait(self, airtime: float, now: float, *, urgent: bool) -> float:
        """Seconds until so much may be sent; 0: now. Infinite: it is more than the band allows at all."""
        limit = self.limit if urgent else self.limit * (1 - RESERVE)
        excess = self.used(now) + airtime - limit - GRAIN
        if excess <= 0:
            return 0.0
        for end, freed in self.spent:
            excess -= freed
            if excess <= 0:
                return end + HOUR - now
        return float("inf") if airtime > limit + GRAIN else HOUR

    def add(self, airtime: float, end: float) -> None:
        """So much has been sent."""
        if self.spent and end // SLOT == self.spent[-1][0] // SLOT:
            airtime += self.spent.pop()[1]
        self.spent.append([end, airtime])


class Budget:
    """All bands of one transmitter.

    Args:
        duty_cycle: share of the time by band; it goes before ``DUTY_CYCLE``.
    """

    def __init__(self, duty_cycle: Mapping[str, float]) -> None:
        self._shares = {**DUTY_CYCLE, **duty_cycle}
        self._bands: dict[str, Band] = {}

    def wait(self, band: str, airtime: float, now: float, *, urgent: bool = False) -> float:
        """Seconds until so much may be sent; 0: now. Infinite: never, as it is more than the band allows."""
        return self._band(band).wait(airtime, now, urgent=urgent)

    def enough_drawn(self, band: str, airtime: float) -> bool:
        """Whether what is drawn suffices."""
        return self._band(band).drawn >= airtime

    def draw(self, band: str, airtime: float, now: float) -> None:
        """Draw so much, and some more if there is some; to be stored before anything is taken."""
        found = self._band(band)
        room = max(airtime, found.limit - found.used(now))
        found.drawn = max(found.drawn, min(room, airtime + found.limit * AHEAD))

    def take(self, band: str, airtime: float) -> None:
        """A transmission is about to be made; so much is drawn."""
        found = self._band(band)
        found.drawn -= airtime
        found.taken += airtime

    def spend(self, band: str, airtime: float, now: float) -> None:
        """A transmission that was taken has ended, or may have been made and has ended by then."""
        found = self._band(band)
        found.taken -= airtime
        found.add(airtime, now)

    def give_back(self, band: str, airtime: float) -> None:
        """A transmission that was taken was certainly not made."""
        found = self._band(band)
        found.taken -= airtime
        found.drawn += airtime

    def share_used(self, now: float) -> dict[str, float]:
        """The part of each band's budget that is used."""
        return {name: band.used(now) / band.limit for name, band in self._bands.items()}

    def to_map(self, now: float, wall: float) -> dict[str, Any]:
        """As it is stored, with Unix times: ``{band: {spent: [[time, seconds]], open: seconds}}``."""
        return {
            name: {
                "spent": [[wall - (now - end), airtime] for end, airtime in band.spent if end > now - HOUR],
                "open": band.drawn + band.taken,
            }
            for name, band in self._bands.items()
        }

    def load(self, stored: Any, now: float, wall: float) -> None:
        """Take in what was stored; what can't be read counts as if everything had been used.

        Raises: AttributeError, KeyError, TypeError, ValueError: it is no such record.
        """
        for name, fields in stored.items():
            band = self._band(str(name))
            for time, airtime in sorted([float(time), float(airtime)] for time, airtime in fields["spent"]):
                band.spent.append([now - max(0.0, wall - time), airtime])
            if fields["open"] > 0:
                band.spent.append([now, float(fields["open"])])

    def exhaust(self, now: float) -> None:
        """Take everything as used."""
        for name in self._shares:
            self._band(name).add(self._band(name).limit, now)

    def _band(self, name: str) -> Band:
        found = self._bands.get(name)
        if found is None:
            found = self._bands[name] = Band(HOUR * self._shares.get(name, STRICTEST))
        return found
