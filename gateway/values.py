"""The plain values that pass through the contracts: entries, changes, messages, readings, devices, telegrams."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum
from typing import TYPE_CHECKING, Any, Final, Literal, NamedTuple, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from gateway.path import Path


class NotGivenType(Enum):
    """The type of ``NotGiven``: no value at all, as distinct from the value ``None``."""

    NotGiven = "NotGiven"

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "NotGiven"


NotGiven: Final = NotGivenType.NotGiven


@dataclass(frozen=True, slots=True)
class Entry:
    """What the store holds at a path; an absent entry has revision 0 and the value ``NotGiven``."""

    path: Path
    value: Any
    revision: int


@dataclass(frozen=True, slots=True)
class Change:
    """One entry as a watch delivers it; the value of a deleted one is ``NotGiven``."""

    path: Path
    value: Any
    revision: int

    @property
    def deleted(self) -> bool:
        return self.value is NotGiven


@dataclass(frozen=True, slots=True)
class Ready:
    """The snapshot is complete up to this revision; what follows are changes."""

    revision: int


@dataclass(frozen=True, slots=True)
class Resync:
    """The order was broken (``reason``); the difference to what was delivered follows, then ``Ready``."""

    reason: str


WatchEvent: TypeAlias = Change | Ready | Resync


@dataclass(frozen=True, slots=True)
class Message:
    """One published value. ``missed`` messages of the same sender were lost just before it, as far as is known."""

    topic: Path
    value: Any
    sender: str
    number: int
    missed: int = 0


@dataclass(frozen=True, slots=True)
class Link:
    """How the store is reached, and since when (``clock.lease_now()``)."""

    state: Literal["connected", "uncertain", "detached"]
    since: float


Quality: TypeAlias = Literal["ok", "stale", "suspect", "absent", "crc", "bus_error"]


@dataclass(frozen=True, slots=True)
class Reading:
    """One value of a device.

    ``value`` is None unless the quality is ``ok``, ``suspect`` (true to the wire, but not to be believed) or ``stale``
    (an old value, with its old time). ``unit`` is a unit text of Home Assistant, or None. ``time`` is in Unix seconds;
    0 stands for now. ``source`` is ``NODE/INTERFACE``. The supervisor fills in the source, and now.
    """

    value: bool | int | float | str | None
    unit: str | None
    time: float
    quality: Quality = "ok"
    source: str = ""

    def as_map(self) -> dict[str, Any]:
        """The map that is stored for it."""
        return {
            "value": self.value,
            "unit": self.unit,
            "time": self.time,
            "quality": self.quality,
            "source": self.source,
        }


@dataclass(frozen=True, slots=True)
class Device:
    """One device that a scan has found: its id, its kind in the field's words, what can be read and written."""

    id: str
    kind: str
    readable: tuple[str, ...] = ()
    writable: tuple[str, ...] = ()
    details: dict[str, Any] = field(default_factory=dict)


class Quantity(NamedTuple):
    """A value within a telegram; ``unit`` is a unit text of Home Assistant, or None."""

    value: bool | int | float | str
    unit: str | None = None


@dataclass(frozen=True, slots=True)
class Telegram:
    """One radio message as a receiver heard it, and as its driver understands it.

    Attributes:
        device: who sent it: an id that no other device of this kind of radio has.
        kind: protocol or packet type, in the field's words.
        values: what it says, by name.
        heard: ``clock.lease_now()`` when its last byte had come.
        key: what all receptions of one telegram have in common, whichever receiver heard it: the content without
            sequence numbers and signal strength.
        window: receptions with the same key within so many seconds are one telegram; just longer than a sender's burst
            of copies lasts, and shorter than a person takes to press a key again.
        rssi: signal strength in dBm, where the receiver tells.
        battery: 0 to 100 percent, where the device tells.
        raw: the bytes as they came.
    """

    device: str
    kind: str
    values: Mapping[str, Quantity]
    heard: float
    key: bytes
    window: float
    rssi: float | None = None
    battery: int | None = None
    raw: bytes = b""


@dataclass(frozen=True, slots=True)
class Transmission:
    """What a command means on the air.

    Attributes:
        airtime: seconds that the transmitter is on the air, repetitions included.
        band: which budget that counts against, such as ``433`` or ``868.0``; see ``duty_cycle`` of the interface.
        repeatable: whether it may be sent twice without harm: on, off, a level or a position; never a toggle or a step.
        bound: whether the device obeys this one transmitter only: taught sender ids, rolling codes.
        key: that of the telegram which other receivers hear when it is sent; None: they can't hear it.
        answers: whether the device sends a telegram of its own when it obeys.
    """

    airtime: float
    band: str
    repeatable: bool
    bound: bool
    key: bytes | None = None
    answers: bool = False


@dataclass(frozen=True, slots=True)
class RegisteredProcedure:
    """A procedure that a plugin brings; used where no procedure is stored at ``path``.

    ``function`` is a function or a coroutine function. Its parameters are the procedure's ``vars``: they are filled by
    name from the job's data, from ``default``, and with the variables given to code (``_self``, ``_info``, ...).
    """

    path: Path
    function: Callable[..., Any]
    default: Mapping[str, Any] = field(default_factory=dict)
    info: str = ""
