"""``busgate up``: this node, until it is told to stop."""

from __future__ import annotations

import signal
from typing import TYPE_CHECKING, Any

import anyio
import click

from gateway.cli.context import in_loop, log_to_stderr

if TYPE_CHECKING:
    from collections.abc import Callable

    from gateway.cli.context import Session


@click.command("up")
@in_loop
async def command(session: Session) -> None:
    """Run this node until SIGTERM or Ctrl-C: its interfaces, and all jobs that fall to it.

    These are its own (run -n NODE), those of every node of its groups (run -n -), and its share of those that run on
    any one node of its groups (run).
    """
    await run_node(session)


async def run_node(session: Session, **choice: Any) -> None:
    """Run a node; the first signal stops it in order, a second one at once.

    Args:
        choice: what ``Node`` may be told besides the configuration: groups, kinds, nodes.
    """
    from gateway.node import Node

    log_to_stderr(session)
    node = Node(session.config, session.plugins, **choice)
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(stop_on_signal, node.stop)
        await node.run()
        tasks.cancel_scope.cancel()


async def stop_on_signal(stop: Callable[[], None]) -> None:
    """Call ``stop`` at the first SIGTERM or Ctrl-C; a second one ends the process."""
    with anyio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
        async for number in signals:
            stop()
            signal.signal(number, signal.SIG_DFL)
            break
    await anyio.sleep_forever()
