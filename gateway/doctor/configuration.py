"""Whether there is a configuration, and whether it can be used."""

from __future__ import annotations

import json
import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from gateway.config.mistakes import Source
from gateway.config.secrets import MASK
from gateway.doctor.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from gateway.config import Config


def check_configuration(config: Config | None, mistakes: Sequence[str]) -> Iterator[Finding]:
    """Tell of the file that is in force, of all mistakes in it, and how to begin where there is none.

    Args:
        config: None when it can't be read; then ``mistakes`` say why.
        mistakes: as ``busgate config check`` has them: file, line, key and what is wrong.
    """
    for mistake in mistakes:
        yield Finding("config", "problem", *_placed(mistake))
    if config is None:
        return
    if _shows_a_password(config):
        text = "others on this machine can read it, and a password stands in it"
        yield Finding("config", "warning", config.source.file, text, f"chmod 600 {config.source.file}")
    if config.source == Source():
        begin = (
            "to begin: busgate config init busgate.toml, and put your hardware into it as [[interface]]; "
            "to see first what busgate does: busgate demo"
        )
        yield Finding("config", "warning", "file", "there is no configuration; the defaults are in force", begin)
    elif not config.interfaces:
        add = f"put your hardware into {config.source.file} as [[interface]]; examples: busgate config init FILE"
        yield Finding("config", "warning", config.source.file, "no [[interface]]: this node has no hardware", add)
    elif not mistakes:
        count = len(config.interfaces)
        text = f"no mistakes, {count} interface{'s' if count > 1 else ''}, node {config.node.name}"
        yield Finding("config", "ok", config.source.file, text)


def _shows_a_password(config: Config) -> bool:
    """Whether the file holds what ``config show`` masks, and is for everybody to read."""
    with suppress(OSError):
        if Path(config.source.file).stat().st_mode & stat.S_IROTH:
            return MASK in json.dumps(config.as_map(), default=str)
    return False


def _placed(mistake: str) -> tuple[str, str]:
    """The place of a mistake, and what it is."""
    place, colon, text = mistake.partition(": ")
    return (place, text) if colon and " " not in place else ("file", mistake)
