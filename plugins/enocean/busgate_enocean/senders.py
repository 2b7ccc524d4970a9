"""Who has been heard: how often, when, what it said last, and by which profile it is understood."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from busgate_enocean.erp1 import ONE_BS, RORG, UTE
from gateway.values import Device

if TYPE_CHECKING:
    from collections.abc import Iterator, MutableMapping, Sequence

    from busgate_enocean.erp1 import Erp1
    from busgate_enocean.options import DeviceOptions
    from busgate_enocean.profiles import Profile, Profiles, TeachIn
    from gateway.values import Quantity

#: All telegrams of one byte and one bit are of this one (EEP 2.6.8, D5-00-01).
_CONTACT = "D5-00-01"


@dataclass(slots=True)
class Sender:
    """One device. ``count`` and ``last`` (Unix seconds, 0: never) are of this opening."""

    id: str
    eep: str | None = None
    profile: Profile | None = None
    origin: str = ""  # of the profile: configured, taught, by kind
    offset: int = 0
    count: int = 0
    last: float = 0.0
    rorg: int | None = None
    rssi: int | None = None
    manufacturer: int | None = None
    said: dict[str, tuple[Quantity, float]] = field(default_factory=dict)
    query: Erp1 | None = None  # the teach-in that waits for a response

    def device(self) -> Device:
        """As a scan shows it."""
        details: dict[str, Any] = {"count": self.count, "last": self.last or None, "rssi": self.rssi}
        if self.eep:
            details |= {"eep": self.eep, "profile": self.origin}
        if self.manufacturer is not None:
            details["manufacturer"] = self.manufacturer
        kind = self.eep or (RORG.get(self.rorg, f"{self.rorg:02X}") if self.rorg is not None else "")
        return Device(self.id, kind, self.profile.names if self.profile else tuple(self.said), (), details)


class Senders:
    """All that are known: those of the configuration for ever, others as long as there is room.

    Args:
        most: how many that are not configured; who has been silent for longest is forgotten.
        taught: profiles by device id that earlier openings have learnt, the oldest first; what is learnt now is added:
            a stick that was unplugged is not to make everybody walk through the house again.
    """

    def __init__(
        self, profiles: Profiles, configured: Sequence[DeviceOptions], most: int, taught: MutableMapping[str, str]
    ) -> None:
        self._profiles = profiles
        self._most = most
        self._taught = taught
        self._strangers: dict[str, Sender] = {}  # who was heard last is the last
        self._configured = {
            each.id: self._with(Sender(each.id, offset=each.sender), each.eep, "configured") for each in configured
        }
        self.forgotten = 0

    def __iter__(self) -> Iterator[Sender]:
        yield from self._configured.values()
        yield from self._strangers.values()

    def __len__(self) -> int:
        return len(self._configured) + len(self._strangers)

    def find(self, id_: str) -> Sender | None:
        """The device of that id, if it is known."""
        return self._configured.get(id_) or self._strangers.get(id_)

    def hear(self, telegram: Erp1, now: float) -> Sender:
        """Note that it was heard at ``now``, in Unix seconds."""
        sender = self._configured.get(telegram.device) or self._stranger(telegram.device)
        sender.count += 1
        sender.last = now
        sender.rorg = telegram.rorg
        sender.rssi = telegram.rssi if telegram.rssi is not None else sender.rssi
        if sender.profile is None and telegram.rorg == ONE_BS:
            self._with(sender, _CONTACT, "by kind")
        return sender

    def learn(self, sender: Sender, telegram: Erp1, lesson: TeachIn) -> bool:
        """Take the profile that a teach-in tells; whether it is new. That of the configuration holds against it."""
        if lesson.manufacturer is not None:
            sender.manufacturer = lesson.manufacturer
        sender.query = telegram if telegram.rorg == UTE and lesson.answer else None
        if sender.origin == "configured" or lesson.eep is None:
            return False
        if lesson.delete:
            self._taught.pop(sender.id, None)
            sender.eep, sender.profile, sender.origin = None, None, ""
            return False
        new = sender.eep != lesson.eep
        self._with(sender, lesson.eep, "taught")
        self._taught.pop(sender.id, None)
        self._taught[sender.id] = lesson.eep
        if len(self._taught) > self._most:
            del self._taught[next(iter(self._taught))]
        return new

    def _stranger(self, id_: str) -> Sender:
        sender = self._strangers.pop(id_, None)
        if sender is None:
            sender = Sender(id_)
            if id_ in self._taught:
                self._with(sender, self._taught[id_], "taught")
            if len(self._strangers) >= self._most:
                del self._strangers[next(iter(self._strangers))]
                self.forgotten += 1
        self._strangers[id_] = sender
        return sender

    def _with(self, sender: Sender, eep: str, origin: str) -> Sender:
        sender.eep, sender.origin = eep, origin
        sender.profile = self._profiles.find(eep)
        return sender
