"""What the runner hands to stored code as plain values: paths, rounding, read-only mappings with attributes."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from gateway.path import Element, Path


class AttributeMap(Mapping[str, Any]):
    """A read-only mapping whose items are attributes too; the maps in it are likewise, its lists are tuples."""

    __slots__ = ("_items",)
    _items: Mapping[str, Any]

    def __init__(self, items: Mapping[str, Any]) -> None:
        object.__setattr__(self, "_items", {name: _frozen(value) for name, value in items.items()})

    def __getitem__(self, name: str) -> Any:
        return self._items[name]

    def __getattr__(self, name: str) -> Any:
        try:
            return self._items[name]
        except KeyError:
            raise AttributeError(f"there is no {name!r} here; there are: {', '.join(map(str, self))}") from None

    def __setattr__(self, name: str, value: Any) -> None:
        raise AttributeError(f"{name!r} can't be set: this mapping is read-only")

    def __iter__(self) -> Iterator[str]:
        return iter(self._items)

    def __len__(self) -> int:
        return len(self._items)

    def __repr__(self) -> str:
        return f"AttributeMap({dict(self._items)!r})"


def _frozen(value: Any) -> Any:
    if isinstance(value, Mapping):
        return AttributeMap(value)
    return tuple(map(_frozen, value)) if isinstance(value, list | tuple) else value


def path_of(*elements: Element | list[Any]) -> Path:
    """``_Path`` of stored code: a path from its elements, or from one list of them."""
    if len(elements) == 1 and isinstance(elements[0], list):
        return Path(*elements[0])
    return Path(*elements)  # type: ignore[arg-type] # Path refuses a list among several by itself


def digits(number: float, digits: int = 6) -> float:
    """``_digits`` of stored code: a number rounded to so many significant digits."""
    if not number or not math.isfinite(number):
        return number
    try:
        return round(number, digits - 1 - math.floor(math.log10(abs(number))))
    except OverflowError:  # the largest floats can't be rounded up
        return number


def merged(default: Mapping[str, Any], data: Mapping[str, Any]) -> dict[str, Any]:
    """Both maps, merged at every depth; where both have a value, ``data`` wins."""
    result = dict(default)
    for name, value in data.items():
        under = result.get(name)
        both = isinstance(under, Mapping) and isinstance(value, Mapping)
        result[name] = merged(under, value) if both else value  # type: ignore[arg-type]
    return result
