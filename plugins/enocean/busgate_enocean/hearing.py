"""From packets to telegrams of the common shape."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from busgate_enocean.erp1 import RORG, WINDOW, Erp1
from gateway.values import Quantity, Telegram

if TYPE_CHECKING:
    import logging

    from busgate_enocean.esp3 import Packet
    from busgate_enocean.profiles import Profiles, TeachIn
    from busgate_enocean.senders import Sender, Senders
    from gateway.clock import Clock


class Hearing:
    """Understands radio telegrams.

    What no profile explains comes as one value ``data``, in hexadecimal digits. A telegram that its profile doesn't
    explain, or at which the decoder fails, is counted as ``undecoded`` and comes so, too. ``counts`` are for
    ``Interface.health``.
    """

    def __init__(self, profiles: Profiles, senders: Senders, clock: Clock, log: logging.Logger) -> None:
        self._profiles = profiles
        self._senders = senders
        self._clock = clock
        self._log = log
        self.counts: Counter[str] = Counter(telegrams=0, teach_ins=0, undecoded=0, malformed=0)

    def hear(self, packet: Packet) -> Telegram | None:
        """The telegram in a packet of type RADIO_ERP1; None when it is malformed."""
        try:
            erp1 = Erp1.of(packet)
        except ValueError as error:
            self.counts["malformed"] += 1
            self._log.debug("%s", error)
            return None
        self.counts["telegrams"] += 1
        sender = self._senders.hear(erp1, self._clock.now())
        kind, values = self._understand(sender, erp1)
        rssi = None if erp1.rssi is None else float(erp1.rssi)
        return Telegram(erp1.device, kind, values, self._clock.lease_now(), erp1.key, WINDOW, rssi, raw=packet.encode())

    def _understand(self, sender: Sender, erp1: Erp1) -> tuple[str, dict[str, Quantity]]:
        try:
            lesson = self._profiles.teach_in(erp1)
            if lesson is not None:
                return "teach-in", self._learn(sender, erp1, lesson)
            if sender.profile is not None and sender.profile.rorg == erp1.rorg:
                values = sender.profile.decode(erp1.payload, erp1.status)
                now = sender.last
                sender.said |= {name: (quantity, now) for name, quantity in values.items()}
                return sender.eep or "", values
        except Exception as error:  # noqa: BLE001 - a decoder that fails costs the values of one telegram, no more
            self.counts["undecoded"] += 1
            self._log.debug("%s of %s: %r", erp1.data.hex(), erp1.device, error)
        return RORG.get(erp1.rorg, f"{erp1.rorg:02X}"), {"data": Quantity(erp1.payload.hex())}

    def _learn(self, sender: Sender, erp1: Erp1, lesson: TeachIn) -> dict[str, Quantity]:
        self.counts["teach_ins"] += 1
        if self._senders.learn(sender, erp1, lesson):
            known = "" if sender.profile else ", of which the telegrams come undecoded: the library doesn't know it"
            self._log.info("%s teaches that it is a %s%s", sender.id, lesson.eep, known)
        said: dict[str, Any] = {"eep": lesson.eep, "manufacturer": lesson.manufacturer}
        wishes = {"delete": lesson.delete, "answer": lesson.answer}
        values = {name: Quantity(value) for name, value in said.items() if value is not None}
        return values | {name: Quantity(True) for name, wished in wishes.items() if wished}
