"""Whether the modules that stored code requires are there."""

from __future__ import annotations

import sys
from importlib.util import find_spec
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


def missing(requires: Iterable[str]) -> list[str]:
    """The names that can't be imported here. Importing a package that contains one runs that package's code."""
    return [name for name in requires if not _importable(name)]


def _importable(name: str) -> bool:
    if name in sys.modules:
        return True
    try:
        return find_spec(name) is not None
    except Exception:  # noqa: BLE001 - a parent is missing, is no package, or fails by itself
        return False
