"""Questions that tests ask the log of an air."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from hwsim.radio.air import Transmission


def simultaneous(log: Iterable[Transmission], senders: Collection[str]) -> list[tuple[Transmission, Transmission]]:
    """Pairs of transmissions by two different ones of `senders` that were on the air at the same time.

    Empty means: never two of these transmitters at once. A transmission counts from its first to its last copy.
    """
    ours = sorted((entry for entry in log if entry.sender in senders), key=lambda entry: entry.began)
    pairs = []
    lasting: list[Transmission] = []
    for entry in ours:
        lasting = [other for other in lasting if other.ended > entry.began]
        pairs += [(other, entry) for other in lasting if other.sender != entry.sender]
        lasting.append(entry)
    return pairs


def heard_by_anybody(log: Iterable[Transmission], receivers: Collection[str]) -> list[Transmission]:
    """The transmissions of which at least one of `receivers` got a copy."""
    wanted = set(receivers)
    return [entry for entry in log if wanted & set(entry.heard_by)]
