"""NodeContext: what a runner gets from the node it runs on."""

from __future__ import annotations

import logging
import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Self

from gateway.bus.no_buses import NoBuses
from gateway.code.modules import ModuleRoot
from gateway.code.root import CodeRoot
from gateway.locations import Locations
from gateway.runner.error_log import ErrorLog
from gateway.runner.outbox import Journal

if TYPE_CHECKING:
    import random
    from collections.abc import Callable, Iterable, Mapping

    from gateway.abc import Buses, Store
    from gateway.clock import Clock
    from gateway.radio import Radio
    from gateway.values import RegisteredProcedure


def exit_hard(reason: str) -> None:
    """End the process at once: something in it can't be stopped, and must not go on."""
    logging.getLogger("busgate").critical("exiting hard: %s", reason)
    logging.shutdown()
    os._exit(70)  # EX_SOFTWARE of sysexits.h


@dataclass(frozen=True, slots=True)
class NodeContext:
    """One node, as its runners see it.

    Attributes:
        name: of the node.
        incarnation: of this process under that name.
        cfg: the configuration without secrets; stored code sees it as ``_cfg``.
        journal: writes that wait while the store is out of reach.
        radio: what this node and others hear.
        exit_hard: called with a reason when a run can't be stopped within 10 s while the node stops.
    """

    name: str
    incarnation: str
    store: Store
    clock: Clock
    random: random.Random
    cfg: Mapping[str, Any]
    locations: Locations
    modules: ModuleRoot
    code: CodeRoot
    buses: Buses
    errors: ErrorLog
    journal: Journal
    radio: Radio | None = None
    log: logging.Logger = field(default_factory=lambda: logging.getLogger("busgate.run"))
    exit_hard: Callable[[str], None] = exit_hard

    @property
    def broken(self) -> bool:
        """Whether the store was damaged when it was opened: what was lost then may matter to any job."""
        return getattr(self.store, "damage", None) is not None

    @classmethod
    async def build(
        cls,
        store: Store,
        *,
        name: str,
        incarnation: str = "",
        known: int = 0,
        buses: Buses = NoBuses(),  # noqa: B008 - it has no state
        cfg: Mapping[str, Any] | None = None,
        locations: Locations = Locations(),  # noqa: B008 - immutable
        registered: Iterable[RegisteredProcedure] = (),
        radio: Radio | None = None,
        exit_hard: Callable[[str], None] = exit_hard,
    ) -> Self:
        """Make the parts that belong to one node on an open store, and load its modules and procedures.

        Args:
            incarnation: default: made up.
            known: a revision of the store from before anything that this node writes for its jobs.
            buses: default: there is no hardware.
            registered: procedures of plugins.
        """
        errors = ErrorLog(store, locations, name)
        modules = await ModuleRoot.as_handler(store, locations=locations, errors=errors)
        code = await CodeRoot.as_handler(
            store, locations=locations, registered=registered, errors=errors, modules=modules
        )
        return cls(
            name=name,
            incarnation=incarnation or f"{store.random.getrandbits(64):016x}",
            store=store,
            clock=store.clock,
            random=store.random,
            cfg=cfg or {},
            locations=locations,
            modules=modules,
            code=code,
            buses=buses,
            errors=errors,
            journal=Journal(store, known=known),
            radio=radio,
            exit_hard=exit_hard,
        )
