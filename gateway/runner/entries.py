"""Jobs and their states, as they stand in the store.

Names and defaults of the fields are those of MoaT-KV (its documentation, "Runner"); what is ours besides says so.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Literal

from pydantic import AfterValidator, Field

from gateway.path import Path
from gateway.record import PathField, Record, same
from gateway.values import NotGiven

if TYPE_CHECKING:
    import random

Seconds = Annotated[float, Field(ge=0)]
Count = Annotated[int, Field(ge=0)]

#: How a run ended; the table in :mod:`gateway.runner.schedule` says what follows. "" while none has ended.
End = Literal[
    "", "finished", "error", "timeout", "stalled", "blocked",
    "changed", "lost", "handed over", "node stopped", "node died", "cancelled",
]  # fmt: skip


def _plain_names(data: dict[str, Any]) -> dict[str, Any]:
    if hidden := [name for name in data if name.startswith("_")]:
        names = ", ".join(map(repr, hidden))
        raise ValueError(f"names that start with an underscore are the runner's own: {names}")
    return data


def _one_word(name: str | None) -> str | None:
    if name is not None and not re.fullmatch(r"\S+", name):
        raise ValueError(f"a bus has a name without spaces, not {name!r}")
    return name


class RunnerEntry(Record):
    """A job: which procedure, with what data, when and where. Times are in seconds.

    Attributes:
        code: path of the procedure, below the location of procedures.
        data: variables of the code, over the procedure's ``default``.
        delay: from the end of a failed run to the next try; 0: no retry.
        ok_after: a run that lasts so long counts as working, as if it had called ``setup_done``; 0: never.
        repeat: from the end of a successful run to the next; 0: none.
        backoff: each further failure in a row multiplies the delay by it.
        target: Unix seconds; the job runs once when that moment comes; 0: never; None: it is stopped.
        bus: it starts only where an interface of that bus is up; also the variable ``bus`` (ours).
        timeout: a run that lasts longer is ended; 0: no limit (ours).
        queue: how many messages may wait for the code (ours).
        overflow: what happens when one more comes (ours).
        max_failures: after so many failures in a row it waits for ``restart``; 0: no limit (ours).
        on_detach: whether a run goes on when the store is out of reach; any-node runner only (ours).
        weight: share of a node's load (ours).
        uid: made at creation; a state with another one belongs to an earlier job of that path (ours).
        info: for people.
    """

    what: ClassVar[str] = "job"

    code: PathField = Path()
    data: Annotated[dict[str, Any], AfterValidator(_plain_names)] = Field(default_factory=dict)
    delay: Seconds = 100.0
    ok_after: Seconds = 0.0
    repeat: Seconds = 0.0
    backoff: Annotated[float, Field(gt=0, le=1000)] = 1.1
    target: Seconds | None = 0.0
    bus: Annotated[str | None, AfterValidator(_one_word)] = None
    timeout: Seconds = 0.0
    queue: Annotated[int, Field(ge=1)] = 10
    overflow: Literal["stall", "coalesce", "block"] = "stall"
    max_failures: Count = 0
    on_detach: Literal["stop", "keep"] = "stop"
    weight: Annotated[float, Field(gt=0)] = 1.0
    uid: str = ""
    info: str = ""


class StateEntry(Record):
    """The runtime record of a job. Times are in Unix seconds, 0: never.

    Attributes:
        started, stopped: begin and end of the last run; it runs while ``node`` is set.
        pinged: last sign of life of the run: 5 s after its start, at ``setup_done``, then each 60 s.
        computed: when it will start next, as far as was known when this was written.
        reason: why then, or why not.
        result: what the last successful run returned; absent before there was one.
        node: which node runs it; None: nobody.
        backoff: number of failures in a row.
        token: fencing token of the run; 0 without claims (ours).
        incarnation: of the node that wrote this (ours).
        end: how the last run ended (ours).
        runs: number of runs started (ours).
        served: the ``target`` that a run was last started for (ours).
        deaths: runs in a row that ended with the death of their node within 5 s (ours).
        uid: of the job (ours).
    """

    what: ClassVar[str] = "state"

    started: float = 0.0
    stopped: float = 0.0
    pinged: float = 0.0
    computed: float = 0.0
    reason: str = ""
    result: Any = NotGiven
    node: str | None = None
    backoff: Count = 0
    token: Count = 0
    incarnation: str = ""
    end: End = ""
    runs: Count = 0
    served: float = 0.0
    deaths: Count = 0
    uid: str = ""

    def of(self, job: RunnerEntry) -> StateEntry:
        """This state if it is that job's, else a fresh one: the job was deleted and made anew."""
        return self if not self.uid or not job.uid or self.uid == job.uid else StateEntry(uid=job.uid)


#: The state of a job that has never run.
FRESH: Final = StateEntry()


def new_uid(source: random.Random) -> str:
    """A ``uid`` for a job that is being created."""
    return f"{source.getrandbits(64):016x}"


Effect = Literal["restart", "stop", "none"]


def effect_of_change(old: RunnerEntry, new: RunnerEntry) -> Effect:
    """What a change of a job means for its run: ``restart`` at once, ``stop``, or ``none``.

    What means ``none`` here counts at the next decision or at the next start.
    """
    if new.target is None:
        return "stop"
    alike = old.code == new.code and old.bus == new.bus and old.uid == new.uid and same(old.data, new.data)
    return "none" if alike else "restart"
