"""How a demonstration went."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from gateway.demo.judge import Verdict


@dataclass(frozen=True, slots=True)
class Summary:
    """What can be checked of it.

    Attributes:
        devices: that have given a reading.
        suspect: readings that stand in the store now.
        recovered_after_restart_s: from the return of the owserver until all that were well were read again.
        telegrams: what became of those on the air.
        failover_s: from the loss of the stick, and of the node, until the first telegram was handled elsewhere.
        server_pause_s: for which telegrams waited when a server of the store was lost; None: it has none.
        errors: what went wrong, a line for each.
    """

    devices: int
    readings: int
    suspect: int
    recovered_after_restart_s: float | None
    telegrams: Verdict
    failover_s: list[float]
    server_pause_s: float | None
    errors: list[str]

    @property
    def ok(self) -> bool:
        return not self.errors

    def as_map(self) -> dict[str, Any]:
        """As ``--json`` shows it."""
        shown = {"ok": self.ok} | asdict(self) | {"telegrams": self.telegrams.as_map()}
        if self.server_pause_s is None:
            del shown["server_pause_s"]
        return shown
