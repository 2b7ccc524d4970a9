"""Values as bytes: msgpack with 64-bit floats, timestamps and paths; and values as JSON for people.

msgpack (specification: github.com/msgpack/msgpack/blob/master/spec.md) carries null, booleans, integers of 64 bits,
64-bit floats, text, bytes, lists, maps and timestamps. Ours besides is extension type 0x70: a path, as its key.
Tuples come back as lists; a mapping keeps the order of its keys.
"""

from __future__ import annotations

import base64
import json
import math
from datetime import datetime
from functools import lru_cache
from itertools import islice
from typing import Any

import msgpack

from gateway.errors import CodecError
from gateway.path import P, Path

#: Extension type of a path. Types 0 to 127 are the application's; msgpack's own are negative.
PATH_TYPE = 0x70
#: More levels than msgpack packs (512): what is nested so deeply is refused anyway.
DEEP = 1100
#: Types that are looked at most often here, so they stand in plain collections.
PLAIN = frozenset((int, float, bool, type(None)))
TEXTS = str, bytes, bytearray
SEQUENCES = list, tuple


def encode(value: Any) -> bytes:
    """Pack one value.

    Raises:
        CodecError: some part can't be stored; names its type and its place within the value.
    """
    try:
        return msgpack.packb(value, default=_extension, datetime=True, use_bin_type=True)  # type: ignore[no-any-return]
    except (TypeError, ValueError, OverflowError, RecursionError) as error:
        raise CodecError(_complaint(value) or f"value can't be stored: {error}") from error


def at_least(value: Any, limit: int) -> int:
    """How many bytes a value takes packed, at least; counted until it is clear that ``limit`` is exceeded.

    To pack something huge takes seconds, in which nothing else is done.
    """
    size, level = 0, [value]
    for _ in range(DEEP):
        size += len(level)
        if not level or size > limit:
            break
        deeper: list[Any] = []
        for part in level:
            if type(part) in PLAIN:
                continue
            if isinstance(part, TEXTS):
                size += len(part)
            elif isinstance(part, dict):
                deeper += islice(dict.keys(part), limit + 1)
                deeper += islice(dict.values(part), limit + 1)
            elif isinstance(part, SEQUENCES):
                deeper += islice(part, limit + 1)
            if size + len(deeper) > limit:
                return size + len(deeper)
        level = deeper
    return size


def decode(data: bytes) -> Any:
    """Unpack one value; CodecError when the bytes are no such value."""
    try:
        return msgpack.unpackb(data, ext_hook=_from_extension, timestamp=3, strict_map_key=False)
    except (ValueError, msgpack.exceptions.UnpackException) as error:
        raise CodecError(f"stored bytes can't be read: {error}") from error


def _extension(value: Any) -> msgpack.ExtType:
    if isinstance(value, Path):
        return msgpack.ExtType(PATH_TYPE, value.key.encode())
    raise TypeError(type(value).__name__)


def _from_extension(code: int, data: bytes) -> Any:
    return _path(data) if code == PATH_TYPE else msgpack.ExtType(code, data)


@lru_cache(maxsize=1024)
def _path(key: bytes) -> Path:
    """One object for all values that name a path: the same few procedures stand in thousands of jobs."""
    return Path.from_key(key.decode())


def _complaint(value: Any, where: str = "value") -> str:
    """Find the first part that msgpack refuses, and say where it is."""
    if isinstance(value, dict):
        parts = [(key, f"{where}[{key!r}] (the key)") for key in value]
        parts += [(part, f"{where}[{key!r}]") for key, part in value.items()]
    elif isinstance(value, list | tuple):
        parts = [(part, f"{where}[{index}]") for index, part in enumerate(value)]
    else:
        return _alone(value, where)
    return next(filter(None, (_complaint(part, place) for part, place in parts)), "") if len(where) < 500 else ""


def _alone(value: Any, where: str) -> str:
    if isinstance(value, datetime) and value.tzinfo is None:
        return f"{where} can't be stored: the timestamp has no time zone"
    if isinstance(value, int) and not -(2**63) <= value < 2**64:
        return f"{where} can't be stored: {value} needs more than 64 bits"
    if isinstance(value, str) and not _is_unicode(value):
        return f"{where} can't be stored: the text {value!r} is no valid Unicode"
    try:
        msgpack.packb(value, default=_extension, datetime=True)
    except (TypeError, ValueError):
        return f"{where} can't be stored: it is of type {type(value).__name__}"
    return ""


def _is_unicode(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def to_json(value: Any, indent: int | None = None) -> str:
    """Write a value as JSON.

    Bytes are ``{"$bytes": base64}``, a path is ``{"$path": text}``, a number that JSON lacks is ``{"$float": text}``
    (``nan``, ``inf``, ``-inf``), times are text in ISO 8601.
    """
    return json.dumps(_plain(value), indent=indent, ensure_ascii=False, allow_nan=False)


def _plain(value: Any) -> Any:
    match value:
        case bytes():
            return {"$bytes": base64.b64encode(value).decode()}
        case Path():
            return {"$path": str(value)}
        case float() if not math.isfinite(value):
            return {"$float": str(value)}
        case datetime():
            return value.isoformat()
        case dict():
            return {key if isinstance(key, str) else str(key): _plain(part) for key, part in value.items()}
        case list() | tuple():
            return [_plain(part) for part in value]
    return value


def from_json(text: str) -> Any:
    """Read JSON in the form that :func:`to_json` writes; ValueError (from ``json``) when it is malformed."""
    return json.loads(text, object_hook=_special, parse_constant=_no_constant)


def _no_constant(name: str) -> Any:
    raise ValueError(f'{name} is no JSON; write {{"$float": "{name.lower().replace("infinity", "inf")}"}}')


def _special(found: dict[str, Any]) -> Any:
    match found:
        case {"$bytes": str(text)} if len(found) == 1:
            return base64.b64decode(text)
        case {"$path": str(text)} if len(found) == 1:
            return P(text)
        case {"$float": ("nan" | "inf" | "-inf") as text} if len(found) == 1:
            return float(text)
    return found
