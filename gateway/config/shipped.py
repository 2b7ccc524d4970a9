"""Finds the configuration files that come with busgate: in the wheel, or in the checkout's ``config/``."""

from __future__ import annotations

import pathlib
from importlib.resources import files
from typing import TYPE_CHECKING

from gateway.errors import NotFound

if TYPE_CHECKING:
    from importlib.resources.abc import Traversable


def config_file(name: str) -> Traversable:
    """The file of that name, for example ``gateway.toml``; NotFound when busgate is installed without it."""
    package = files("gateway")
    checkout = pathlib.Path(str(package)).parent / "config"
    for folder in (package / "config_files", checkout):
        if (folder / name).is_file():
            return folder / name
    raise NotFound(f"no configuration file {name} comes with busgate")
