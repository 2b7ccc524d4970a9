"""All checks in their order: from what needs nothing to what needs the store and the hardware."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import anyio.to_thread

from gateway.bus.remote import survey
from gateway.config import interface_options
from gateway.doctor.clock import check_clock
from gateway.doctor.configuration import check_configuration
from gateway.doctor.finding import Finding
from gateway.doctor.interfaces import check_interfaces
from gateway.doctor.limits import check_limits
from gateway.doctor.nodes import check_nodes, is_here
from gateway.doctor.plugins import check_plugins
from gateway.doctor.ports import check_ports
from gateway.doctor.store import check_store
from gateway.errors import ConfigError, Detached, Misuse, StoreError, StoreUnusable
from gateway.store import open_store

if TYPE_CHECKING:
    import random
    from collections.abc import Sequence

    from gateway.abc import Store
    from gateway.clock import Clock
    from gateway.config import Config, InterfaceSection
    from gateway.doctor.machine import Machine
    from gateway.plugins import Plugins


class Nodes(NamedTuple):
    """The nodes that run.

    Attributes:
        presence: their records, by name.
        replies: what they answered (:func:`gateway.bus.remote.survey`).
    """

    presence: dict[str, dict[str, Any]]
    replies: list[dict[str, Any]]

    def here(self) -> dict[str, int]:
        """The process id of each that runs on this machine."""
        return {name: record["pid"] for name, record in self.presence.items() if is_here(record)}

    def interfaces(self, node: str) -> list[dict[str, Any]] | None:
        """What a node that runs on this machine says of its interfaces; None: it doesn't run here."""
        found = (reply["interfaces"] for reply in self.replies if reply["node"] == node in self.here())
        return next(found, None)


class Examination:
    """One examination of a node and of the machine that it is on.

    Attributes:
        findings: so far.
        unreachable: whether the store couldn't be opened.

    Args:
        config: None when it can't be read; ``mistakes`` say why.
        mistakes: all that are in the configuration.
    """

    def __init__(
        self,
        machine: Machine,
        plugins: Plugins,
        config: Config | None,
        mistakes: Sequence[str],
        *,
        clock: Clock,
        random: random.Random,
    ) -> None:
        self.findings: list[Finding] = []
        self.unreachable = False
        self._machine = machine
        self._plugins = plugins
        self._config = config
        self._mistakes = mistakes
        self._clock = clock
        self._random = random

    async def run(self) -> None:
        """Make all checks that can be made; what is found wrong ends none of the others."""
        self.findings += check_configuration(self._config, self._mistakes)
        self.findings += check_plugins(self._plugins.infos)
        self.findings += check_clock(self._machine, self._clock.now())
        nodes = Nodes({}, []) if self._config is None else await self._examine_store(self._config)
        await self._examine_ports(nodes)
        self.findings += check_limits(self._machine, nodes.here().items())
        if self._config is not None:
            await self._examine_interfaces(self._config, nodes)

    async def _examine_store(self, config: Config) -> Nodes:
        try:
            store = open_store(
                config.store.url,
                clock=self._clock,
                random=self._random,
                node=config.node.name,
                locations=config.locations,
                options=config.store.options,
            )
            async with store:
                node, places = config.node, config.locations
                writes = list(places.written_by(node.name, node.groups, node.writes))
                self.findings += await check_store(store, config.store.url, places, node.name, writes)
                return await self._examine_nodes(store, config)
        except ConfigError:
            pass  # one of the mistakes
        except (StoreUnusable, Detached) as error:
            self.unreachable = True
            self.findings.append(Finding("store", "problem", config.store.url, str(error)))
        except StoreError as error:
            self.findings.append(Finding("store", "problem", config.store.url, str(error)))
        return Nodes({}, [])

    async def _examine_nodes(self, store: Store, config: Config) -> Nodes:
        records = [entry async for entry in store.tree(config.locations.presence, min_depth=1, max_depth=1)]
        presence = {str(entry.path[-1]): entry.value for entry in records if isinstance(entry.value, dict)}
        waiting = set(presence)

        def all_there(reply: dict[str, Any]) -> bool:
            waiting.discard(reply["node"])
            return not waiting

        nodes = Nodes(presence, await survey(store, enough=all_there) if presence else [])
        self.findings += check_nodes(config.node.name, *nodes)
        return nodes

    async def _examine_ports(self, nodes: Nodes) -> None:
        interfaces = self._config.interfaces if self._config else ()
        own = set(nodes.here().values())
        self.findings += await anyio.to_thread.run_sync(lambda: list(check_ports(self._machine, interfaces, own)))

    async def _examine_interfaces(self, config: Config, nodes: Nodes) -> None:
        """Look at the hardware; what its port was found to lack isn't told twice."""
        told = [one.message for one in self.findings if (one.check, one.level) == ("ports", "problem")]
        found = await check_interfaces(
            self._usable(config),
            self._plugins.driver,
            nodes.interfaces(config.node.name),
            clock=self._clock,
            random=self._random,
        )
        self.findings += [one for one in found if not any(message in one.message for message in told)]

    def _usable(self, config: Config) -> list[InterfaceSection]:
        """The interfaces in which there is no mistake."""
        found = []
        for interface in config.interfaces:
            try:
                interface_options(config, interface, self._plugins.driver(interface.driver))
            except Misuse:
                continue
            found.append(interface)
        return found
