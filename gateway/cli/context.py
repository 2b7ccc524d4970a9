"""What every command shares: the configuration, the store, and a way into the event loop."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import cached_property, wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, TypeVar

import click

from gateway.errors import sole

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    from gateway.abc import Store
    from gateway.config import Config
    from gateway.plugins import Plugins

Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


class Session:
    """One call of the command line. Nothing is read or opened before a command needs it."""

    def __init__(self, file: str | None, store: str | None, name: str | None, as_json: bool) -> None:
        self.json = as_json
        self._file = file
        self._store = store
        self.name = name

    @cached_property
    def config(self) -> Config:
        """The configuration with the options of the command line over it; ConfigError with all mistakes."""
        from gateway.config import load

        return load(self._file, store=self._store, name=self.name)

    @cached_property
    def plugins(self) -> Plugins:
        """The installed plugins, but for those that the configuration disables."""
        from gateway.plugins import Plugins

        return Plugins.installed(disabled=self.config.plugins.disabled)

    @asynccontextmanager
    async def store(self) -> AsyncIterator[Store]:
        """The store, open."""
        from gateway.store import open_store

        config = self.config
        async with open_store(
            config.store.url, node=config.node.name, locations=config.locations, options=config.store.options
        ) as store:
            yield store


def in_loop(
    command: Callable[Concatenate[Session, Parameters], Awaitable[Result]],
) -> Callable[Parameters, Result]:
    """Make a coroutine function into a command: it runs in the event loop, and gets the session first."""

    @click.pass_obj
    @wraps(command)
    def run(session: Session, /, *args: Parameters.args, **keywords: Parameters.kwargs) -> Result:
        import anyio

        async def call() -> Result:
            return await command(session, *args, **keywords)

        try:
            return anyio.run(call)
        except BaseExceptionGroup as group:
            raise sole(group) from None

    return run


def log_to_stderr(session: Session) -> None:
    """Show what a running node logs, from the configured level on."""
    import logging

    logging.basicConfig(
        level=session.config.log.level.upper(),
        format="%(asctime)s %(levelname)-7s %(name)s: %(message)s",
    )
