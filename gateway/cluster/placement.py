"""Placement: which node of a group should run a job, and which job should move; what every node works out alike.

Theory of operation
-------------------
1. Each job has an order of nodes of its own, by rendezvous hashing (Thaler and Ravishankar, 1998): when a node comes
   or goes, only the jobs that it has or gets move.
2. The first node in that order that has room takes the job, as in consistent hashing with bounded loads (Mirrokni,
   Thorup and Zadimoghaddam, 2018). The bound is so narrow that even if all others are filled up to it, the emptiest
   node has at least 90 % of the mean. The emptiest one always has room.
3. A load is the weight of a node's claims plus that of the jobs that it is expected to claim. All nodes hear of claims
   in the same order, so they expect alike; where they don't, the compare-and-set of the claim decides.
4. A job moves for the sake of the load only when its giver or its taker is more than 15 % off the mean, and only if
   the taker then has less than the giver had. Of several, the one that fits best moves, so that few moves do.
"""

from __future__ import annotations

from hashlib import blake2b
from typing import TYPE_CHECKING, Final, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from gateway.path import Path

#: How far the emptiest node may fall below the mean when jobs are placed, as a share of it.
SLACK: Final = 0.1
#: Load moves jobs only when a node is further off the mean than this share of it.
IMBALANCE: Final = 0.15


def rendezvous(job: Path, nodes: Iterable[str]) -> list[str]:
    """The nodes in the order in which they should take a job."""
    key = job.key.encode()
    return sorted(nodes, key=lambda node: blake2b(key, key=node.encode()[:64], digest_size=8).digest())


class Loads:
    """What each node has to carry: the weight of each job, held or expected to be held by one node."""

    def __init__(self) -> None:
        self._jobs: dict[Path, tuple[str, float]] = {}
        self._totals: dict[str, float] = {}

    def put(self, job: Path, node: str, weight: float) -> None:
        """A node has a job, or will."""
        if self._jobs.get(job) != (node, weight):
            self.drop(job)
            self._jobs[job] = node, weight
            self._totals[node] = self._totals.get(node, 0.0) + weight

    def drop(self, job: Path) -> None:
        """No node has it."""
        if (found := self._jobs.pop(job, None)) is not None:
            node, weight = found
            self._totals[node] -= weight

    def of(self, nodes: Iterable[str]) -> dict[str, float]:
        """The loads of these nodes."""
        return {node: self._totals.get(node, 0.0) for node in nodes}


def place(order: Sequence[str], loads: Mapping[str, float], weight: float) -> str:
    """Which node should take a job that nobody has.

    Args:
        order: the nodes that could run it, in the job's own order; at least one.
        loads: of these nodes, without the job.
    """
    mean = (sum(loads[node] for node in order) + weight) / len(order)
    room = mean * (1 + SLACK / max(1, len(order) - 1))
    least = min(loads[node] for node in order)
    return next(node for node in order if loads[node] <= least or loads[node] + weight <= room)


class Movable(NamedTuple):
    """A job that its node could hand over, to one of ``takers``."""

    job: Path
    weight: float
    takers: Sequence[str]


def surplus(me: str, loads: Mapping[str, float], jobs: Iterable[Movable]) -> Path | None:
    """Which job this node should hand over for the sake of the load, if any.

    Args:
        loads: of all nodes of the group, this one included.
    """
    mean = sum(loads.values()) / len(loads)
    mine, spread = loads[me], IMBALANCE * mean
    if mine <= mean or (max(loads.values()) <= mean + spread and min(loads.values()) >= mean - spread):
        return None
    best: tuple[float, Path] | None = None
    for job, weight, takers in jobs:
        least = min((loads[node] for node in takers), default=mine)
        if least + weight < mine and (mine > mean + spread or least < mean - spread):
            misfit = abs(weight - min(mine - mean, max(mean - least, 0.0)))
            best = min(best or (misfit, job), (misfit, job))
    return best[1] if best else None
