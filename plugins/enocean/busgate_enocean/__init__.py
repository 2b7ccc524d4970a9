"""EnOcean radio for busgate, through USB 300 and TCM 310: the hooks of the plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.hookspecs import hookimpl

if TYPE_CHECKING:
    from collections.abc import Sequence

    from gateway.abc import Driver


@hookimpl
def busgate_register_drivers() -> Sequence[type[Driver]]:
    from busgate_enocean.driver import EnoceanDriver

    return [EnoceanDriver]
