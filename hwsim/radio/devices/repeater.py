"""An EnOcean repeater of level 1: sends each original telegram once more, with its level in the status."""

from __future__ import annotations

from dataclasses import replace
from typing import Literal

from hwsim.radio.devices.actor import Actor, ActorSpec
from hwsim.radio.signal import Band, Content, Erp1

_LEVEL = 0x0F
_AFTER = (0.010, 0.040)
"""Seconds; repeaters keep behind the subtelegrams of the original (ESP3, appendix on subtelegram timing)."""


class RepeaterSpec(ActorSpec):
    """`kind = "repeater"`."""

    kind: Literal["repeater"]


class Repeater(Actor):
    """Takes what nobody has repeated yet."""

    spec_type = RepeaterSpec
    band = Band.MHZ_868

    async def run(self) -> None:
        while True:
            content = await self._commands.take()
            await self._time.sleep(self._random.uniform(*_AFTER))
            if isinstance(content, Erp1) and self.connected:
                await self._send(replace(content, status=content.status & ~_LEVEL | 1))

    def _concerns(self, content: Content) -> bool:
        return isinstance(content, Erp1) and not content.status & _LEVEL
