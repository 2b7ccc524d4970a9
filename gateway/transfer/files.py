"""Archives on disk and in pipes."""

from __future__ import annotations

import contextlib
import os
import sys
from typing import TYPE_CHECKING, Final

from gateway.transfer.archive import Archive, ArchiveError

if TYPE_CHECKING:
    from pathlib import Path

_PIPE: Final = "-"


def write(file: Path, archive: Archive) -> None:
    """Write an archive, or leave the file as it was; ``-`` is the standard output. Blocks.

    The file is read back before it takes its name. It may hold secrets, so only its owner can read it.

    Raises:
        ArchiveError: it can't be written, or reads otherwise than it was written.
    """
    if str(file) == _PIPE:
        sys.stdout.buffer.writelines(archive.dump())
        return
    partial = file.with_name(f"{file.name}.partial")
    try:
        partial.unlink(missing_ok=True)
        with os.fdopen(os.open(partial, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as stream:
            stream.writelines(archive.dump())
            stream.flush()
            os.fsync(stream.fileno())
        if partial.read_bytes() != b"".join(archive.dump()):
            raise ArchiveError(f"{partial} reads otherwise than it was written: is the disk sound?")
        partial.replace(file)
    except OSError as error:
        with contextlib.suppress(OSError):
            partial.unlink(missing_ok=True)
        raise ArchiveError(f"{file} can't be written: {error.strerror}") from error


def read(file: Path) -> Archive:
    """Read an archive; ``-`` is the standard input. Blocks.

    Raises:
        ArchiveError: it can't be read, or is no whole archive.
    """
    try:
        data = sys.stdin.buffer.read() if str(file) == _PIPE else file.read_bytes()
    except OSError as error:
        raise ArchiveError(f"{file} can't be read: {error.strerror}") from error
    try:
        return Archive.load(data)
    except ArchiveError as error:
        raise ArchiveError(f"{file}: {error}") from error
