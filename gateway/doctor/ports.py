"""Serial ports: whether those of the configuration keep their name, may be opened, and are free.

Nothing here opens a port: that would restart an Arduino.
"""

from __future__ import annotations

import re
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from gateway.bus.port_trouble import holders, permission
from gateway.doctor.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator

    from gateway.config import InterfaceSection
    from gateway.doctor.finding import Level
    from gateway.doctor.machine import Machine

#: The kernel numbers adapters in the order in which it finds them.
MOVING: Final = re.compile(r"tty(USB|ACM)\d+")
#: Services of common distributions that open serial ports unasked, and what to do about each.
MEDDLERS: Final = {
    "ModemManager": (
        "it sends modem commands to every new serial port",
        "if there is no modem: sudo systemctl disable --now ModemManager",
    ),
    "brltty": (
        "it takes USB serial adapters for Braille displays, and their ports away",
        "if there is no Braille display: sudo systemctl mask --now brltty-udev brltty",
    ),
}


def check_ports(
    machine: Machine, interfaces: Iterable[InterfaceSection], own: Collection[int] = ()
) -> Iterator[Finding]:
    """Tell what is plugged in, and look at each port of the configuration.

    Args:
        own: process ids of the running nodes: they may have a port open.
    """
    wanted = [(one.name, port) for one in interfaces for port in configured_ports(one, machine)]
    yield from _plugged_in(machine)
    for name, port in wanted:
        yield from _port(machine, name, port, own)
    yield from _shared(wanted)
    yield from _meddlers(machine, bool(wanted))


def configured_ports(interface: InterfaceSection, machine: Machine) -> list[Path]:
    """The device files among the options of an interface."""
    texts = [value for value in interface.options.values() if isinstance(value, str)]
    paths = [Path(text) for text in texts if text.startswith("/")]
    return [path for path in paths if machine.dev in path.parents or _is_device(path)]


def _is_device(path: Path) -> bool:
    """Whether it is a device file that stands elsewhere, such as a terminal of socat."""
    try:
        return path.is_char_device()
    except OSError:  # such as a name that is too long
        return False


def _plugged_in(machine: Machine) -> Iterator[Finding]:
    found = _links(machine.by_id)
    for link in found:
        yield Finding("ports", "ok", link.resolve().name, f"plugged in: {link}")
    if not found:
        yield Finding("ports", "ok", "serial ports", f"no serial adapter is plugged in ({machine.by_id} is empty)")


def _port(machine: Machine, name: str, port: Path, own: Collection[int]) -> Iterator[Finding]:
    if not port.exists():
        yield Finding("ports", "problem", name, f"there is no {port}", _instead(machine))
        return
    if MOVING.fullmatch(port.name) and port.parent == machine.dev:
        yield _moving(machine, name, port)
    if not machine.may_use(port):
        yield Finding("ports", "problem", name, *permission(port))
    elif others := [(pid, who) for pid, who in holders(port, machine.proc) if pid not in own]:
        told = ", ".join(f"{who} (pid {pid})" for pid, who in others)
        yield Finding("ports", "problem", name, f"{port} is in use by {told}", "stop it, or give it another port")
    else:
        yield Finding("ports", "ok", name, f"{port} may be read and written")
    if port.resolve().name in _consoles(machine):
        advice = "take it away: sudo raspi-config, Interface Options, Serial Port; or console=... of the kernel"
        yield Finding("ports", "problem", name, f"{port} is a console of this system, which writes to it", advice)


def _moving(machine: Machine, name: str, port: Path) -> Finding:
    message = f"{port} may be another device after a restart"
    for folder in (machine.by_id, machine.by_path):
        for link in _links(folder):
            if link.resolve() == port.resolve():
                return Finding("ports", "warning", name, message, f"write its lasting name instead: {link}")
    return Finding("ports", "warning", name, message, "udev gives it no lasting name; a rule of your own can")


def _instead(machine: Machine) -> str:
    found = _links(machine.by_id)
    return f"plugged in are {', '.join(map(str, found))}" if found else "plug it in; no serial adapter is there"


def _shared(wanted: Iterable[tuple[str, Path]]) -> Iterator[Finding]:
    users: dict[Path, list[str]] = defaultdict(list)
    for name, port in wanted:
        users[port.resolve()].append(name)
    for port, names in users.items():
        if len(names) > 1:
            text = f"{' and '.join(names)} have one port, {port}: only one of them can open it"
            yield Finding("ports", "problem", names[-1], text, "give each the port of its own hardware")


def _meddlers(machine: Machine, ports: bool) -> Iterator[Finding]:
    level: Level = "warning" if ports else "ok"
    for comm in sorted(machine.proc.glob("[0-9]*/comm")):
        with suppress(OSError):  # it has ended
            who = comm.read_text().strip()
            if who in MEDDLERS:
                what, advice = MEDDLERS[who]
                yield Finding("ports", level, who, f"it runs (pid {comm.parent.name}): {what}", advice)


def _consoles(machine: Machine) -> set[str]:
    """The terminals that the kernel's console writes to (proc(5), /proc/consoles)."""
    try:
        return {line.split()[0] for line in (machine.proc / "consoles").read_text().splitlines() if line}
    except OSError:
        return set()


def _links(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError:
        return []
