"""Record what goes over the line of a device, and replay it as the device; `tap` and `replay` are where to begin."""

from hwsim.recording.host import act_as_host
from hwsim.recording.replay import Replay, replay
from hwsim.recording.tap import tap
from hwsim.recording.tape import Event, Header, Record, Recorder, Recording, read_recording

__all__ = [
    "Event",
    "Header",
    "Record",
    "Recorder",
    "Recording",
    "Replay",
    "act_as_host",
    "read_recording",
    "replay",
    "tap",
]
