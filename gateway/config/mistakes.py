"""The mistakes of a configuration in words, each with its file, line and key."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from difflib import get_close_matches
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

from gateway.config.secrets import masked

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from pydantic_core import ErrorDetails

    from gateway.config.toml_lines import Key


@dataclass(frozen=True, slots=True)
class Source:
    """Where a configuration came from; gives each mistake its place."""

    file: str = "the defaults"
    lines: Mapping[Key, int] = field(default_factory=dict)

    def mistake(self, key: Key, problem: str) -> str:
        """``FILE:LINE: key: problem``; the line is that of the key, or of the table in which it is missing."""
        known = next((key[:length] for length in range(len(key), 0, -1) if key[:length] in self.lines), None)
        place = self.file if known is None else f"{self.file}:{self.lines[known]}"
        return f"{place}: {_key_text(key)}: {problem}" if key else f"{place}: {problem}"


def problem(error: ErrorDetails, schema: type[BaseModel]) -> str:
    """One mistake in words, from pydantic's."""
    match error["type"]:
        case "extra_forbidden":
            return f"unknown option{suggestion(str(error['loc'][-1]), _options(schema, error['loc'][:-1]))}"
        case "missing":
            return "is missing"
        case "value_error":
            return str(error["ctx"]["error"])
        case "tuple_type" if isinstance(error["input"], dict):
            return f"should be a list; write [[{error['loc'][-1]}]] with double brackets"
    text = error["msg"].removeprefix("Input ")
    given = repr(masked(error["input"], str(error["loc"][-1]) if error["loc"] else ""))
    return f"{text[:1].lower()}{text[1:]}, not {given if len(given) < 60 else given[:60] + '...'}"


def _options(schema: type[BaseModel], place: Sequence[int | str]) -> list[str]:
    """The options known at a place of a schema."""
    for part in place:
        if isinstance(part, int):
            continue
        known = {info.alias or name: info for name, info in schema.model_fields.items()}
        inner = known[part].annotation if part in known else None
        candidates = [inner, *getattr(inner, "__args__", ())]
        schema = next((each for each in candidates if isinstance(each, type) and issubclass(each, BaseModel)), schema)
    return [info.alias or name for name, info in schema.model_fields.items()]


def suggestion(word: str, known: Mapping[str, Any] | Sequence[str]) -> str:
    close = get_close_matches(word, known, n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def file_key(place: tuple[int | str, ...]) -> Key:
    """The key in the file for pydantic's place; the driver's options stand beside ours there."""
    return tuple(part for index, part in enumerate(place) if (index, part) != (2, "options"))


def _key_text(key: Key) -> str:
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in key).removeprefix(".")


def by_line(mistakes: Sequence[str]) -> list[str]:
    return sorted(mistakes, key=lambda text: int(found[1]) if (found := re.search(r":(\d+): ", text)) else 0)
