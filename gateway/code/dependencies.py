"""In which order modules are loaded, and who uses whom."""

from __future__ import annotations

from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Set


class Order(NamedTuple):
    """``names``: in the order of loading, without the members of ``cycles``; in a cycle each needs the next one."""

    names: list[str]
    cycles: list[tuple[str, ...]]


def arrange(needs: Mapping[str, Set[str]], prefers: Mapping[str, Set[str]]) -> Order:
    """Put what others need before them.

    Args:
        needs: what each name needs before it; names without a key of their own are left out.
        prefers: what had better come before it too; given up where that is impossible.
    """
    left = {name: sorted(needs[name] & needs.keys()) for name in sorted(needs)}
    cycles = []
    while True:
        sorter = TopologicalSorter(left)
        try:
            sorter.prepare()
        except CycleError as error:
            cycle = _from_the_least(error.args[1][:0:-1])  # it lists each before what needs it, and the first twice
            cycles.append(cycle)
            left = {name: [one for one in left[name] if one not in cycle] for name in left if name not in cycle}
        else:
            return Order(_names(sorter, prefers, left), sorted(cycles))


def _from_the_least(cycle: list[str]) -> tuple[str, ...]:
    start = cycle.index(min(cycle))
    return (*cycle[start:], *cycle[:start])


def _names(sorter: TopologicalSorter[str], prefers: Mapping[str, Set[str]], left: Collection[str]) -> list[str]:
    found: list[str] = []
    waiting = set(left)
    ready: list[str] = []
    while sorter.is_active():
        if added := sorter.get_ready():
            ready = sorted([*ready, *added])
        name = next((one for one in ready if not (prefers.get(one, frozenset()) - {one}) & waiting), ready[0])
        ready.remove(name)
        waiting.remove(name)
        found.append(name)
        sorter.done(name)
    return found


def with_users(changed: Collection[str], uses: Mapping[str, Set[str]]) -> set[str]:
    """The changed names and all that use them, directly or not."""
    users: dict[str, list[str]] = {}
    for name, used in uses.items():
        for one in used:
            users.setdefault(one, []).append(name)
    found = set(changed)
    waiting = list(changed)
    while waiting:
        for name in users.get(waiting.pop(), ()):
            if name not in found:
                found.add(name)
                waiting.append(name)
    return found


def ancestors(name: str) -> list[str]:
    """``a`` and ``a.b`` for ``a.b.c``."""
    parts = name.split(".")
    return [".".join(parts[:count]) for count in range(1, len(parts))]
