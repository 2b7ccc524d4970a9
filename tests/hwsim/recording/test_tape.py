"""Files of recordings: what was written is read, and damage never gives a record that was not written."""

import resource
import subprocess
import sys

import msgpack
import pytest

from hwsim import HwsimError
from hwsim.errors import RecordingError
from hwsim.junction import Ending
from hwsim.recording import Event, Header, Recorder, read_recording

HEADER = Header("rflink", "tty", "/dev/ttyUSB0", 1_700_000_000.25)


class Clock:
    time = 1000.0

    def __call__(self):
        self.time += 0.125
        return self.time


@pytest.fixture
def recorder(tmp_path):
    recorder = Recorder(tmp_path / "line.hwrec", HEADER, Clock())
    yield recorder
    recorder.close()


@pytest.fixture
def written(recorder):
    """A file with nine records."""
    recorder.opened("a")
    recorder.to_device("a", b"10;PING;\n")
    recorder.to_host("a", b"20;01;PONG;\r\n")
    recorder.opened("b")
    recorder.to_host("b", bytes(range(200, 256)))
    recorder.closed("a", Ending.BY_HOST)
    recorder.closed("b", Ending.BROKEN)
    recorder.to_device("c", b"from before the recorder was there")
    recorder.close()
    return recorder.path


def test_all_of_it_is_read_again(recorder, written):
    recording = read_recording(written)
    assert recording.header == HEADER
    assert recording.damage is None
    assert [(record.connection, record.event.name) for record in recording.records] == [
        (1, "OPENED"),
        (1, "TO_DEVICE"),
        (1, "TO_HOST"),
        (2, "OPENED"),
        (2, "TO_HOST"),
        (1, "CLOSED_BY_HOST"),
        (2, "BROKEN"),
        (3, "OPENED"),
        (3, "TO_DEVICE"),
    ]
    assert [record.time for record in recording.records[:3]] == [0.125, 0.25, 0.375]
    assert recording.sent(Event.TO_HOST) == b"20;01;PONG;\r\n" + bytes(range(200, 256))
    assert (recorder.connections, recorder.bytes) == (3, 112)


def test_a_connection_that_is_told_twice_counts_once(recorder):
    recorder.to_host("a", b"early")
    recorder.opened("a")
    recorder.closed("a", Ending.BY_HOST)
    recorder.closed("a", Ending.BY_DEVICE)
    events = [record.event for record in read_recording(recorder.path).records]
    assert events == [Event.OPENED, Event.TO_HOST, Event.CLOSED_BY_HOST]


def test_cut_anywhere_the_records_before_are_read(written):
    whole = read_recording(written)
    data = written.read_bytes()
    head = len(HEADER.packed())
    counts = set()
    for size in range(head, len(data)):
        written.write_bytes(data[:size])
        recording = read_recording(written)
        assert recording.records == whole.records[: len(recording.records)]
        counts.add(len(recording.records))
        if recording.damage:
            number = len(recording.records) + 1
            assert recording.damage.startswith(f"record {number} at byte ")
    assert counts == set(range(len(whole.records)))


def test_no_flipped_bit_gives_a_wrong_record(written):
    whole = read_recording(written)
    data = written.read_bytes()
    for place in range(len(HEADER.packed()), len(data)):
        spoilt = bytearray(data)
        spoilt[place] ^= 1 << place % 8
        written.write_bytes(spoilt)
        recording = read_recording(written)
        assert recording.damage
        assert recording.records == whole.records[: len(recording.records)]


def test_a_damaged_header_is_an_error_that_names_the_file(written):
    data = written.read_bytes()
    for size in range(len(HEADER.packed())):
        written.write_bytes(data[:size])
        with pytest.raises(RecordingError, match=r"line\.hwrec is no recording"):
            read_recording(written)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "is no recording; hwsim record makes them"),
        (b"[[bus]]\n", "is no recording"),
        (msgpack.packb({"format": "hwsim recording", "version": 2}), "of version 2; this hwsim reads version 1"),
        (msgpack.packb({"format": "hwsim recording", "version": 1, "kind": 7}), "damaged header"),
    ],
)
def test_what_is_no_recording(tmp_path, content, message):
    path = tmp_path / "x"
    path.write_bytes(content)
    with pytest.raises(HwsimError, match=message):
        read_recording(path)


def test_an_old_recording_is_never_written_over(recorder):
    with pytest.raises(RecordingError, match="exists already; name another file"):
        Recorder(recorder.path, HEADER, Clock())


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(RecordingError, match=r"can't be written: no such file or directory"):
        Recorder(tmp_path / "none" / "x", HEADER, Clock())
    with pytest.raises(RecordingError, match=r"can't be read: no such file or directory"):
        read_recording(tmp_path / "none" / "x")


def test_a_full_disk_ends_the_recording_and_says_so(recorder):
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    recorder.opened("a")
    resource.setrlimit(resource.RLIMIT_FSIZE, (recorder.path.stat().st_size + 40, hard))
    try:
        recorder.to_host("a", bytes(100))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert recorder.failed.is_set()
    assert "can't be written" in str(recorder.failure)
    recorder.to_host("a", b"not behind a torn record")
    recording = read_recording(recorder.path)
    assert len(recording.records) == 1
    assert recording.damage


def test_a_recorder_that_is_killed_loses_nothing(tmp_path):
    path = tmp_path / "line.hwrec"
    script = (
        "import os, signal, time\nfrom pathlib import Path\nfrom hwsim.recording import Header, Recorder\n"
        f"recorder = Recorder(Path({str(path)!r}), Header('serial', 'tty', 'x', 0.0), time.monotonic)\n"
        "for number in range(100): recorder.to_host('a', b'%d\\n' % number)\n"
        "os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    assert subprocess.run([sys.executable, "-c", script], timeout=60).returncode == -9
    recording = read_recording(path)
    assert recording.damage is None
    assert recording.sent(Event.TO_HOST).split() == [b"%d" % number for number in range(100)]
    assert path.stat().st_mode & 0o777 == 0o644
