"""Where to begin with recording a device that is somewhere else: stand between it and its host."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Final

from hwsim.clock import Clock, LoopClock
from hwsim.errors import RecordingError
from hwsim.recording.dialects import DIALECTS
from hwsim.recording.tap_serial import TappedSerial
from hwsim.recording.tap_tcp import TappedTcp

if TYPE_CHECKING:
    from hwsim.recording.tapped import Tapped

OWSERVER_PORT: Final = 4304
_SCHEMES: Final = {"owserver": "owserver", "socket": "serial"}


def tap(
    url: str,
    file: str | Path,
    *,
    listen: str | None = None,
    kind: str | None = None,
    baud: int | None = None,
    clock: Clock | None = None,
) -> Tapped:
    """A device that is recorded into a new file while `running()` lasts: all that goes to it and comes from it.

    Args:
        url: `owserver://HOST[:PORT]`, `socket://HOST:PORT`, or the path of a serial device.
        file: must not exist.
        listen: where hosts find the device instead: `[HOST:]PORT`, or a path; none: a free port, or a new path.
        kind: the protocol, as in `rfxtrx`; none: that of the URL; it is also recognised later.
        baud: speed of a serial line; none: that which the host sets.
        clock: where times come from; none: the event loop.

    Raises:
        RecordingError: the URL is of no known form, there is no such kind, or it has no speed.
    """
    if kind is not None and kind not in DIALECTS:
        raise RecordingError(f"there is no protocol {kind!r}; known are {', '.join(DIALECTS)}")
    scheme, separator, place = url.partition("://")
    if not separator:
        return TappedSerial(url, Path(file), listen, kind or "serial", clock or LoopClock(), baud)
    if scheme not in _SCHEMES:
        raise RecordingError(f"{url!r} can't be recorded; write owserver://HOST, socket://HOST:PORT, or a path")
    if baud is not None:
        raise RecordingError(f"{url!r} has no speed; it is no serial device of this machine")
    host, _, port = place.rstrip("/").partition(":")
    if not host or not (port or "0").isdigit() or (not port and scheme == "socket"):
        raise RecordingError(f"{url!r} is no address; write it as in {scheme}://127.0.0.1:{OWSERVER_PORT}")
    upstream = (host, int(port or OWSERVER_PORT))
    return TappedTcp(url, Path(file), listen, kind or _SCHEMES[scheme], clock or LoopClock(), upstream)
