"""What every backend refuses before it sends anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from gateway import codec
from gateway.abc import MAX_KEY
from gateway.errors import LimitExceeded

if TYPE_CHECKING:
    from gateway.path import Path


def packed(value: Any, limit: int) -> bytes:
    """The value's bytes; CodecError when it can't be stored, LimitExceeded beyond ``limit`` bytes."""
    if codec.at_least(value, limit) > limit:
        raise LimitExceeded(f"the value takes more than the {limit} bytes that are stored")
    data = codec.encode(value)
    if len(data) > limit:
        raise LimitExceeded(f"the value takes {len(data)} bytes, at most {limit} are stored")
    return data


def check_key(path: Path) -> None:
    """LimitExceeded when the path is too long."""
    if len(path.key) > MAX_KEY:
        raise LimitExceeded(f"the path takes {len(path.key)} bytes, at most {MAX_KEY} are stored: {str(path)[:80]}...")
