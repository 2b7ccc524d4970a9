"""Where each kind of record stands in the store.

The defaults are those of MoaT-KV (its ``_cfg.yaml``), so that its users find their way; see also docs/design.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal, NamedTuple, TypeAlias

from gateway.path import P, Path

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

RunnerKind: TypeAlias = Literal["any", "at", "all"]
#: Where ``busgate doctor`` writes to see whether it can, at the name of its node.
DOCTOR: Final = P(":.moat.kv.doctor")

Subsystem: TypeAlias = Literal["compile", "run", "module", "interface", "store"]


@dataclass(frozen=True, slots=True)
class Place:
    """Which runner: its kind, its group and, for single-node and all-node runners, its node."""

    kind: RunnerKind
    group: str
    node: str | None = None

    @property
    def jobs(self) -> Path:
        """``any.GROUP``, ``at.NODE.GROUP`` or ``all.GROUP``."""
        return Path("at", self.node, self.group) if self.kind == "at" else Path(self.kind, self.group)

    @property
    def states(self) -> Path:
        """``any.GROUP``, ``at.NODE.GROUP`` or ``all.GROUP.NODE``."""
        return self.jobs / self.node if self.kind == "all" else self.jobs


class Writable(NamedTuple):
    """A part of the store that a node may write.

    Attributes:
        what: in a few words.
        path: where it is.
        reach: the entry there, what is below it, or both.
        topics: it may publish messages there, too.
    """

    what: str
    path: Path
    reach: Literal["entry", "below", "both"] = "below"
    topics: bool = False


@dataclass(frozen=True, slots=True)
class Locations:
    """The paths below which records stand."""

    procedures: Path = P(":.moat.kv.code.proc")
    modules: Path = P(":.moat.kv.code.module")
    jobs: Path = P(":.moat.kv.run")
    states: Path = P(":.moat.kv.state")
    errors: Path = P(":.moat.kv.error")
    groups: Path = P(":.moat.kv.group")
    presence: Path = P(":.moat.kv.presence")
    claims: Path = P(":.moat.kv.claim")
    airtime: Path = P(":.moat.kv.airtime")

    def jobs_of(self, place: Place) -> Path:
        return self.jobs + place.jobs

    def states_of(self, place: Place) -> Path:
        return self.states + place.states

    def error(self, subsystem: Subsystem, place: Path) -> Path:
        return self.errors / subsystem + place

    def written_by(self, node: str, groups: Iterable[str], paths: Iterable[Path] = ()) -> Iterator[Writable]:
        """All that a node writes.

        Args:
            groups: whose jobs it runs.
            paths: what those jobs write.
        """
        yield Writable("its presence", self.presence / node, "entry")
        for place in self._places(node, groups):
            yield Writable(f"states of jobs of {place.jobs}", self.states_of(place))
            yield Writable(f"errors of jobs of {place.jobs}", self.error("run", place.states))
        for group in groups:
            yield Writable(f"claims of jobs of group {group}", self.claims / group)
        yield Writable("errors of stored procedures", self.errors / "compile")
        yield Writable("errors of stored modules", self.errors / "module")
        yield Writable("errors of its interfaces", self.errors / "interface" / node)
        yield Writable("errors of its store", self.errors / "store" / node, "entry")
        yield Writable("the airtime that its radios have used", self.airtime / node)
        yield Writable("what busgate doctor tries to write", DOCTOR / node, "entry")
        for path in paths:
            yield Writable(f"{path} and what is below it", path, "both", topics=True)
            yield Writable(f"errors of {path}", self.error("run", path), "both")

    def _places(self, node: str, groups: Iterable[str]) -> Iterator[Place]:
        for group in groups:
            yield Place("at", group, node)
            yield Place("all", group, node)
            yield Place("any", group)
