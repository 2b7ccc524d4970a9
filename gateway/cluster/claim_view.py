"""ClaimView: who is in a group, and who of them holds which job, as one node sees it; without I/O.

Theory of operation
-------------------
1. Presence and claims come in one revision order. A claim is *void* when the incarnation that it names has vanished;
   an incarnation that has vanished is dead for ever, so what was void stays void, however old the view is.
2. That an incarnation isn't in the view proves nothing by itself: values overwritten meanwhile may be missing, and the
   difference after ``Resync`` comes in the order of paths. Proof is what the view knows of that node from a revision
   no older than the registration that the claim names: another incarnation, a deletion, or a snapshot without it.
3. Between ``Resync`` and ``Ready`` nothing is decided (``ordered``).
4. A claim that names my incarnation is mine, whether or not I know how I got it: the reply may have been lost.
5. When many vanish at once it was rather the store than they: then their jobs are left to them for a lease. Those whose
   processes are provably dead don't count.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar, Final

from gateway.cluster.members import runners_of
from gateway.errors import RecordError
from gateway.record import Record

if TYPE_CHECKING:
    from collections.abc import Iterable

    from gateway.path import Path
    from gateway.values import Change

#: Seconds within which nodes that vanish do so together.
TOGETHER: Final = 1.0


class Claim(Record):
    """What is stored about a job that a node holds.

    Attributes:
        node, incarnation: who holds it.
        presence_revision: of the creation of that incarnation's presence.
        nonce: tells one taking from another.
        machine, boot, pid, since: the process of that incarnation, as in its presence: so it can be proven dead.
    """

    what: ClassVar[str] = "claim"

    node: str
    incarnation: str
    presence_revision: int
    nonce: str = ""
    machine: str = ""
    boot: str = ""
    pid: int = 0
    since: float = 0.0


@dataclass(frozen=True, slots=True)
class Seen:
    """The newest that the view knows of a claim; None: there is none, or it can't be read. The revision is its own."""

    claim: Claim | None
    revision: int
    present: bool


@dataclass(frozen=True, slots=True)
class Member:
    """A node as its presence shows it; ``incarnation`` is empty after it has vanished, ``record`` is all of it."""

    revision: int
    incarnation: str = ""
    runners: frozenset[str] = frozenset()
    buses: frozenset[str] = frozenset()
    record: Any = None


@dataclass(slots=True)
class ClaimView:
    """Who is there, and who holds what.

    Attributes:
        ordered: whether anything may be decided.
        members: by name, those that have vanished included.
        claims: by job.
    """

    ordered: bool = False
    members: dict[str, Member] = field(default_factory=dict)
    claims: dict[Path, Seen] = field(default_factory=dict)
    _floor: int = 0
    _by_node: dict[str, dict[Path, None]] = field(default_factory=dict)
    _losses: deque[tuple[float, str]] = field(default_factory=deque)

    def ready(self, revision: int) -> None:
        """The view is complete up to a revision."""
        self.ordered = True
        self._floor = max(self._floor, revision)

    def presence_changed(self, change: Change) -> tuple[Member, Member]:
        """Take in a presence entry; return what was known of the node, and what is now."""
        node = str(change.path[-1])
        before = self.members.get(node, Member(0))
        after = Member(change.revision) if change.deleted else _member(change.value, change.revision)
        self.members[node] = after
        return before, after

    def claim_changed(self, job: Path, change: Change) -> Seen:
        """Take in a claim."""
        if (old := self.claims.get(job)) is not None and old.claim is not None:
            self._by_node[old.claim.node].pop(job, None)
        claim = None if change.deleted else _claim(change.value)
        self.claims[job] = seen = Seen(claim, change.revision, not change.deleted)
        if claim is not None:
            self._by_node.setdefault(claim.node, {})[job] = None
        return seen

    def forget(self, job: Path) -> None:
        """A job that is gone has no claim any more."""
        if (seen := self.claims.get(job)) is not None and not seen.present:
            del self.claims[job]

    def jobs_of(self, node: str) -> list[Path]:
        """What a node holds, or held when it vanished."""
        return list(self._by_node.get(node, ()))

    def revision(self, job: Path) -> int:
        """The revision that a compare-and-set of the claim has to expect."""
        seen = self.claims.get(job)
        return seen.revision if seen is not None and seen.present else 0

    def holder(self, job: Path) -> Claim | None:
        """The valid claim of a job: one that isn't proven void."""
        seen = self.claims.get(job)
        if seen is None or seen.claim is None or self.void(seen.claim):
            return None
        return seen.claim

    def left_by(self, job: Path) -> Claim | None:
        """The void claim that a job still has."""
        seen = self.claims.get(job)
        return seen.claim if seen is not None else None

    def void(self, claim: Claim) -> bool:
        """Whether the incarnation that holds it is proven dead."""
        member = self.members.get(claim.node, Member(0))
        return member.incarnation != claim.incarnation and max(member.revision, self._floor) >= claim.presence_revision

    def eligible(self, runner: str, bus: str | None) -> list[str]:
        """The nodes that run this runner and, if it matters, have the bus up."""
        return [
            node
            for node, member in self.members.items()
            if runner in member.runners and (bus is None or bus in member.buses)
        ]

    def mass_loss(self, now: float, node: str, runner: str) -> bool:
        """Take note that a node of a group has vanished; whether more than half of it did within a second."""
        self._losses.append((now, node))
        while self._losses and self._losses[0][0] < now - TOGETHER:
            self._losses.popleft()
        gone = {lost for _, lost in self._losses}
        left = set(self.eligible(runner, None)) - gone
        return len(gone) > len(left)


def _member(value: Any, revision: int) -> Member:
    fields = value if isinstance(value, dict) else {}
    incarnation = fields.get("incarnation")
    return Member(
        revision,
        incarnation if isinstance(incarnation, str) else "",
        runners_of(value),
        frozenset(_buses_up(fields.get("interfaces"))),
        value,
    )


def _buses_up(interfaces: Any) -> Iterable[str]:
    for one in interfaces.values() if isinstance(interfaces, dict) else ():
        if isinstance(one, dict) and one.get("state") == "up" and isinstance(one.get("bus"), str):
            yield one["bus"]


def _claim(value: Any) -> Claim | None:
    try:
        return Claim.from_map(value)
    except RecordError:
        return None
