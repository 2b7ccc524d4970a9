"""When a job starts: pure functions of the job, its state and the time; and how a run changes the state.

Theory of operation
-------------------
1. ``schedule`` is the only place that decides. The command line shows what it says; the runners do it.
2. A job is due when its ``target`` has come and differs from the ``served`` one, or by how the last run ended:

   ====================================================  ===========  ========================================
   end                                                   failures n   next start
   ====================================================  ===========  ========================================
   finished                                              0            stopped + repeat, if repeat
   error, timeout, stalled, blocked                      n + 1        stopped + delay * backoff ** n
   changed, lost, handed over, node stopped, node died   unchanged    at once
   cancelled                                             unchanged    none until a new target
   ====================================================  ===========  ========================================

   The exponent stops at 20 (MoaT-KV). With delay 0 there is no retry; after ``max_failures`` none until a new target.
   The earlier of the two moments counts.
3. Poison: three runs in a row that each ended with the death of their node within 5 s of the start and without
   ``setup_done``. Then the job waits ``delay`` before each further try. A job that merely runs beside one that kills
   its node becomes poison too: so runners start such jobs 5 s apart.
4. A stored end later than now counts as now: a Raspberry Pi has no clock at boot. So the caller counts waits on a
   monotonic clock from the moment it learned of the end (it passes a ``stopped`` shifted accordingly).
5. ``target`` is absolute: it follows the wall clock, and ``served`` sees to it that no jump doubles a run.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from gateway.values import NotGiven

if TYPE_CHECKING:
    from gateway.runner.entries import End, RunnerEntry, StateEntry

#: Largest exponent of ``backoff`` (MoaT-KV, runner.py).
MAX_EXPONENT: Final = 20
#: So many early deaths of the node in a row make a job poison.
POISON_DEATHS: Final = 3
#: A death counts as early within so many seconds of the start.
EARLY: Final = 5.0

FAILURES: Final[frozenset[End]] = frozenset({"error", "timeout", "stalled", "blocked"})
INTERRUPTIONS: Final[frozenset[End]] = frozenset({"changed", "lost", "handed over", "node stopped", "node died"})


class Decision(NamedTuple):
    """When a job starts next, in Unix seconds (past: at once; None: not), and why, in words."""

    due: float | None
    reason: str


def schedule(job: RunnerEntry, state: StateEntry, now: float) -> Decision:
    """Decide when a job starts next; ``now`` in Unix seconds."""
    state = state.of(job)
    if state.node is not None:
        return Decision(None, f"it runs on {state.node}")
    if job.target is None:
        return Decision(None, "it is stopped: its target is null")
    following = _after_end(job, state, now)
    if not job.target or job.target == state.served:
        return following
    if following.due is not None and following.due <= job.target:
        return following
    return Decision(job.target, "target")


def _after_end(job: RunnerEntry, state: StateEntry, now: float) -> Decision:
    stopped = min(state.stopped, now)
    if state.end == "finished":
        return Decision(stopped + job.repeat, "repeat") if job.repeat else Decision(None, "finished, and no repeat")
    if state.end in FAILURES:
        return _retry(job, state, stopped)
    if state.end == "node died" and state.deaths >= POISON_DEATHS:
        return _poison(job, state, stopped)
    if state.end in INTERRUPTIONS:
        return Decision(stopped, f"again: {state.end}")
    return Decision(None, "cancelled; waits for a new target" if state.end == "cancelled" else "no target")


def _retry(job: RunnerEntry, state: StateEntry, stopped: float) -> Decision:
    n = state.backoff
    if job.max_failures and n >= job.max_failures:
        return Decision(None, f"failed {_times(n)} ({state.end}); waits for a restart")
    if not job.delay:
        return Decision(None, f"{state.end}, and delay 0 means no retry")
    return Decision(stopped + job.delay * job.backoff ** min(n, MAX_EXPONENT), f"retry {n} after {state.end}")


def _poison(job: RunnerEntry, state: StateEntry, stopped: float) -> Decision:
    reason = f"poison: its node died within {EARLY:g} s of the start {_times(state.deaths)} in a row"
    return Decision(stopped + job.delay, reason) if job.delay else Decision(None, f"{reason}; delay 0 means no retry")


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"


def started(
    job: RunnerEntry, state: StateEntry, now: float, *, node: str, incarnation: str, token: int = 0
) -> StateEntry:
    """The state at the start of a run.

    A target that has come is served by it. When the job had failed for good, it gets all its tries anew.
    """
    state = state.of(job)
    serves = job.target is not None and 0 < job.target <= now and job.target != state.served
    failed = bool(job.max_failures) and state.end in FAILURES and state.backoff >= job.max_failures
    return state.replace(
        started=now,
        pinged=0.0,
        computed=0.0,
        reason="it runs",
        node=node,
        backoff=0 if serves and failed else state.backoff,
        token=token,
        incarnation=incarnation,
        runs=state.runs + 1,
        served=job.target if serves and job.target else state.served,
        uid=job.uid,
    )


def ended(job: RunnerEntry, state: StateEntry, now: float, end: End, result: Any = NotGiven) -> StateEntry:
    """The state after a run; the result is kept from the last run that finished."""
    state = state.replace(
        stopped=now,
        node=None,
        end=end,
        result=result if end == "finished" else state.result,
        backoff=_failures(job, state, end),
        deaths=state.deaths + 1 if end == "node died" and _died_early(state) else 0,
    )
    following = schedule(job, state, now)
    return state.replace(computed=following.due or 0.0, reason=following.reason)


def _failures(job: RunnerEntry, state: StateEntry, end: End) -> int:
    if end == "finished":
        return 0
    if end in FAILURES:
        return min(state.backoff + 1, max(MAX_EXPONENT, job.max_failures))
    return state.backoff


def _died_early(state: StateEntry) -> bool:
    """No sign of life was written, which happens 5 s after the start or at ``setup_done``."""
    return not state.pinged
