"""Names at the servers: of the bucket, of entries, messages and consumers.

The names of the bucket are those of NATS' own key-value stores (github.com/nats-io/nats-architecture-and-design,
ADR-8), so that ``nats kv`` can look into it.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from gateway.path import Path

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

#: Where the entry of the empty path stands; no key of a path looks like that.
ROOT: Final = "=root"
#: Behind the topic of each message, so that one subscription gets a topic and what is below it, in order.
END: Final = "_"
#: Depths below a watched path up to which each depth is asked for by itself.
DEPTHS: Final = 4


class Subjects:
    """The names of one bucket."""

    def __init__(self, bucket: str) -> None:
        self.bucket = bucket
        self.stream = f"KV_{bucket}"
        self._entries = f"$KV.{bucket}."
        self._messages = f"busgate.{bucket}."

    @property
    def all(self) -> str:
        return self._entries + ">"

    def entry(self, key: str) -> str:
        return self._entries + (key or ROOT)

    def key(self, subject: str) -> str:
        """The key of the entry that a message of the stream is about."""
        key = subject.removeprefix(self._entries)
        return "" if key == ROOT else key

    def message(self, key: str) -> str:
        return f"{self._messages}{key}.{END}" if key else self._messages + END

    def messages(self, key: str) -> str:
        """What is published at a topic and below it."""
        return f"{self._messages}{key}.>" if key else self._messages + ">"

    def topic(self, subject: str) -> str:
        return subject.removeprefix(self._messages).removesuffix(END).removesuffix(".")

    def filters(self, roots: Iterable[str], min_depth: int, max_depth: int) -> list[str]:
        """What a consumer has to ask for to get these subtrees in these depths, or somewhat more; none overlap."""
        found = {pattern for root in roots for pattern in self._patterns(root, min_depth, max_depth)}
        return sorted(one for one in found if not any(other != one and covers(other, one) for other in found))

    def _patterns(self, root: str, min_depth: int, max_depth: int) -> Iterable[str]:
        least = max(min_depth, 0)
        prefix = root.split(".") if root else []
        if not prefix and (least == 0 or not 0 <= max_depth <= DEPTHS):
            yield self.all
        elif 0 <= max_depth <= DEPTHS:
            for depth in range(least, max_depth + 1):
                yield self._entries + ".".join([*prefix, *"*" * depth])
        else:
            if least == 0:
                yield self._entries + root
            yield self._entries + ".".join([*prefix, *"*" * max(least - 1, 0), ">"])


def covers(pattern: str, other: str) -> bool:
    """Whether whatever matches ``other`` matches ``pattern`` too."""
    return _tokens_cover(pattern.split("."), other.split("."))


def _tokens_cover(pattern: Sequence[str], other: Sequence[str]) -> bool:
    for number, token in enumerate(pattern):
        if token == ">":
            return number < len(other)
        if number >= len(other) or other[number] == ">" or (token != "*" and token != other[number]):
            return False
    return len(pattern) == len(other)


def token(name: str) -> str:
    """A name as one part of a subject, or of the name of a consumer."""
    return re.sub("[^A-Za-z0-9_=-]", "_", Path(name).key) if name else "client"
