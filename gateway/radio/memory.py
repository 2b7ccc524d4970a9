"""Memory: which receptions are of one telegram, and which telegrams are still to be taken by whom; without I/O.

Theory of operation
-------------------
1. Receptions with one key, heard within the telegram's window of the first of them, are one telegram, whoever heard
   them and however late they arrive: what counts is when they were heard, on this node's clock. Of one that was read
   late that is known roughly: it counts as heard when it fits best.
2. A reception that is known already (it was sent again) is recognised by its id.
3. A *consumer* takes telegrams: a job, by its path, wherever it runs. It is known from the moment it first listens;
   what was heard before is not for it. A telegram that it has taken is taken for good, so also when it listens anew
   on another node. Taking names ids, and key and time as well: the taker may not have heard of all receptions.
4. What this house transmits itself is no telegram for anybody: receptions with the key of a transmission, heard while
   that was on the air or within their window of it, are *echoes*.
5. A reception of this node's own that a consumer hasn't taken is sent again, after 0.5 s, then after twice as long each
   time, until ``HORIZON``.
"""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from gateway.radio.receptions import Reception

#: Seconds for which a telegram may still be taken.
HORIZON: Final = 30.0
#: Seconds for which a telegram is remembered: longer, for a reception that is sent again at the last moment.
REMEMBERED: Final = HORIZON + 5.0
#: Telegrams that are remembered at most, on one bus.
MOST: Final = 4096
#: Seconds until a reception is sent again the first time.
AGAIN: Final = 0.5
#: Receptions that are sent again at one time, at most, so that a slow consumer costs its node no more than that.
AT_ONCE: Final = 100
#: Seconds that the clocks of two nodes may seem to differ.
SKEW: Final = 0.05
#: Seconds for which a consumer is known after it was last heard of.
KNOWN: Final = 60.0


@dataclass(slots=True, eq=False)
class Entry:
    """One telegram.

    Attributes:
        time: when the first reception of it was heard, on this node's clock; or so many seconds before (``late``).
        arrived: when this node learned of it.
        first: the reception that it was first known by; None while somebody has only told that it was taken.
        heard: signal strength by interface, as far as told.
        ids: of all its receptions.
        taken: by these consumers.
        own: receptions of this node that may have to be sent again.
        echo: whether it is of a transmission of our own.
    """

    key: bytes
    window: float
    time: float
    late: float
    arrived: float
    first: Reception | None = None
    heard: dict[str, float | None] = field(default_factory=dict)
    ids: set[tuple[str, int]] = field(default_factory=set)
    taken: set[str] = field(default_factory=set)
    own: list[Reception] = field(default_factory=list)
    echo: bool = False
    again: float = 0.0
    pause: float = AGAIN

    def apart(self, time: float, late: float) -> float:
        """Seconds from it to something else that was heard, at least."""
        return max(0.0, time - late - self.time, self.time - self.late - time)

    def settled(self, consumer: str) -> bool:
        """Whether it is nothing for a consumer, or nothing any more."""
        return self.echo or consumer in self.taken


class Memory:
    """The telegrams of one bus in the last ``REMEMBERED`` seconds; times are of this node's lease clock."""

    def __init__(self) -> None:
        self.evicted = 0
        self._entries: OrderedDict[int, Entry] = OrderedDict()  # as they arrived
        self._unsettled: dict[int, Entry] = {}  # those with receptions of our own, until nobody wants them any more
        self._ids: dict[tuple[str, int], Entry] = {}
        self._keys: dict[bytes, list[Entry]] = {}
        self._consumers: dict[str, _Consumer] = {}
        self._transmissions: dict[bytes, tuple[float, float]] = {}

    def receive(self, reception: Reception, time: float, now: float, *, own: bool) -> Entry:
        """Take in a reception; return its telegram.

        Args:
            time: when it was heard.
        """
        telegram = reception.telegram
        entry = self._ids.get(reception.id) or self._match(telegram.key, telegram.window, time, reception.late)
        if entry is None:
            entry = self._add(Entry(telegram.key, telegram.window, time, reception.late, now), now)
            entry.echo = self._is_echo(entry)
        elif reception.late < entry.late:
            entry.time, entry.late = time, reception.late
        entry.first = entry.first or reception
        self._join(entry, [reception.id])
        known = entry.heard.get(reception.interface)
        if known is None or (telegram.rssi is not None and telegram.rssi > known):
            entry.heard[reception.interface] = telegram.rssi
        if own and reception not in entry.own:
            entry.own.append(reception)
            entry.again = now + AGAIN
            self._unsettled[id(entry)] = entry
        return entry

    def take(
        self,
        consumer: str,
        ids: Sequence[tuple[str, int]],
        key: bytes,
        window: float,
        time: float,
        now: float,
        late: float = 0.0,
    ) -> None:
        """A consumer has taken a telegram."""
        self.know(consumer, now)
        entry = next((self._ids[one] for one in ids if one in self._ids), None) or self._match(key, window, time, late)
        if entry is None:
            entry = self._add(Entry(key, window, time, late, now), now)
        self._join(entry, ids)
        entry.taken.add(consumer)

    def expect(self, key: bytes, since: float, until: float) -> None:
        """Somebody of this house transmits what has this key, between these moments."""
        self._transmissions[key] = since - SKEW, until
        for entry in self._keys.get(key, ()):
            entry.echo = entry.echo or self._is_echo(entry)

    def know(self, consumer: str, now: float) -> None:
        """A consumer listens."""
        if (known := self._consumers.get(consumer)) is None:
            self._consumers[consumer] = _Consumer(now, now)
        else:
            known.last = now

    def forget(self, consumer: str) -> None:
        """A consumer listens no more, anywhere."""
        self._consumers.pop(consumer, None)

    def untaken(self, consumer: str, now: float) -> list[Entry]:
        """The telegrams that a consumer has still to take, as they arrived."""
        known = self._consumers.get(consumer)
        return (
            [] if known is None else [entry for entry in self._entries.values() if _open(entry, consumer, known, now)]
        )

    @property
    def unsettled(self) -> bool:
        """Whether :meth:`again` may have something by and by, without anything being heard before."""
        return bool(self._unsettled)

    def again(self, now: float) -> list[Reception]:
        """The receptions that are to be sent again now."""
        self._expire(now)
        found: list[Reception] = []
        for entry in [entry for entry in self._unsettled.values() if entry.again <= now]:
            if len(found) >= AT_ONCE:
                break
            if self._wanted(entry, now):
                entry.again, entry.pause = now + entry.pause * 2, entry.pause * 2
                found += entry.own
            else:
                del self._unsettled[id(entry)]
        return found

    def _wanted(self, entry: Entry, now: float) -> bool:
        return any(_open(entry, consumer, known, now) for consumer, known in self._consumers.items())

    def _is_echo(self, entry: Entry) -> bool:
        since, until = self._transmissions.get(entry.key, (0.0, float("-inf")))
        return since <= entry.time and entry.time - entry.late < until + entry.window

    def _match(self, key: bytes, window: float, time: float, late: float) -> Entry | None:
        near = [entry for entry in self._keys.get(key, ()) if entry.apart(time, late) < window]
        return min(near, key=lambda entry: (entry.apart(time, late), abs(entry.time - time)), default=None)

    def _add(self, entry: Entry, now: float) -> Entry:
        while len(self._entries) >= MOST:
            self.evicted += 1
            self._drop(next(iter(self._entries.values())))
        self._entries[id(entry)] = entry
        self._keys.setdefault(entry.key, []).append(entry)
        return entry

    def _join(self, entry: Entry, ids: Iterable[tuple[str, int]]) -> None:
        for one in ids:
            if self._ids.setdefault(one, entry) is entry:
                entry.ids.add(one)

    def _expire(self, now: float) -> None:
        for entry in list(self._old(now)):
            self._drop(entry)
        for consumer in [name for name, known in self._consumers.items() if known.last < now - KNOWN]:
            del self._consumers[consumer]
        for key in [key for key, (_, until) in self._transmissions.items() if until < now - REMEMBERED]:
            del self._transmissions[key]

    def _old(self, now: float) -> Iterator[Entry]:
        for entry in self._entries.values():
            if entry.arrived >= now - REMEMBERED:
                return
            yield entry

    def _drop(self, entry: Entry) -> None:
        del self._entries[id(entry)]
        self._unsettled.pop(id(entry), None)
        self._keys[entry.key].remove(entry)
        if not self._keys[entry.key]:
            del self._keys[entry.key]
        for one in entry.ids:
            del self._ids[one]


@dataclass(slots=True)
class _Consumer:
    since: float
    last: float


def _open(entry: Entry, consumer: str, known: _Consumer, now: float) -> bool:
    """Whether a consumer has still to take a telegram."""
    wanted = entry.first is not None and not entry.settled(consumer) and entry.arrived >= known.since
    return wanted and entry.arrived > now - HORIZON
