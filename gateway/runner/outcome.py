"""How a run ended, and what that says of an exception: whatever stored code has raised, this finds words for it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import anyio

from gateway import codec
from gateway.abc import MAX_VALUE
from gateway.errors import ClaimLost, CodecError, ErrorRecorded, InterfaceDown
from gateway.runner.error_log import describe, trace
from gateway.runner.watchdog import LoopBlocked
from gateway.values import NotGiven

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gateway.runner.entries import End

#: Packed bytes that a result may take; the rest of the state needs some too.
MAX_RESULT: Final = MAX_VALUE - 4096


@dataclass(frozen=True, slots=True)
class Outcome:
    """How a run ended.

    Attributes:
        result: what the code returned; ``NotGiven`` unless it finished.
        message, traceback: of what went wrong.
        recorded: whether the code has recorded its error itself.
        bus_down: whether the error is just that a bus was down.
    """

    end: End
    result: Any = NotGiven
    message: str = ""
    traceback: str = ""
    recorded: bool = False
    bus_down: bool = False


def failure(error: BaseException) -> Outcome:
    """What an exception of stored code means. Only ``KeyboardInterrupt`` is ever raised here.

    Code may have exception classes of its own, whose methods may do anything.
    """
    try:
        return _failure(error, anyio.get_cancelled_exc_class())
    except KeyboardInterrupt:
        raise
    except BaseException as problem:  # noqa: BLE001 - raised by a method of the code's own class
        kinds = type(error).__name__, type(problem).__name__
        return Outcome("error", message="{}, which can't be shown: that raises {}".format(*kinds))


def is_cancellation(error: BaseException) -> bool:
    """Whether it is a cancellation, or a group of nothing else."""
    cancellation = anyio.get_cancelled_exc_class()
    return all(isinstance(leaf, cancellation) for leaf in _leaves(error))


def _failure(error: BaseException, cancellation: type[BaseException]) -> Outcome:
    found = list(_leaves(error))
    if blocked := next((leaf for leaf in found if isinstance(leaf, LoopBlocked)), None):
        return Outcome("blocked", message=str(blocked), traceback=trace(error))
    if lost := next((leaf for leaf in found if isinstance(leaf, ClaimLost)), None):
        return Outcome("lost", message=str(lost))
    if is_cancellation(error):
        message = "the code cancelled itself, or left a cancel scope or task group open; _self.cancel() ends a run"
        return Outcome("error", message=message, traceback=trace(error))
    if isinstance(error, BaseExceptionGroup) and any(isinstance(leaf, cancellation) for leaf in found):
        error = error.split(cancellation)[1] or error
    recorded = all(isinstance(leaf, (ErrorRecorded, cancellation)) for leaf in found)
    bus_down = all(isinstance(leaf, (InterfaceDown, cancellation)) for leaf in found)
    return Outcome("error", message=describe(error), traceback=trace(error), recorded=recorded, bus_down=bus_down)


def _leaves(error: BaseException) -> Iterator[BaseException]:
    """The exceptions in a group; not by recursion, as groups may be nested as deeply as the code likes."""
    waiting = [error]
    while waiting:
        one = waiting.pop()
        if isinstance(one, BaseExceptionGroup):
            waiting += reversed(BaseExceptionGroup.exceptions.__get__(one))  # an own class may redefine it
        else:
            yield one


def unstorable(result: Any) -> str:
    """Why a result can't be stored; empty if it can."""
    if codec.at_least(result, MAX_RESULT) > MAX_RESULT:
        return f"it takes more than the {MAX_RESULT} bytes that are possible"
    try:
        size = len(codec.encode(result))
    except CodecError as error:
        return str(error)
    return f"it takes {size} bytes, {MAX_RESULT} are possible" if size > MAX_RESULT else ""
