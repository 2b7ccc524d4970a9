"""What a node and a process that uses its buses from outside say to each other.

Theory of operation
-------------------
1. A request goes to the topic of its node, so that the servers of a store can be told who may make it; the question who
   is there goes to one topic for all nodes. Replies go to a topic of the client's own. A message may get lost; none may
   take effect twice or late.
2. A client first greets (``do: list``). The reply gives the node's monotonic time and the id of its service; from then
   on the client tells the node's time from its own clock. A request is void ``TIME_TO_LIVE`` later, so that a node that
   was paused, or a store that held a message back, doesn't switch something minutes after its caller has given up.
3. The service says ``working`` at once, then each ``BEAT``. When the client hears nothing for ``SILENCE``, it repeats
   the request under the same id; a service that knows the id repeats its reply instead of the deed. After ``TRIES``
   without any reply the client gives up.
4. A reply that is too long for one message comes in numbered parts.
5. Errors travel as the name of their class in ``gateway.errors`` with their text and plain attributes.
"""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any, Final

from gateway import codec, errors
from gateway.errors import BusError, BusgateError, CodecError
from gateway.path import P
from gateway.values import Device, Reading

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Who is there is asked at ``request``, anything else at ``request.NODE``; replies go to ``reply.CLIENT``.
TOPIC: Final = P(":.moat.kv.bus")
REQUESTS: Final = TOPIC / "request"
REPLIES: Final = TOPIC / "reply"

# Seconds; the ratios matter: a beat may be late by half, and a repeated request must still find its reply.
BEAT: Final = 1.0
SILENCE: Final = 1.5
TRIES: Final = 3
TIME_TO_LIVE: Final = 5.0
REMEMBERED: Final = 60.0

#: Bytes of a reply in one message; ``gateway.abc.MAX_MESSAGE`` with room for the rest.
PART: Final = 48 * 1024


def outcome_parts(outcome: dict[str, Any]) -> list[dict[str, Any]]:
    """``{"value": ...}`` or ``{"error": ...}`` as the messages that carry it; what can't be packed is an error."""
    try:
        data = codec.encode(outcome)
    except CodecError as error:
        data = codec.encode({"error": pack_error(error)})
    pieces = [data[start : start + PART] for start in range(0, len(data), PART)]
    return [{"part": index, "of": len(pieces), "data": piece} for index, piece in enumerate(pieces)]


def pack(value: Any) -> Any:
    """A driver's answer as plain values."""
    match value:
        case Reading():
            return {"$reading": value.as_map()}
        case Device():
            return {"$device": asdict(value)}
        case list() | tuple():
            return [pack(part) for part in value]
        case dict():
            return {key: pack(part) for key, part in value.items()}
    return value


def unpack(value: Any) -> Any:
    """The answer as the driver gave it."""
    match value:
        case {"$reading": fields}:
            return Reading(**fields)
        case {"$device": fields}:
            return Device(**fields | {name: tuple(fields[name]) for name in ("readable", "writable")})
        case list():
            return [unpack(part) for part in value]
        case dict():
            return {key: unpack(part) for key, part in value.items()}
    return value


def pack_error(error: Exception) -> dict[str, Any]:
    """An exception as plain values; one that isn't of busgate as a BusError that names it."""
    if not isinstance(error, BusgateError):
        return {"type": "BusError", "text": f"{type(error).__name__}: {error}", "more": {}}
    plain = {name: value for name, value in vars(error).items() if isinstance(value, str | int | float | None)}
    return {"type": type(error).__name__, "text": str(error), "more": plain}


def unpack_error(fields: dict[str, Any]) -> BusgateError:
    """The same exception; a plain BusError when this version of busgate doesn't know its class."""
    kinds = {name: kind for name, kind in _kinds() if name == fields["type"]}
    kind = kinds.get(fields["type"], BusError)
    error = kind.__new__(kind, fields["text"])  # without __init__, which would make up a text of its own
    vars(error).update(fields["more"])
    return error


def _kinds() -> Iterator[tuple[str, type[BusgateError]]]:
    for name, kind in vars(errors).items():
        if isinstance(kind, type) and issubclass(kind, BusgateError):
            yield name, kind
