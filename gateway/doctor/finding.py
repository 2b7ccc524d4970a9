"""What a check has found."""

from __future__ import annotations

from typing import Literal, NamedTuple, TypeAlias

Level: TypeAlias = Literal["ok", "warning", "problem"]


class Finding(NamedTuple):
    """One thing that a check looked at.

    Attributes:
        check: which one, in one word.
        level: ``ok``; ``warning``: it works, but will bite some day; ``problem``: it doesn't work.
        subject: what was looked at: an interface, a node, a file.
        message: how it is; lower-case, no full stop.
        advice: what to do, as a command where possible; empty when there is nothing to do.
    """

    check: str
    level: Level
    subject: str
    message: str
    advice: str = ""
