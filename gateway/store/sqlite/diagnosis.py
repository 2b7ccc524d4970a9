"""What ``busgate doctor`` learns of a database file: where it is, how much room there is, what befell it."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Final

from gateway.doctor.finding import Finding
from gateway.store.sqlite.place import file_system

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from gateway.store.sqlite.damage import DamageReport

#: File systems that don't keep a file for ever.
FLEETING: Final = {
    "tmpfs": "it is in memory: a restart of the machine empties it",
    "ramfs": "it is in memory: a restart of the machine empties it",
    "overlay": "it is in the layer of a container or of a read-only system: it vanishes with that",
}
#: Bytes of free disk: the log between two checkpoints and a snapshot need some, and so does whatever else is there.
LITTLE: Final = 200 * 2**20
TOO_LITTLE: Final = 20 * 2**20


def diagnose(file: Path, mounts: str, free: int, damage: DamageReport | None) -> Iterator[Finding]:
    """Look at an open store's place.

    Args:
        mounts: the text of ``/proc/self/mountinfo``.
        free: bytes for this user on its disk.
        damage: what was repaired when it was opened.
    """
    if damage is not None:
        yield Finding("store", "warning", str(file), str(damage), "look at its disk: sudo dmesg | grep -i error")
    kind = file_system(file, mounts)
    if kind in FLEETING:
        move = "put it elsewhere: [store] url"
        yield Finding("store", "warning", str(file), f"{FLEETING[kind]} ({kind})", move)
    yield _disk(file, free, kind)


def free_bytes(folder: Path) -> int:
    """The room that this user has on the disk of a folder."""
    room = os.statvfs(folder)
    return room.f_bavail * room.f_frsize


def _disk(file: Path, free: int, kind: str) -> Finding:
    size = sum(part.stat().st_size for part in file.parent.glob(f"{file.name}*") if part.is_file())
    text = f"{size / 2**20:.1f} MiB on {kind or 'disk'}, which has {free / 2**20:,.0f} MiB free"
    make_room = f"make room on the disk of {file.parent}"
    if free < TOO_LITTLE:
        return Finding("store", "problem", str(file), text, make_room)
    return Finding("store", "warning" if free < LITTLE else "ok", str(file), text, make_room if free < LITTLE else "")
