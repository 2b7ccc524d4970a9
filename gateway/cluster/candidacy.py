"""Candidacy: who is expected to take a job that nobody has, and when it is whose turn; without I/O.

Theory of operation
-------------------
1. Who is expected is worked out once, when a job comes to be wanted, and again only when the group has changed: so what
   one node expects doesn't shift while others claim. Jobs that are expected count as load at once.
2. If the expected node doesn't take the job, the others may, ``RANK_WAIT`` later by rank. While a better rank is still
   claiming, they wait for ``BUSY``: it has much to do rather than nothing to say.
3. After this node's own presence vanished, or more than half of the group at once, it was rather the store than they:
   what others held is left to them until ``hold_back`` has passed, unless they are proven dead.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from gateway.cluster.placement import Loads, place

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from gateway.path import Path

#: Seconds that each rank leaves to the one before it.
RANK_WAIT: Final = 0.03
#: Seconds that are left to a node of better rank after its last claim.
BUSY: Final = 0.3


class _Expected(NamedTuple):
    node: str
    epoch: int
    since: float


class Candidacy:
    """What one node expects of all of its group."""

    def __init__(self, me: str) -> None:
        self.loads = Loads()
        self._me = me
        self._epoch = 0
        self._expected: dict[Path, _Expected] = {}
        self._claimed: dict[str, float] = {}
        self._held_back = 0.0

    def regroup(self) -> None:
        """The group has changed: expect anew."""
        self._epoch += 1

    def claimed(self, node: str, now: float) -> None:
        """A node has just taken a claim."""
        self._claimed[node] = now

    def hold_back(self, until: float) -> None:
        """Leave to others what they held, until then."""
        self._held_back = max(self._held_back, until)

    def held(self, job: Path, node: str, weight: float) -> None:
        """A node has the job."""
        self._expected.pop(job, None)
        self.loads.put(job, node, weight)

    def unwanted(self, job: Path) -> None:
        """Nobody is to have the job."""
        self._expected.pop(job, None)
        self.loads.drop(job)

    def expected(self, job: Path, order: Sequence[str], weight: float, now: float) -> str:
        """Which of these nodes is to take a job that nobody has."""
        known = self._expected.get(job)
        if known is None or known.epoch != self._epoch or known.node not in order:
            self.loads.drop(job)
            node = place(order, self.loads.of(order), weight)
            known = self._expected[job] = _Expected(node, self._epoch, known.since if known else now)
        self.loads.put(job, known.node, weight)
        return known.node

    def turn(self, job: Path, order: Sequence[str], *, doubtful: bool) -> float:
        """When this node may take a job that is expected, on the lease clock.

        Args:
            doubtful: whether the job has a void claim of another node that may live.
        """
        expected = self._expected[job]
        begin = max(expected.since, self._held_back) if doubtful else expected.since
        if expected.node == self._me:
            return begin
        others = [node for node in order if node != expected.node]
        rank = 1 + others.index(self._me)
        if (last := self._last([expected.node, *others[: rank - 1]])) > expected.since:
            begin = max(begin, last + BUSY)
        return begin + rank * RANK_WAIT

    def _last(self, nodes: Iterable[str]) -> float:
        return max(self._claimed.get(node, 0.0) for node in nodes)
