"""The store that simulated nodes share: a memory store's server that tells the log what lands, and who wrote it."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from simulated.events import Claimed, JobStored, Present, StateLanded, Unclaimed

from gateway.locations import Locations, Place
from gateway.store.memory import MemoryServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from random import Random

    from simulated.events import Event, Log

    from gateway.path import Path
    from gateway.store.memory import Record

GROUP = "default"
WHERE = Locations()
PLACE = Place("any", GROUP)
JOBS, STATES = WHERE.jobs_of(PLACE), WHERE.states_of(PLACE)
CLAIMS = WHERE.claims / GROUP


class TappedServer(MemoryServer):
    """Its log is what happened, whatever the nodes believe."""

    def __init__(self, random: Random, log: Log) -> None:
        super().__init__(random)
        self._log = log
        self._writer = ""
        self.tokens: dict[tuple[str, str], int] = {}  # of the newest state by job and process
        self._tellers: list[tuple[Path, Callable[[str, Any, int], Event]]] = [
            (CLAIMS, self._claim),
            (STATES, self._state),
            (JOBS, self._job),
            (WHERE.presence, self._presence),
        ]
        self.watch([""], self)

    def write(
        self, path: Path, data: bytes | None, *, writer: str, revision: int | None = None, lease: str | None = None
    ) -> int:
        with self._written_by(writer):
            return super().write(path, data, writer=writer, revision=revision, lease=lease)

    @contextmanager
    def _written_by(self, writer: str) -> Iterator[None]:
        self._writer = writer.rpartition("-")[0]
        try:
            yield
        finally:
            self._writer = ""

    def offer(self, record: Record, depth: int) -> None:
        """A write has landed."""
        for base, tell in self._tellers:
            if record.path.below(base):
                value = None if record.data is None else record.value
                self._log.add(tell(str(record.path.after(base)), value, record.revision))
                return

    def _claim(self, job: str, value: Any, revision: int) -> Event:
        if value is None:
            return Unclaimed(job, self._writer)
        return Claimed(job, self._writer, value["node"], value["incarnation"], revision)

    def _state(self, job: str, value: Any, revision: int) -> Event:
        if value is None:
            return StateLanded(job, self._writer, deleted=True)
        self.tokens[job, self._writer] = value["token"]
        fields = {name: value[name] for name in ("token", "runs", "node", "end", "uid", "served")}
        return StateLanded(job, self._writer, **fields)

    def _job(self, job: str, value: Any, revision: int) -> Event:
        if value is None:
            return JobStored(job)
        return JobStored(job, value["data"]["kind"], value["target"], value["uid"])

    def _presence(self, node: str, value: Any, revision: int) -> Event:
        return Present(node, "" if value is None else value["incarnation"])
