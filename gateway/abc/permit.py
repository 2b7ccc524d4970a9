"""The contract of the right to write."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Final

#: Seconds; the longest write time that a driver may declare.
MAX_WRITE_TIME: Final = 0.5


class Permit(ABC):
    """The right of one run to write: to hardware, and its state.

    A driver asks for it in the thread that transfers, right before each transfer that changes something: after all that
    it waits for (other calls, a connection), anew for each further write of a call, and anew for each repetition.
    """

    @abstractmethod
    def check(self, seconds: float) -> None:
        """Return only if a write that takes so many seconds may begin now. Callable from any thread; never waits.

        Args:
            seconds: from now until the write has ended; that of a driver is what its hardware takes at the longest,
                ``MAX_WRITE_TIME`` at most.

        Raises:
            ClaimLost: the run may not write any more, or what remains of its lease is not more than ``seconds``:
                another node may run the job before the write has ended.
        """


class _Unfenced(Permit):
    def check(self, seconds: float) -> None:
        """Refuses nothing."""


#: For whoever writes without a claim: by hand, or in a job that belongs to its node.
UNFENCED: Final[Permit] = _Unfenced()
