"""Keeps passwords and tokens out of what is shown and of what stored code can see."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_SECRET_KEY = re.compile(r"passw(or)?d|passphrase|secret|token|api_?key|credential", re.IGNORECASE)
# The part before the @ of a URL: user:password, or a lone token as NATS takes it.
_USER_INFO = re.compile(r"(?<=://)([^\s/@:]*)(:[^\s/]*)?@")
_QUERY = re.compile(r"([?&][^=&\s]*(?:passw(?:or)?d|secret|token|key)[^=&\s]*=)[^&\s]*", re.IGNORECASE)
MASK = "***"


def masked(value: Any, key: str = "") -> Any:
    """A copy with each secret replaced by ``***``: whole values by the name of their key, and parts of URLs."""
    if _SECRET_KEY.search(key) and not isinstance(value, bool):
        return MASK
    match value:
        case Mapping():
            return {name: masked(part, str(name)) for name, part in value.items()}
        case list() | tuple():
            return [masked(part) for part in value]
        case str():
            return _QUERY.sub(rf"\1{MASK}", _USER_INFO.sub(_hide_user, value))
    return value


def _hide_user(found: re.Match[str]) -> str:
    return f"{found[1]}:{MASK}@" if found[2] else f"{MASK}@"
