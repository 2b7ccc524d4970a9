"""The one air that all radios of a house share.

Theory of operation
 1. A transmission is a row of copies. While one lasts, its sender hears nothing.
 2. At the end of each copy it is settled for every receiver of the band, in this order: does it listen, is the
    signal above its sensitivity, did another copy cover it, is the telegram lost on this way, is the copy lost.
 3. A copy that overlaps another is destroyed at a receiver unless it is stronger there by `capture` dB. Copies that
    only touch do not overlap.
 4. Chance depends on the seed, the sender, its count of transmissions and the receiver, not on the order in which
    tasks run. So the same seed gives the same air.
 5. Everything is noted in `log`: who sent what and when, who heard it, and who was hindered by what.
"""

from __future__ import annotations

import itertools
import math
from collections import Counter, deque
from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Protocol

from hwsim.radio.signal import Heard

if TYPE_CHECKING:
    from collections.abc import Iterator

    from hwsim.clock import HouseTime
    from hwsim.radio.signal import Band, Content, Pace

LOG_SIZE = 100_000
REMEMBERED = 0.1
"""Seconds for which the air knows that it was busy."""
TOGETHER = 16
"""Transmissions whose copies may be mixed at a receiver that is to tell them apart."""
NOTICED_AFTER = 0.002
"""Seconds that a receiver needs to notice a signal; two senders that begin within them don't see each other."""


@dataclass
class Climate:
    """What holds for all ways through the air unless a receiver or sender says otherwise."""

    rssi: float = -65.0
    """Mean signal strength in dBm."""
    jitter: float = 2.0
    """Its standard deviation from telegram to telegram, in dB."""
    capture: float = 10.0
    """Advantage in dB with which a telegram survives another one."""


class Station(Protocol):
    """Something with an antenna."""

    name: str

    def strength_at(self, receiver: str) -> float | None:
        """Mean dBm with which its signals reach a receiver; None: as usual in this air."""
        ...


class Receiver(Station, Protocol):
    """Something that listens."""

    band: Band
    loss: float
    """Chance that a whole telegram is lost on the way here."""
    copy_loss: float
    """Chance that a copy is, each for itself."""
    sensitivity: float
    """The weakest signal it can hear, in dBm."""
    noise: float
    """What covers all weaker signals, in dBm."""

    @property
    def listening(self) -> bool:
        """Whether it would hear something now."""
        ...

    def hear(self, heard: Heard) -> None:
        """Take a copy that has just ended."""
        ...


@dataclass
class Reception:
    """What became of a transmission at one receiver."""

    rssi: float
    heard: int = 0
    """Copies that came through."""
    first_at: float = math.inf
    """House time at which the first one had; infinite if none did."""
    missed: Counter[str] = field(default_factory=Counter)
    """Copies that did not, by reason: `not listening`, `too weak`, `collision`, `lost`, `copy lost`."""


@dataclass
class Transmission:
    """One row of copies, from its first to its last moment."""

    number: int
    sender: str
    content: Content
    copies: int
    began: float
    """House time in seconds."""
    ended: float = math.inf
    """Infinite while it lasts."""
    receptions: dict[str, Reception] = field(default_factory=dict)

    @property
    def heard_by(self) -> list[str]:
        """The receivers that got at least one copy."""
        return [name for name, reception in self.receptions.items() if reception.heard]


@dataclass(eq=False)
class _Copy:
    """One copy on its way."""

    station: Station
    band: Band
    began: float
    ends: float


class Air:
    """Carries signals from senders to receivers, and keeps the log."""

    def __init__(self, time: HouseTime, seed: object, climate: Climate | None = None) -> None:
        self.climate = climate or Climate()
        self.log: deque[Transmission] = deque(maxlen=LOG_SIZE)
        """All transmissions in the order in which they began; the oldest go when there are 100 000."""
        self._time = time
        self._seed = seed
        self._receivers: dict[str, Receiver] = {}
        self._sending: dict[str, int] = {}
        self._sent: Counter[str] = Counter()
        self._copies: list[_Copy] = []
        self._numbers = itertools.count()

    def add(self, receiver: Receiver) -> None:
        """Let somebody listen.

        Raises:
            ValueError: there is a receiver of that name.
        """
        if receiver.name in self._receivers:
            raise ValueError(f"there is a receiver {receiver.name!r} on this air already")
        self._receivers[receiver.name] = receiver

    def remove(self, name: str) -> None:
        """Somebody listens no more; does nothing if nobody of that name did."""
        self._receivers.pop(name, None)

    def busy(self, receiver: Receiver, within: float = 0.0) -> bool:
        """Whether a receiver hears a signal of somebody now, or has heard one within so many seconds."""
        now = self._time.now()
        return any(
            copy.band == receiver.band
            and copy.began + NOTICED_AFTER <= now < copy.ends + within
            and copy.station is not receiver
            and self.strength(copy.station, receiver) >= receiver.sensitivity
            for copy in self._copies
        )

    def strength(self, station: Station, receiver: Receiver) -> float:
        """Mean strength in dBm with which a station reaches a receiver."""
        own = station.strength_at(receiver.name)
        return self.climate.rssi if own is None else own

    async def transmit(self, station: Station, content: Content, *, pace: Pace, copies: int) -> Transmission:
        """Send a telegram; returns when its last copy is over.

        Cancelling it ends the signal in the middle; nobody hears the copy that was on the air.
        """
        entry = Transmission(next(self._numbers), station.name, content, copies, self._time.now())
        self.log.append(entry)
        count = self._sent[station.name]
        self._sent[station.name] += 1
        self._sending[station.name] = self._sending.get(station.name, 0) + 1
        chances = _Chances(f"{self._seed}/{station.name}/{count}")
        try:
            for number in range(copies):
                if number:
                    await self._time.sleep(pace.pause)
                await self._carry(station, entry, number, pace.airtime, chances)
        finally:
            entry.ended = self._time.now()
            self._sending[station.name] -= 1
        return entry

    async def _carry(
        self, station: Station, entry: Transmission, number: int, airtime: float, chances: _Chances
    ) -> None:
        now = self._time.now()
        copy = _Copy(station, entry.content.band, now, now + airtime)
        self._forget(now)
        self._copies.append(copy)
        try:
            await self._time.sleep(airtime)
        except BaseException:
            copy.ends = self._time.now()
            raise
        for receiver in list(self._receivers.values()):
            if receiver.band == copy.band and receiver is not station:
                self._settle(copy, entry, number, receiver, chances.to(receiver.name))

    def _settle(self, copy: _Copy, entry: Transmission, number: int, receiver: Receiver, way: _Way) -> None:
        rssi = self.strength(copy.station, receiver) + self.climate.jitter * way.fading
        reception = entry.receptions.setdefault(receiver.name, Reception(rssi))
        copy_chance = way.random.random()
        if reason := self._hindrance(copy, receiver, rssi, way.chance, copy_chance):
            reception.missed[reason] += 1
            return
        reception.heard += 1
        reception.first_at = min(reception.first_at, self._time.now())
        receiver.hear(Heard(entry.content, rssi, number, entry.number))

    def _hindrance(self, copy: _Copy, receiver: Receiver, rssi: float, chance: float, copy_chance: float) -> str:
        """Why a receiver does not get a copy; empty: it does."""
        if not receiver.listening or self._sending.get(receiver.name):
            return "not listening"
        if rssi < receiver.sensitivity or rssi < receiver.noise:
            return "too weak"
        if any(self.strength(o.station, receiver) > rssi - self.climate.capture for o in self._overlapping(copy)):
            return "collision"
        if chance < receiver.loss:
            return "lost"
        return "copy lost" if copy_chance < receiver.copy_loss else ""

    def _overlapping(self, copy: _Copy) -> Iterator[_Copy]:
        for other in self._copies:
            # Sums of times differ in the last bits, so copies that touch could seem to overlap.
            together = min(other.ends, copy.ends) - max(other.began, copy.began) > 1e-6
            if together and other.station is not copy.station and other.band == copy.band:
                yield other

    def _forget(self, now: float) -> None:
        """Drop copies that nothing on the air can overlap any more, and that `busy` is not asked about."""
        oldest = min((copy.began for copy in self._copies if copy.ends > now - 1e-6), default=now)
        self._copies = [copy for copy in self._copies if copy.ends >= min(oldest, now - REMEMBERED)]


class _Chances:
    """Chance for one transmission, on the way to each receiver."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._ways: dict[str, _Way] = {}

    def to(self, receiver: str) -> _Way:
        """The same way each time."""
        if receiver not in self._ways:
            self._ways[receiver] = _Way(f"{self._seed}/{receiver}")
        return self._ways[receiver]


class _Way:
    """Chance on the way of one transmission to one receiver."""

    def __init__(self, seed: str) -> None:
        self.random = Random(seed)
        self.chance = self.random.random()
        self.fading = self.random.gauss(0.0, 1.0)
