"""Two slaves that have the same id, as a master meets them: both hear everything, and both answer at once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from hwsim.onewire.slave import Slave

_ANY_OF_BOTH = ("busy", "in_alarm")


class Collision:
    """Has the methods of both slaves, which are of one part.

    The wire is low when one of them pulls it, so bytes are the AND of both answers, checksums included: these are
    wrong then, unless the answers are the same.
    """

    def __init__(self, first: Slave, second: Slave) -> None:
        self._first = first
        self._second = second

    def __getattr__(self, name: str) -> Any:
        first, second = getattr(self._first, name), getattr(self._second, name)

        def both(*values: Any, **options: Any) -> Any:
            return _on_the_wire(name, first(*values, **options), second(*values, **options))

        return both


def _on_the_wire(command: str, first: Any, second: Any) -> Any:
    if isinstance(first, bytes):
        return bytes(one & other for one, other in zip(first, second, strict=True))
    if isinstance(first, bool):
        return first or second if command in _ANY_OF_BOTH else first and second
    return first
