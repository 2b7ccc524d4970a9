"""Orders: one attempt to transmit a command on one radio, what came of it, and how both travel between nodes."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Literal, TypeAlias, TypedDict

from gateway.bus.remote_messages import pack_error, unpack_error
from gateway.errors import BusFault, ClaimLost, Misuse, NoSuchDevice, WriteRefused
from gateway.path import P, Path

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.errors import BusgateError
    from gateway.values import Transmission

#: What nodes say to all at ``all``, and to one process at ``to.ID``.
TOPIC: Final = P(":.moat.kv.transmit")

#: How far a command is known to have come; see :class:`Sent`.
Level: TypeAlias = Literal[1, 2, 3, "unknown"]


class Sent(TypedDict):
    """What the sender of a command gets.

    ``id`` is the command's own. ``level``: 1: it was written to the hardware; 2: the hardware has acknowledged that it
    was transmitted; 3: the device's own telegram was heard after it; ``"unknown"``: there was no answer, and the
    command may not be repeated, so it was transmitted once or not at all. ``interface`` is ``NODE/INTERFACE``.
    """

    id: str
    level: Level
    interface: str


@dataclass(frozen=True, slots=True)
class Order:
    """One attempt.

    Attributes:
        id: of this attempt; who gets it twice carries it out once.
        interface: its name on the node that is to transmit.
        urgent: whether it may use the reserve of the budget.
        claim, token: of the run that sends it; None and 0 when it needs no claim.
        before: when its writing must have ended, on the lease clock of the node that is to transmit.
        may_be_bound: whether it may be for a device that is bound to one radio; not when that may be the sender's own.
    """

    id: str
    bus: str
    interface: str
    device: str
    command: str
    values: Mapping[str, Any] = field(default_factory=dict)
    urgent: bool = False
    claim: Path | None = None
    token: int = 0
    before: float = float("inf")
    may_be_bound: bool = True

    def to_map(self) -> dict[str, Any]:
        """As it is sent."""
        fields = {name: getattr(self, name) for name in Order.__slots__}
        return fields | {"values": dict(self.values)}

    @classmethod
    def from_map(cls, fields: Mapping[str, Any]) -> Order:
        """Read what was sent; KeyError or TypeError when it is no order."""
        return cls(**{name: fields[name] for name in cls.__slots__})


@dataclass(frozen=True, slots=True)
class Attempt:
    """What came of an order.

    Attributes:
        sent: whether it was transmitted.
        level: 1 or 2, when it was.
        error: why not, or why that isn't known.
        refused: whether every radio would say the same.
        repeatable, bound, answers: as the transmission is; not repeatable as long as that isn't known.
        again: whether another try on the same radio may help.
    """

    sent: Literal["yes", "no", "perhaps"]
    level: Literal[1, 2] = 1
    error: BusgateError | None = None
    refused: bool = False
    repeatable: bool = False
    bound: bool = False
    answers: bool = False
    again: bool = False

    @classmethod
    def failed(cls, error: BusgateError, what: Transmission | None, *, begun: bool) -> Attempt:
        """It has raised this; ``begun``: its driver was asked to transmit."""
        unsent = not begun or getattr(error, "unsent", False)
        judged = isinstance(error, ClaimLost | WriteRefused | NoSuchDevice | Misuse)  # by the permit or the driver
        return cls(
            sent="no" if unsent or judged else "perhaps",
            error=error,
            refused=isinstance(error, ClaimLost | WriteRefused),
            repeatable=what is not None and what.repeatable,
            bound=what is not None and what.bound,
            again=isinstance(error, BusFault) and begun,
        )

    def to_map(self) -> dict[str, Any]:
        """As it is sent."""
        fields = {name: getattr(self, name) for name in Attempt.__slots__}
        return fields | {"error": None if self.error is None else pack_error(self.error)}

    @classmethod
    def from_map(cls, fields: Mapping[str, Any]) -> Attempt:
        """Read what was sent; KeyError or TypeError when it is no attempt."""
        found = {name: fields[name] for name in cls.__slots__}
        return cls(**found | {"error": None if found["error"] is None else unpack_error(found["error"])})
