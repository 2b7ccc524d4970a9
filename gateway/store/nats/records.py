"""What the messages of the bucket's stream say.

Theory of operation
-------------------
1. Each entry is the newest message of its subject. A deletion is a message too, a *marker*: ours, or the server's when
   the entry's time to live has passed (ADR-8, ADR-43 and ADR-48 of nats-architecture-and-design).
2. The renewal of a lease-bound entry is a new message with the old content. It carries the revision of that content
   (``Busgate-Revision``), which stays the entry's revision: nothing has changed for anybody else.
3. So an entry has a *revision*, that of its content, and a *sequence*, that of its newest message. The content has been
   the same at each number from the one to the other.
4. A compare-and-set carries a mark of its own (``Busgate-Write``), by which its writer knows it again, and the sequence
   that it has replaced.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from gateway import codec
from gateway.values import Entry, NotGiven

if TYPE_CHECKING:
    from collections.abc import Mapping

    from gateway.path import Path

EXPECTED: Final = "Nats-Expected-Last-Subject-Sequence"
TTL: Final = "Nats-TTL"
OPERATION: Final = "KV-Operation"
REASON: Final = "Nats-Marker-Reason"
REVISION: Final = "Busgate-Revision"
LEASE: Final = "Busgate-Lease"
WRITE: Final = "Busgate-Write"


class Record(NamedTuple):  # made for each message of each watch, and quicker to make than a frozen dataclass
    """The newest message of one entry; ``data`` is None for a marker, ``replaced`` when the writer didn't compare."""

    key: str
    sequence: int
    revision: int
    data: bytes | None
    lease: str = ""
    write: str = ""
    replaced: int | None = None

    @classmethod
    def read(cls, key: str, sequence: int, headers: Mapping[str, str] | None, data: bytes) -> Record:
        if not headers:
            return cls(key, sequence, sequence, data)
        write, replaced = headers.get(WRITE, ""), _number(headers.get(EXPECTED), sequence)
        if headers.get(OPERATION, "PUT") != "PUT" or REASON in headers:
            return cls(key, sequence, sequence, None, write=write, replaced=replaced)
        revision = _number(headers.get(REVISION), sequence)
        lease = headers.get(LEASE, "")
        return cls(key, sequence, sequence if revision is None else revision, data, lease, write, replaced)

    @property
    def renewed(self) -> bool:
        return self.revision != self.sequence

    def decoded(self) -> Any:
        """The value; CodecError when somebody else has written what isn't one."""
        return NotGiven if self.data is None else codec.decode(self.data)

    def entry(self, path: Path) -> Entry:
        return Entry(path, self.decoded(), self.revision if self.data is not None else 0)

    def is_at(self, revision: int) -> bool:
        """Whether this is what was meant by a revision; 0: that there is nothing."""
        if self.data is None:
            return revision == 0
        return self.revision <= revision <= self.sequence


def _number(text: str | None, below: int) -> int | None:
    return int(text) if text is not None and text.isdecimal() and int(text) < below else None
