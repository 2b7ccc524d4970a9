"""Plans one cycle of reads on a channel. No I/O.

Theory of operation
-------------------
1. Two or more powered thermometers on the trunk convert at the same time: one command to all, then 0.75 s in which the
   bus and everybody are free, then each one's scratchpad (``latesttemp``). One alone reads ``temperature``, which
   converts by itself.
2. Parasites, and everything behind a hub, read ``temperature`` one by one, at the end: the bus is taken meanwhile.
3. What takes no conversion is read while the thermometers convert.
4. Several elements of one array are read at once (``.ALL``): one transaction, and one moment for all of them.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from busgate_onewire.families import Attribute, Family
    from busgate_onewire.inventory import Found

#: Seconds that a conversion takes at most, by bits (datasheet DS18B20, "tCONV"); other parts take the longest.
DURATION: Final = {9: 0.09375, 10: 0.1875, 11: 0.375, 12: 0.75}
#: A simultaneous conversion pays from so many thermometers on.
FEWEST: Final = 2
#: Attributes that make a device measure temperature when they are read.
_CONVERTING: Final = frozenset(
    {"temperature", "temperature9", "temperature10", "temperature11", "temperature12", "fasttemp", "thermocouple"}
)


@dataclass(frozen=True, slots=True)
class Wanted:
    """One value that somebody asks for; ``index`` is its place in the answer."""

    index: int
    found: Found
    attribute: Attribute
    fresh: bool = True  # of the device rather than of the server's cache

    @property
    def key(self) -> tuple[str, str]:
        """Under which its past is remembered."""
        return self.found.id, self.attribute.name


@dataclass(frozen=True, slots=True)
class Job:
    """One read of a path. Those it is for: each with the element of an array that it gets, or None for all of it."""

    path: str
    wanted: tuple[tuple[Wanted, int | None], ...]


@dataclass(frozen=True, slots=True)
class Cycle:
    """The reads of one channel; ``latest`` after a simultaneous conversion of ``wait`` seconds."""

    quick: tuple[Job, ...] = ()
    latest: tuple[Job, ...] = ()
    slow: tuple[Job, ...] = ()
    wait: float = 0.0


def plan(wanted: Sequence[Wanted], *, simultaneous: bool = True) -> Cycle:
    """Order the fresh reads of one channel.

    Args:
        simultaneous: whether the channel can do that.
    """
    slow = [want for want in wanted if _converts(want)]
    joined = [want for want in slow if want.attribute.name == "temperature" and want.found.simultaneous]
    if not simultaneous or len({want.found.id for want in joined}) < FEWEST:
        joined = []
    alone = [want for want in slow if want not in joined]
    return Cycle(
        quick=merge((want for want in wanted if not _converts(want)), "/uncached"),
        latest=_jobs((f"/uncached{want.found.path}/latesttemp", want, None) for want in joined),
        slow=_jobs((f"/uncached{want.found.path}/{want.attribute.name}", want, None) for want in alone),
        wait=max((duration(want.found) for want in joined), default=0.0),
    )


def merge(wanted: Iterable[Wanted], root: str = "") -> tuple[Job, ...]:
    """Reads below ``root``, several elements of one array as one."""
    arrays: dict[tuple[str, str], set[int]] = defaultdict(set)
    wanted = list(wanted)
    for want in wanted:
        if array := _array(want):
            arrays[want.found.id, array[0]].add(array[1])
    return _jobs(_part(want, arrays, root) for want in wanted)


def duration(found: Found) -> float:
    """Seconds that a conversion of this device takes."""
    return DURATION.get(found.bits, DURATION[12]) if found.code in ("28", "22", "42") else DURATION[12]


def converts(family: Family, attribute: str) -> bool:
    """Whether reading this attribute makes a thermometer convert, which takes long."""
    return attribute in _CONVERTING and (family.thermometer or family.kind == "DS1825")


def _converts(want: Wanted) -> bool:
    return converts(want.found.family, want.attribute.name)


def _array(want: Wanted) -> tuple[str, int] | None:
    """The array to read at once; memory pages are long, and binary ones have no commas."""
    return want.attribute.array if want.attribute.form in "yuiftgp" and "/" not in want.attribute.name else None


def _part(want: Wanted, arrays: dict[tuple[str, str], set[int]], root: str) -> tuple[str, Wanted, int | None]:
    array = _array(want)
    if array is None or len(arrays[want.found.id, array[0]]) < 2:
        return f"{root}{want.found.path}/{want.attribute.name}", want, None
    return f"{root}{want.found.path}/{array[0]}.ALL", want, array[1]


def _jobs(parts: Iterable[tuple[str, Wanted, int | None]]) -> tuple[Job, ...]:
    """One job for each path, whoever wants it."""
    by_path: dict[str, list[tuple[Wanted, int | None]]] = defaultdict(list)
    for path, want, element in parts:
        by_path[path].append((want, element))
    return tuple(Job(path, tuple(wanted)) for path, wanted in by_path.items())
