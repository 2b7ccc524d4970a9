"""What actors have in common: they listen, and some answer."""

from __future__ import annotations

from abc import abstractmethod
from collections import deque
from typing import TYPE_CHECKING, Any

from pydantic import Field

from hwsim.radio.air import TOGETHER
from hwsim.radio.devices.device import RadioDevice, RadioDeviceSpec
from hwsim.radio.gate import Queue

if TYPE_CHECKING:
    from hwsim.radio.signal import Band, Content, Heard


class ActorSpec(RadioDeviceSpec):
    """Beside what every device has."""

    loss: float = Field(default=0.0, ge=0, le=1)
    """Chance that a telegram is lost on the way to it."""


class Actor(RadioDevice):
    """Something that does what a telegram says; also a `Receiver` on the air."""

    band: Band
    sensitivity: float = -115.0
    noise: float = -200.0
    copy_loss: float = 0.0

    def __init__(self, spec: ActorSpec, *args: Any) -> None:
        super().__init__(spec, *args)
        self.loss = spec.loss
        self._commands: Queue[Content] = Queue()
        self._followed: deque[int] = deque(maxlen=TOGETHER)

    @property
    def listening(self) -> bool:
        return self.connected

    def hear(self, heard: Heard) -> None:
        if heard.transmission not in self._followed and self._concerns(heard.content):
            self._followed.append(heard.transmission)
            self._commands.put(heard.content)

    @abstractmethod
    def _concerns(self, content: Content) -> bool:
        """Whether it follows this telegram."""
