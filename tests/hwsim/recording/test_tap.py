"""Recording real connections: between a host and a device, and by a running house; in real time."""

import os
import tty
from pathlib import Path

import anyio
import pytest

from hwsim import House, HwsimError, PortInUse
from hwsim.errors import RecordingError, Unreachable
from hwsim.recording import Event, read_recording, replay, tap
from hwsim.recording.transcript import transcript
from tests.hwsim.conftest import free_port
from tests.hwsim.recording.conftest import HOUSE, SENSOR

STATUS = bytes.fromhex("0D 00 00 01 02 00 00 00 00 00 00 00 00 00")
START = bytes.fromhex("0D 00 00 02 07 00 00 00 00 00 00 00 00 00")


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return request.param


@pytest.fixture
async def house():
    house = House.parse(HOUSE)
    async with house.running():
        await until(lambda: house.time.now() > 0.3)  # the stick is deaf while it boots
        yield house


@pytest.fixture
def file(tmp_path):
    return tmp_path / "line.hwrec"


class Port:
    """A program that has a serial line open."""

    def __init__(self, path):
        self.file = os.open(path, os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
        tty.setraw(self.file)

    async def ask(self, data):
        os.write(self.file, data)
        return await self.frame()

    async def frame(self):
        """One frame of an RFXtrx."""
        got = b""
        with anyio.fail_after(20):
            while not got or len(got) <= got[0]:
                await anyio.wait_readable(self.file)
                got += os.read(self.file, 1)
        return got

    async def gone(self):
        with anyio.fail_after(20):
            while True:
                await anyio.wait_readable(self.file)
                try:
                    if not os.read(self.file, 64):
                        return
                except OSError:
                    return

    def close(self):
        os.close(self.file)


async def until(condition):
    """No event tells what other processes and the kernel do."""
    with anyio.fail_after(20):
        while not condition():  # noqa: ASYNC110
            await anyio.sleep(0.02)


class TestTcp:
    async def test_everything_passes_and_is_recorded(self, house, connect, file):
        async with tap(house.url("attic"), file).running() as tapped:
            client = await connect(tapped.url)
            assert await client.read(f"{SENSOR}/type") == "DS18B20"
            assert SENSOR in await client.list("/")
            other = await connect(tapped.url)
            assert await other.read("/nothing/here") == -1
        recording = read_recording(file)
        assert (recording.header.kind, recording.header.line) == ("owserver", "tcp")
        assert recording.header.peer == house.url("attic")
        shown = [line[12:].strip() for line in transcript(recording)]
        assert f"1 > READ {SENSOR}/type +persistence" in shown
        assert "1 < 7 'DS18B20' +persistence" in shown
        assert "2 < -1 (bad path) +persistence" in shown

    async def test_a_host_that_hangs_up(self, house, connect, file):
        async with tap(house.url("attic"), file).running() as tapped:
            client = await connect(tapped.url)
            await client.read(f"{SENSOR}/type")
            await client.stream.aclose()
            await until(lambda: house.traffic["attic"].open_connections == 0)
        assert read_recording(file).records[-1].event is Event.CLOSED_BY_HOST

    @pytest.mark.parametrize(("kind", "event"), [("close", Event.CLOSED_BY_DEVICE), ("restart", Event.BROKEN)])
    async def test_a_device_that_hangs_up(self, house, connect, file, kind, event):
        async with tap(house.url("attic"), file).running() as tapped:
            client = await connect(tapped.url)
            await client.read(f"{SENSOR}/type")
            options = {"where": "header", "count": 1} if kind == "close" else {"duration": 0.0}
            await house.fault(kind, target="attic", **options)
            with pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
                await client.read(f"{SENSOR}/type")
        recording = read_recording(file)
        assert recording.records[-1].event is event
        assert len(recording.sent(Event.TO_HOST)) == (43 if kind == "close" else 31)

    async def test_the_failure_happens_again_in_a_replay(self, house, connect, file):
        async with tap(house.url("attic"), file).running() as tapped:
            client = await connect(tapped.url)
            await house.fault("close", target="attic", where="payload", count=1)
            with pytest.raises(anyio.EndOfStream):
                await client.read(f"{SENSOR}/type")
        async with replay(file, fast=True, whole=True).running() as device:
            with pytest.raises(anyio.EndOfStream):
                await (await connect(device.url)).read(f"{SENSOR}/type")

    async def test_nobody_there(self, file):
        with pytest.raises(Unreachable, match=r"nothing to record answers at owserver://127.0.0.1:"):
            async with tap(f"owserver://127.0.0.1:{free_port()}", file).running():
                pass
        assert not file.exists()

    async def test_a_device_that_went_away(self, house, connect, file):
        async with tap(house.url("attic"), file).running() as tapped:
            fault = await house.fault("restart", target="attic", duration=3600.0)
            with pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
                await (await connect(tapped.url)).read("/")
            await house.end_fault(fault)
            assert SENSOR in await (await connect(tapped.url)).list("/")
        assert [record.event for record in read_recording(file).of(1)] == [Event.OPENED, Event.BROKEN]

    async def test_a_place_that_is_taken(self, house, file):
        where = house.url("attic").removeprefix("owserver://")
        with pytest.raises(PortInUse, match=f"can't listen on {where}: address already in use"):
            async with tap(house.url("attic"), file, listen=where).running():
                pass


class TestSerial:
    async def test_a_stick_between_two_terminals(self, house, file, tmp_path):
        path = tmp_path / "tapped"
        async with tap(house.url("stick"), file, listen=str(path)).running() as tapped:
            assert tapped.url == str(path)
            port = Port(path)
            assert (await port.ask(STATUS))[1:5] == bytes.fromhex("01 00 01 02")
            assert (await port.ask(START))[1:3] == b"\x01\x07"
            await house.press("hall", "on")
            assert (await port.frame())[4:8] == bytes.fromhex("00 AB 12 CD")
            port.close()
            await until(lambda: read_recording(file).records[-1].event is Event.CLOSED_BY_HOST)
            again = Port(path)
            await again.ask(STATUS)
            again.close()
        assert not path.is_symlink()
        recording = read_recording(file)
        assert recording.connections == [1, 2]
        assert recording.sent(Event.TO_DEVICE, 1) == STATUS + START
        assert "lighting2 subtype 00" in "\n".join(transcript(recording))

    async def test_a_stick_that_is_pulled_takes_the_terminal_with_it(self, house, file):
        async with tap(house.url("stick"), file, kind="rfxtrx").running() as tapped:
            port = Port(tapped.url)
            await port.ask(STATUS)
            await house.unplug("stick")
            await port.gone()
            port.close()
            assert not Path(tapped.url).exists()
            await house.plug("stick")
            plugged = house.time.now()
            await until(lambda: Path(tapped.url).exists() and house.time.now() > plugged + 0.3)
            port = Port(tapped.url)
            await port.ask(STATUS)
            port.close()
        events = [record.event for record in read_recording(file).of(1)]
        assert events[-1] is Event.CLOSED_BY_DEVICE

    async def test_nothing_there(self, file, tmp_path):
        with pytest.raises(Unreachable, match=r"nothing to record can be opened at .*/tty: no such file or directory"):
            async with tap(str(tmp_path / "tty"), file).running():
                pass
        (tmp_path / "tty").touch()
        with pytest.raises(Unreachable, match="inappropriate ioctl for device"):
            async with tap(str(tmp_path / "tty"), file).running():
                pass

    async def test_no_such_speed(self, house, file):
        with pytest.raises(RecordingError, match=r"57601 is no speed of a serial line; these are: .*57600"):
            async with tap(house.url("stick"), file, baud=57601).running():
                pass


@pytest.mark.parametrize(
    ("url", "options", "message"),
    [
        ("http://there", {}, "can't be recorded; write owserver://HOST, socket://HOST:PORT, or a path"),
        ("owserver://:4304", {}, "is no address; write it as in owserver://127.0.0.1:4304"),
        ("socket://there", {}, "is no address; write it as in socket://127.0.0.1:4304"),
        ("owserver://there", {"baud": 9600}, "has no speed"),
        ("/dev/ttyS0", {"kind": "zigbee"}, "there is no protocol 'zigbee'; known are owserver, rfxtrx"),
    ],
)
def test_what_can_not_be_recorded(file, url, options, message):
    with pytest.raises(RecordingError, match=message):
        tap(url, file, **options)


class TestHouse:
    async def test_a_house_records_itself_as_a_tap_would(self, house, connect, file, tmp_path):
        other = tmp_path / "other.hwrec"
        house.recordings.start("attic", other)
        async with tap(house.url("attic"), file).running() as tapped:
            client = await connect(tapped.url)
            await client.read(f"{SENSOR}/temperature")
            await client.stream.aclose()
            await until(lambda: house.traffic["attic"].open_connections == 0)
        recorder = house.recordings.stop("attic")
        direct, between = read_recording(other), read_recording(file)
        for event in (Event.TO_DEVICE, Event.TO_HOST):
            assert direct.sent(event, direct.connections[-1]) == between.sent(event)
        assert direct.records[-1].event is between.records[-1].event is Event.CLOSED_BY_HOST
        assert recorder.bytes >= len(between.sent(Event.TO_HOST))

    async def test_a_connection_that_was_there_before(self, house, connect, file):
        client = await connect(house.url("attic"))
        await client.read(f"{SENSOR}/type")
        house.recordings.start("attic", file)
        await client.read(f"{SENSOR}/type")
        house.recordings.stop("attic")
        await client.read(f"{SENSOR}/type")
        events = [record.event for record in read_recording(file).records]
        assert events == [Event.OPENED, Event.TO_DEVICE, Event.TO_HOST]

    async def test_mistakes(self, house, file):
        with pytest.raises(HwsimError, match="there is no bus 'attik'; did you mean 'attic'"):
            house.recordings.start("attik", file)
        with pytest.raises(HwsimError, match="bus 'attic' is not being recorded"):
            house.recordings.stop("attic")
        house.recordings.start("attic", file)
        with pytest.raises(RecordingError, match=r"bus 'attic' is being recorded into .*line\.hwrec; end that first"):
            house.recordings.start("attic", file.with_name("another"))

    async def test_it_ends_with_the_house(self, file):
        house = House.parse(HOUSE)
        async with house.running():
            house.recordings.start("stick", file)
        async with house.running():
            house.recordings.start("stick", file.with_name("second"))
        assert read_recording(file).records == []
