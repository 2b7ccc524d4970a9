"""Route: which radio is to transmit to which device; without I/O."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from gateway.radio.quality import Link

#: dB by which another radio must hear a device better to be chosen instead.
HYSTERESIS: Final = 6.0
#: dBm that stand for a radio that hears a device and doesn't tell how well, and for one that doesn't hear it.
HEARD: Final = -110.0
UNHEARD: Final = -200.0
#: Devices whose radio is remembered.
MOST: Final = 4096


@dataclass(frozen=True, slots=True)
class Transmitter:
    """A radio that is up: which process has it (empty: this one), the name of its node, and its own there."""

    process: str
    node: str
    name: str

    @property
    def source(self) -> str:
        """``NODE/INTERFACE``."""
        return f"{self.node}/{self.name}"


class Router:
    """Remembers by which radio each device was reached last."""

    def __init__(self) -> None:
        self._chosen: OrderedDict[tuple[str, str], str] = OrderedDict()

    def order(
        self, bus: str, device: str, radios: Sequence[Transmitter], links: Mapping[str, Link]
    ) -> list[Transmitter]:
        """The radios in the order in which they should be tried.

        The first is the last one chosen, else the first of our own, unless another hears the device better by more than
        ``HYSTERESIS``; the others follow as they hear it.

        Args:
            radios: our own first, the best of them at the front.
            links: of the device, by ``NODE/INTERFACE``.
        """
        if not radios:
            return []
        strength = {radio.source: _strength(links.get(radio.source)) for radio in radios}
        ranked = sorted(radios, key=lambda radio: -strength[radio.source])
        chosen = self._chosen.get((bus, device))
        first = next((radio for radio in radios if radio.source == chosen), radios[0])
        if strength[ranked[0].source] > strength[first.source] + HYSTERESIS:
            first = ranked[0]
        self._chosen[bus, device] = first.source
        self._chosen.move_to_end((bus, device))
        if len(self._chosen) > MOST:
            self._chosen.popitem(last=False)
        return [first, *(radio for radio in ranked if radio is not first)]


def _strength(link: Link | None) -> float:
    if link is None:
        return UNHEARD
    return HEARD if link.rssi is None else link.rssi
