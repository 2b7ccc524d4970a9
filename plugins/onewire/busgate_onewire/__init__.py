"""1-Wire buses for busgate, through owserver: the hooks of the plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.hookspecs import hookimpl

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.abc import Driver
    from gateway.values import RegisteredProcedure


@hookimpl
def busgate_register_drivers() -> Sequence[type[Driver]]:
    from busgate_onewire.driver import OneWireDriver

    return [OneWireDriver]


@hookimpl
def busgate_register_procedures() -> Sequence[RegisteredProcedure]:
    from busgate_onewire.poll import poll
    from gateway.path import Path
    from gateway.values import RegisteredProcedure

    info = "reads a 1-Wire bus for ever and stores each value below dest"
    return [RegisteredProcedure(Path("onewire", "poll"), poll, {"dest": "onewire"}, info)]
