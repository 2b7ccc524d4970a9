"""Whether a history of compare-and-sets could have happened one after the other.

Theory of operation
1. A history is what clients did to one entry: who wanted to replace which value by which, when the call was made and
   when it returned, and how. Every value is written by one call only, so a value names the call that wrote it.
2. A call that returned well took effect; one that was refused did not; of one that ended as ``uncertain`` it is
   unknown. It may have taken effect at any moment after it was made, also after it had returned.
3. A compare-and-set takes effect upon the value that it expects. So from the last value back there is at most one chain
   of calls, each upon the one before, down to the initial value; and every call that returned well must stand in it.
   Two calls upon one value can't both (*double win*); a call that nothing builds upon was *lost*.
4. The order of the chain must agree with the clock: no call takes effect before it was made or, if it returned well,
   after it returned (*stale*). That is possible exactly when no call of the chain was made after the return of a later
   one of the chain.

This is linearizability (Herlihy and Wing 1990, doi:10.1145/78969.78972) for a register with compare-and-set; unique
values spare the search that is needed in general.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from collections.abc import Hashable, Iterable, Mapping

Outcome: TypeAlias = Literal["ok", "refused", "uncertain"]


@dataclass(frozen=True, slots=True)
class Call:
    """One compare-and-set of one entry.

    Attributes:
        expected: the value that is to be replaced.
        value: what replaces it; unique within the history.
        called, returned: by one clock for all clients, in seconds.
        client: for messages.
    """

    expected: Hashable
    value: Hashable
    called: float
    returned: float
    outcome: Outcome
    client: str = ""

    def __str__(self) -> str:
        took = f"from {self.called:.6f} to {self.returned:.6f}"
        return f"{self.client or 'a client'} set {self.value!r} upon {self.expected!r} {took}: {self.outcome}"


def wrongs(calls: Iterable[Call], initial: Hashable, final: Hashable) -> list[str]:
    """What can't have happened: a line for each contradiction; none when the history is linearizable.

    Args:
        calls: of all clients, in any order.
        initial: the entry's value before the first call.
        final: its value when all calls had returned, and no uncertain one could still arrive.

    Raises:
        ValueError: two calls wrote the same value, so that a value doesn't tell who wrote it.
    """
    writers = _writers(calls, initial)
    chain, broken = _chain(writers, initial, final)
    if broken:
        return [broken]
    chained = set(chain)
    rest = [call for call in writers.values() if call.outcome == "ok" and call not in chained]
    refused = [call for call in chain if call.outcome == "refused"]
    return [
        *(_apart(call, chain) for call in rest),
        *(f"refused, yet it took effect: {call}" for call in refused),
        *_out_of_order(chain),
    ]


def _writers(calls: Iterable[Call], initial: Hashable) -> dict[Hashable, Call]:
    writers: dict[Hashable, Call] = {}
    for call in calls:
        if call.value in writers or call.value == initial:
            raise ValueError(f"{call.value!r} was written twice; each call needs a value of its own")
        writers[call.value] = call
    return writers


def _chain(writers: Mapping[Hashable, Call], initial: Hashable, final: Hashable) -> tuple[list[Call], str]:
    """The calls from the initial to the final value; or what it breaks at."""
    chain: list[Call] = []
    value = final
    while value != initial:
        call = writers.get(value)
        if call is None:
            upon = f"; upon it, {chain[-1]}" if chain else ""
            return [], f"nobody wrote {value!r}{upon}"
        if len(chain) > len(writers):
            return [], f"the values go round in a circle: {call}"
        chain.append(call)
        value = call.expected
    return chain[::-1], ""


def _apart(call: Call, chain: list[Call]) -> str:
    """What is wrong with a call that returned well and left no trace in the last value."""
    twin = next((other for other in chain if other.expected == call.expected), None)
    if twin is None:
        return f"lost, though acknowledged: {call}"
    if twin.outcome == "ok":
        return f"double win: {call}; and {twin}"
    return f"lost, though acknowledged: {call}; {twin} took its place"


def _out_of_order(chain: list[Call]) -> list[str]:
    """Calls that built upon what had been replaced already, or was not yet written."""
    found = []
    latest: Call | None = None
    for call in chain:
        end = call.returned if call.outcome == "ok" else math.inf
        if latest is not None and latest.called > end:
            found.append(f"stale: {call}; it builds upon what was made later: {latest}")
        if latest is None or call.called > latest.called:
            latest = call
    return found
