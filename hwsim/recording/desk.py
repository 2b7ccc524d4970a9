"""Records buses of a running house directly, without anything in between."""

from __future__ import annotations

from pathlib import Path
from time import time as unix_time
from typing import TYPE_CHECKING

from hwsim.errors import RecordingError, UnknownTarget, did_you_mean
from hwsim.recording.tape import Header, Recorder

if TYPE_CHECKING:
    from collections.abc import Callable

    from hwsim.clock import HouseTime
    from hwsim.house import Endpoint
    from hwsim.junction import Junction


class RecordingDesk:
    """At most one recording of each bus at a time."""

    def __init__(self, time: HouseTime, line_of: Callable[[str], tuple[Endpoint, Junction]]) -> None:
        self._time = time
        self._line_of = line_of
        self._running: dict[str, tuple[Junction, Recorder]] = {}

    def start(self, bus: str, path: str | Path) -> Recorder:
        """Record a bus into a new file from now on, until `stop` or the end of the run.

        Raises:
            UnknownTarget: there is no such bus.
            RecordingError: it is being recorded already, or the file exists or can't be made.
            HwsimError: the house does not run.
        """
        endpoint, junction = self._line_of(bus)
        if bus in self._running:
            raise RecordingError(f"bus {bus!r} is being recorded into {self._running[bus][1].path}; end that first")
        served = endpoint.kind == "onewire"  # by an owserver, whose protocol has a name of its own
        kind, line = ("owserver", "tcp") if served else (endpoint.kind, "tty")
        header = Header(kind, line, endpoint.url, unix_time())
        recorder = Recorder(Path(path), header, self._time.now)
        junction.tap = recorder
        self._running[bus] = junction, recorder
        return recorder

    def stop(self, bus: str) -> Recorder:
        """End a recording; what it returns has its counters.

        Raises:
            UnknownTarget: this bus is not being recorded.
            RecordingError: not all could be written.
        """
        if bus not in self._running:
            raise UnknownTarget(f"bus {bus!r} is not being recorded{did_you_mean(bus, self._running)}")
        junction, recorder = self._running.pop(bus)
        junction.tap = None
        recorder.close()
        if recorder.failure is not None:
            raise recorder.failure
        return recorder

    def file(self, bus: str) -> str | None:
        """Where a bus is being recorded; None: it is not."""
        return str(self._running[bus][1].path) if bus in self._running else None

    def close(self) -> None:
        """End all of them."""
        for junction, recorder in self._running.values():
            junction.tap = None
            recorder.close()
        self._running.clear()
