"""The nodes of the demonstration: real processes, each with a configuration file of its own."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any, Final

import anyio

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterable, Mapping
    from pathlib import Path as File

    from anyio.abc import Process, TaskGroup

#: Seconds that a node gets for ending in order.
ENDING: Final = 15.0
#: ``python -m gateway``, which is told to stop when this process dies, however that comes: PR_SET_PDEATHSIG, prctl(2).
LAUNCH: Final = (
    "import ctypes, runpy, signal; ctypes.CDLL(None).prctl(1, signal.SIGTERM); "
    "runpy.run_module('gateway', run_name='__main__')"
)


class Nodes:
    """The processes, by the names of their nodes.

    Args:
        folder: for their configurations and logs.
        store: the URL of the store that they share.
        disabled: plugins that they don't load.
        changed: called when one has ended.

    Attributes:
        fallen: a line for each that has ended and shouldn't have.
    """

    def __init__(self, folder: File, store: str, disabled: Iterable[str], changed: Callable[[], None]) -> None:
        self.fallen: list[str] = []
        self._folder = folder
        self._store = store
        self._disabled = list(disabled)
        self._changed = changed
        self._running: dict[str, Process] = {}
        self._tasks: TaskGroup

    @asynccontextmanager
    async def alive(self) -> AsyncIterator[None]:
        """Nodes can be started within; at the end all are told to stop, and waited for."""
        async with anyio.create_task_group() as self._tasks:
            try:
                yield
            finally:
                with anyio.move_on_after(ENDING, shield=True):
                    await self.stop()
                for process in self._running.values():
                    process.kill()

    def configure(self, name: str, interfaces: Iterable[Mapping[str, Any]]) -> None:
        """Write the configuration of a node."""
        sections: list[tuple[str, Mapping[str, Any]]] = [
            ("[node]", {"name": name}),
            ("[store]", {"url": self._store}),
            ("[plugins]", {"disabled": self._disabled}),
            *(("[[interface]]", one) for one in interfaces),
        ]
        lines = [line for head, options in sections for line in (head, *_toml(options))]
        (self._folder / f"{name}.toml").write_text("\n".join(lines) + "\n")

    async def start(self, name: str) -> None:
        """Start a node: ``busgate -c NAME.toml up``; its log is NAME.log."""
        with (self._folder / f"{name}.log").open("ab") as log:
            process = await anyio.open_process(
                [sys.executable, "-c", LAUNCH, "-c", f"{name}.toml", "up"],
                cwd=self._folder,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for this process, which then stops them in order
            )
        self._running[name] = process
        self._tasks.start_soon(self._attend, name, process)

    async def kill(self, name: str) -> None:
        """End a node with SIGKILL, as the kernel does when memory is short; returns when it is gone."""
        process = self._running.pop(name)
        process.kill()
        await process.wait()

    async def release(self, name: str) -> None:
        """Have others take the jobs of a node that has ended, as a service manager does: ``busgate release --dead``."""
        await anyio.run_process(
            [sys.executable, "-m", "gateway", "-c", f"{name}.toml", "release", "--dead"], cwd=self._folder
        )

    async def stop(self) -> None:
        """End all in order; returns when they have ended."""
        ending, self._running = self._running, {}
        for process in ending.values():
            process.send_signal(signal.SIGTERM)
        try:
            for name, process in ending.items():
                if await process.wait():
                    self.fallen.append(self._obituary(name, process))
        finally:
            self._running = {name: process for name, process in ending.items() if process.returncode is None}

    async def _attend(self, name: str, process: Process) -> None:
        with anyio.CancelScope(shield=True):  # it ends by all means, see alive()
            await process.wait()
            await process.aclose()
        if self._running.get(name) is process:
            del self._running[name]
            self.fallen.append(self._obituary(name, process))
            self._changed()

    def _obituary(self, name: str, process: Process) -> str:
        last = (self._folder / f"{name}.log").read_text(errors="replace").strip().rpartition("\n")[2]
        return f"node {name} has ended with status {process.returncode}: {last or 'it said nothing'}"


def _toml(options: Mapping[str, Any]) -> list[str]:
    """A line for each option; JSON's texts and lists of texts are TOML's too."""
    return [f"{name} = {json.dumps(value, ensure_ascii=False)}" for name, value in options.items()]
