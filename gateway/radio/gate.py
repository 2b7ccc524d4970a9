"""Gate: whether a node may transmit a command for a run; without I/O.

Theory of operation
-------------------
1. A command of a run that holds a claim bears its token. A node refuses it when it has seen a greater token for that
   claim: in a command, as some node has told it, or in the claims that its own runner watches.
2. A runner's view that shows the very claim refuses when the claim is void. One that doesn't show it yet proves
   nothing: views lag. While one is being put in order, nothing is transmitted for other nodes. A run of this node has
   a fence of its own, which that view keeps.
3. A command of another node bears the moment when its writing must have ended, on this node's clock. It is never later
   than the lease of the run's node, less a margin. This node's own presence must last as long.
4. All this is asked again by the permit right before the bytes go out, in whatever thread, with the run's own permit
   where the run is of this node. What the permit doesn't grant was not written.
"""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING, Final

from gateway.abc import UNFENCED, Permit
from gateway.errors import BusFault, ClaimLost

if TYPE_CHECKING:
    from gateway.clock import Clock
    from gateway.cluster.claim_view import ClaimView
    from gateway.cluster.presence import Presence
    from gateway.path import Path
    from gateway.radio.orders import Order

#: Claims whose tokens are remembered at most; those not heard of for the longest time are forgotten.
MOST: Final = 4096


class Gate:
    """What one node knows of tokens.

    Args:
        presence: of this node.
    """

    def __init__(self, clock: Clock, presence: Presence) -> None:
        self._clock = clock
        self._presence = presence
        self._tokens: OrderedDict[Path, int] = OrderedDict()
        self._views: list[tuple[Path, ClaimView]] = []

    def add_view(self, base: Path, view: ClaimView) -> None:
        """A runner of this node watches the claims below that path."""
        self._views.append((base, view))

    def note(self, claim: Path, token: int) -> bool:
        """Take note of a token; whether it is the greatest of its claim so far, seen for the first time."""
        if token <= self._tokens.get(claim, 0):
            return False
        self._tokens[claim] = token
        self._tokens.move_to_end(claim)
        if len(self._tokens) > MOST:
            self._tokens.popitem(last=False)
        return True

    def check(self, order: Order, seconds: float, *, foreign: bool) -> None:
        """Raise ClaimLost unless a write that takes so many seconds may begin.

        Args:
            foreign: whether it is for a run of another node.
        """
        now = self._clock.lease_now()
        if now + seconds > order.before:
            raise TooLate(f"nothing was written: the command came {now + seconds - order.before:.2f} s too late")
        if order.claim is not None and self._tokens.get(order.claim, 0) > order.token:
            raise ClaimLost("nothing was written: a later run of the job has sent a command")
        if foreign:
            self._check_presence(now, seconds)
            for base, view in self._views:
                if order.claim is not None and order.claim.below(base):
                    _agree(view, order.claim.after(base), order.token)

    def _check_presence(self, now: float, seconds: float) -> None:
        registration = self._presence.registration
        if registration is None or registration.lease.expires - now <= seconds:
            raise TooLate("nothing was written: the presence of the transmitting node runs out")


class TooLate(ClaimLost):
    """It is the transmitting node, or the way there, that was too slow: another may do better."""

    def fault(self) -> BusFault:
        """As the sender of the command gets it."""
        return BusFault(str(self), unsent=True)


class OrderPermit(Permit):
    """The right to carry out one order.

    Args:
        own: the permit of the run, when that is of this node; None: it is of another.
    """

    def __init__(self, gate: Gate, order: Order, own: Permit | None) -> None:
        self._gate = gate
        self._order = order
        self._foreign = own is None
        self._own = own or UNFENCED

    def check(self, seconds: float) -> None:
        self._gate.check(self._order, seconds, foreign=self._foreign)
        self._own.check(seconds)


def _agree(view: ClaimView, job: Path, token: int) -> None:
    """Raise ClaimLost if a view knows better than the run."""
    if not view.ordered:
        raise TooLate("nothing was written: the view of the claims is being put in order")
    seen = view.claims.get(job)
    if seen is None or seen.revision < token:
        return
    if seen.revision > token:
        raise ClaimLost("nothing was written: the claim of the run was taken by another, or released")
    if seen.claim is None or view.void(seen.claim):
        raise ClaimLost("nothing was written: the node of the run is gone")
