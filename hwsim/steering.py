"""The socket through which a running house is steered: its place, the side of the house, and the side of the command.

Theory of operation
 1. The socket of a house is named by its process and lies in a folder that is the user's own. So a command finds the
    house without being told, if there is one only.
 2. Requests of one connection are answered one after the other, those of several at the same time.
 3. A socket that refuses connections is left over from a process that was killed; whoever finds it removes it.
"""

from __future__ import annotations

import json
import os
import socket
import stat
import tempfile
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anyio
from anyio.streams.buffered import BufferedByteReceiveStream

from hwsim.errors import PortInUse, Unreachable
from hwsim.requests import Request, answered

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from anyio.abc import SocketStream

    from hwsim.house import House

_LONGEST_REQUEST = 65536


@asynccontextmanager
async def steered(house: House, path: Path | None = None) -> AsyncIterator[Path]:
    """Let a running house be steered through a socket for as long as the context lasts; gives its path.

    Args:
        house: runs.
        path: of the socket; None: one that `find` finds.

    Raises:
        PortInUse: another house is steered there, something else is there, or it can't be made.
    """
    place = path or _folder() / f"{os.getpid()}.sock"
    if place.exists() or place.is_symlink():
        _clear(place)
    try:
        listener = await anyio.create_unix_listener(place, mode=0o600)
    except OSError as error:
        raise PortInUse(f"no socket can be made at {place}: {(error.strerror or str(error)).lower()}") from error
    try:
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(listener.serve, lambda stream: _serve(house, stream))
            yield place
            tasks.cancel_scope.cancel()
    finally:
        await anyio.aclose_forcefully(listener)
        place.unlink(missing_ok=True)


def find() -> Path:
    """The socket of the one house of this user that runs.

    Raises:
        Unreachable: none runs, or several do.
    """
    running = [path for path in sorted(_folder().glob("*.sock")) if _alive(path)]
    if len(running) == 1:
        return running[0]
    if not running:
        raise Unreachable("no house runs; start one with: hwsim serve FILE, or name its socket with --socket")
    raise Unreachable(f"several houses run; choose one with --socket: {', '.join(map(str, running))}")


def ask(path: Path, request: Request) -> dict[str, Any]:
    """Ask the house at a socket, and wait for its answer, however long that takes.

    Raises:
        Unreachable: nobody answers there.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            connection.connect(str(path))
            connection.sendall(request.model_dump_json().encode() + b"\n")
            line = connection.makefile("rb").readline()
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            raise Unreachable(f"no house can be steered at {path}: {reason}") from error
    if not line.endswith(b"\n"):
        raise Unreachable(f"the house at {path} has ended before it answered")
    answer: dict[str, Any] = json.loads(line)
    return answer


async def _serve(house: House, stream: SocketStream) -> None:
    async with stream:
        lines = BufferedByteReceiveStream(stream)
        # Who hangs up, or sends a line without end, is left alone.
        with suppress(anyio.IncompleteRead, anyio.DelimiterNotFound, anyio.BrokenResourceError, anyio.EndOfStream):
            while True:
                line = await lines.receive_until(b"\n", _LONGEST_REQUEST)
                await stream.send(await answered(house, line))


def _folder() -> Path:
    """Where this user's houses have their sockets. Raises PortInUse when it can't be made, or is somebody else's."""
    runtime = Path(os.environ.get("XDG_RUNTIME_DIR") or "/nowhere")
    folder = runtime / "hwsim" if runtime.is_dir() else Path(tempfile.gettempdir()) / f"hwsim-{os.getuid()}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        owner = folder.stat().st_uid
    except OSError as error:
        raise PortInUse(f"no folder for sockets can be made at {folder}: {(error.strerror or '').lower()}") from error
    if owner != os.getuid():
        raise PortInUse(f"{folder} belongs to somebody else; set XDG_RUNTIME_DIR to a folder of your own")
    return folder


def _clear(place: Path) -> None:
    """Remove what a killed process has left. Raises PortInUse if it is something else."""
    if not stat.S_ISSOCK(place.lstat().st_mode):
        raise PortInUse(f"there is something else at {place}; name another path for the socket")
    if _alive(place):
        raise PortInUse(f"another house is steered through {place}; name another path for the socket")


def _alive(path: Path) -> bool:
    """Whether a house listens there; removes the socket if none does."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            connection.connect(str(path))
        except OSError:
            path.unlink(missing_ok=True)
            return False
    return True
