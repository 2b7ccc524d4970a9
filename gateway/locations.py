"""Where each kind of record stands in the store.

The defaults are those of MoaT-KV (its ``_cfg.yaml``), so that its users find their way; see also docs/design.md.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, TypeAlias

from gateway.path import P, Path

RunnerKind: TypeAlias = Literal["any", "at", "all"]
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
