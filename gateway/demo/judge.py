"""The judge of the telegrams: were all handled that a living receiver heard, and none twice? From logs alone.

Theory of operation
-------------------
1. The log of the air says who could hear what. A receiver counts for a telegram if its node lived and its stick was
   plugged in, then and for ``SETTLING`` seconds more: what a receiver hears in its last moment goes with it.
2. What was handled is told from what was sent by its content; of equal telegrams, it is the last one sent before.
3. When a node is killed, its job may get anew the one telegram that it had in hand. So one duplicate is excused for
   each kill: only of the last telegram that a run has handled, by the run that follows it.
"""

from __future__ import annotations

import math
from bisect import bisect_right
from collections import Counter, defaultdict
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

#: Seconds that a node may need, on a loaded machine, to tell others of what its stick has just heard.
SETTLING: Final = 1.0


class Content(NamedTuple):
    """What a telegram says, as stored code sees it; ``level`` is in percent."""

    device: str
    level: int


@dataclass(frozen=True, slots=True)
class Sent:
    """A telegram on the air: when it began, and when the stick of which node had heard it. All times in seconds."""

    content: Content
    began: float
    heard: Mapping[str, float]


@dataclass(frozen=True, slots=True)
class Handled:
    """A telegram that a run of the job has handled, on a node; ``at`` is when that was seen in the store."""

    content: Content
    node: str
    run: str
    at: float


@dataclass(frozen=True, slots=True)
class Life:
    """From when to when a node lived and could hear."""

    node: str
    since: float
    until: float = math.inf

    def heard(self, sent: Sent) -> bool:
        """Whether this was a living receiver of it."""
        at = sent.heard.get(self.node, -math.inf)
        return self.since <= at <= self.until - SETTLING


@dataclass(frozen=True, slots=True)
class Verdict:
    """How many telegrams; ``lost`` were heard by a living receiver and not handled.

    ``duplicates`` counts all that were handled once more; ``excess`` those of them that no kill excuses.
    ``unknown`` were handled although nobody had sent them.
    """

    sent: int
    heard_by_any: int
    handled: int
    lost: int
    duplicates: int
    excess: int
    unknown: int

    @property
    def complaints(self) -> list[str]:
        """What is wrong, in words."""
        found = {
            "telegrams lost that a living receiver had heard": self.lost,
            "telegrams handled twice though no kill explains it": self.excess,
            "telegrams handled that nobody had sent": self.unknown,
        }
        return [f"{what}: {count}" for what, count in found.items() if count]

    def as_map(self) -> dict[str, int]:
        """As the summary shows it."""
        return {
            "sent": self.sent,
            "heard_by_any": self.heard_by_any,
            "handled": self.handled,
            "lost": self.lost,
            "duplicates": self.duplicates,
        }


def judge(sent: Sequence[Sent], handled: Iterable[Handled], lives: Sequence[Life], kills: int) -> Verdict:
    """Judge what was handled, in the order in which it was, by what was sent, who lived, and how many were killed."""
    runs: dict[str, list[int]] = defaultdict(list)  # numbers of telegrams, by run
    unknown = 0
    find = _Finder(sent)
    for one in handled:
        number = find(one)
        if number is None:
            unknown += 1
        else:
            runs[one.run].append(number)
    times = Counter(number for numbers in runs.values() for number in numbers)
    heard = {number for number, one in enumerate(sent) if any(life.heard(one) for life in lives)}
    duplicates = times.total() - len(times)
    excused = sum(before[-1] in after for before, after in pairwise(runs.values()))
    return Verdict(
        sent=len(sent),
        heard_by_any=len(heard | times.keys()),
        handled=len(times),
        lost=len(heard - times.keys()),
        duplicates=duplicates,
        excess=duplicates - min(excused, kills),
        unknown=unknown,
    )


class _Finder:
    """Finds which telegram was handled."""

    def __init__(self, sent: Sequence[Sent]) -> None:
        self._numbers: dict[Content, list[int]] = defaultdict(list)
        for number, one in enumerate(sent):
            self._numbers[one.content].append(number)
        self._sent = sent

    def __call__(self, handled: Handled) -> int | None:
        numbers = self._numbers.get(handled.content, [])
        place = bisect_right(numbers, handled.at, key=lambda number: self._sent[number].began)
        return numbers[place - 1] if place else None
