"""The contract of the right to write."""

from __future__ import annotations

from abc import ABC, abstractmethod


class Permit(ABC):
    """The right of one run to write: to the hardware, and its state."""

    @abstractmethod
    def check(self, seconds: float) -> None:
        """Return only if a write that takes so many seconds may begin now. Callable from any thread; never waits.

        Raises:
            ClaimLost: another node may run the job before the write has ended.
        """
