"""RFXtrx433 transceivers for busgate: the hooks of the plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.hookspecs import hookimpl

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.abc import Driver


@hookimpl
def busgate_register_drivers() -> Sequence[type[Driver]]:
    from busgate_rfxtrx.driver import RfxtrxDriver

    return [RfxtrxDriver]
