"""The driver ``enocean``."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, ClassVar

import anyio

from busgate_enocean.commands import Commands
from busgate_enocean.hearing import Hearing
from busgate_enocean.interface import EnoceanInterface
from busgate_enocean.options import Options
from busgate_enocean.profiles import Profiles
from busgate_enocean.senders import Senders
from busgate_enocean.stick import Stick
from gateway.abc import Driver
from gateway.bus.ears import Ears
from gateway.errors import ConfigError, InterfaceDown

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from pydantic import BaseModel

    from busgate_enocean.esp3 import Packet
    from gateway.abc import DriverContext, Interface


class EnoceanDriver(Driver):
    """EnOcean radio through a stick that speaks ESP3."""

    name: ClassVar[str] = "enocean"
    options: ClassVar[type[BaseModel]] = Options

    def __init__(self, profiles: Profiles | None = None) -> None:
        self._profiles = profiles  # else they are loaded with the first opening
        self._taught: dict[str, dict[str, str]] = {}  # by interface; it outlives a stick that is replugged

    @asynccontextmanager
    async def open(self, options: Any, context: DriverContext) -> AsyncIterator[Interface]:
        """Open a stick; see :meth:`gateway.abc.Driver.open`.

        Raises:
            ConfigError: a configured profile is none that the library knows.
        """
        profiles = self._profiles = self._profiles or await Profiles.load()
        _check_profiles(profiles, options)
        taught = self._taught.setdefault(context.name, {})
        senders = Senders(profiles, options.device, options.remember, taught)
        hearing = Hearing(profiles, senders, context.clock, context.log)
        ears = Ears()

        def hear(packet: Packet) -> None:
            if (telegram := hearing.hear(packet)) is not None:
                ears.tell(telegram)

        async with context.open_line(options.port, baudrate=options.baudrate, library=options.serial) as line:
            stick = Stick(line, options.port, context.clock, context.log, hear)

            async def receive() -> None:
                try:
                    await stick.run()
                except InterfaceDown as lost:
                    ears.end(lost)
                    raise

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(receive, name="busgate_enocean receive")
                identity = await stick.identify()
                context.log.info(
                    "%s %s, chip %08X, sends as %08X", identity.description, identity.version, *identity[:2]
                )
                yield EnoceanInterface(
                    stick,
                    identity,
                    options,
                    context.clock,
                    senders=senders,
                    commands=Commands(profiles, identity.base_id),
                    hearing=hearing,
                    ears=ears,
                )
                tasks.cancel_scope.cancel()


def _check_profiles(profiles: Profiles, options: Options) -> None:
    """Refuse a profile that can't be decoded, where somebody can still correct it."""
    mistakes = [
        f"device.{place}.eep: no profile {device.eep} is known to the library"
        for place, device in enumerate(options.device)
        if profiles.find(device.eep) is None
    ]
    if mistakes:
        raise ConfigError(mistakes)
