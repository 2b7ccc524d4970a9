"""Whether the installed plugins can be used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.doctor.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from gateway.plugins import PluginInfo


def check_plugins(infos: Iterable[PluginInfo]) -> Iterator[Finding]:
    """Tell of each plugin what it brings, or why it is not used."""
    found = list(infos)
    if not found:
        install = "for 1-Wire: pip install busgate-onewire"
        yield Finding("plugins", "warning", "driver", "none is installed, so no hardware can be used", install)
    for info in found:
        yield _plugin(info)


def _plugin(info: PluginInfo) -> Finding:
    if info.error:
        again = f"mend or reinstall it: pip install --force-reinstall {info.distribution or info.module}"
        return Finding("plugins", "problem", info.name, info.error, again)
    if info.disabled:
        return Finding("plugins", "ok", info.name, "disabled by [plugins] disabled")
    brings = ", ".join(info.drivers) or "no driver"
    return Finding("plugins", "ok", info.name, f"{info.distribution} {info.version}: {brings}".lstrip())
