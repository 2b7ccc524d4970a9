"""Ports of sticks: device files in real time, byte streams in virtual time."""

import contextlib
import errno
import fcntl
import os
import select
import subprocess
import sys
import termios
from pathlib import Path

import anyio
import pytest

from hwsim import House, HwsimError, PortInUse

RFXTRX = '[[bus]]\nname = "attic"\nkind = "rfxtrx"\n'
STATUS = bytes.fromhex("0D 00 00 01 02 00 00 00 00 00 00 00 00 00")


async def until(condition):
    """No event tells what a kernel does with bytes, nor that a stick has booted."""
    with anyio.fail_after(30):
        while not condition():  # noqa: ASYNC110
            await anyio.sleep(0.02)


class TestPty:
    """What a program sees that opens a serial line."""

    @pytest.fixture(params=["asyncio", "trio"])
    def anyio_backend(self, request):
        return request.param

    @pytest.fixture
    async def house(self):
        house = House.parse(RFXTRX)
        async with house.running():
            await until(lambda: house.time.now() > 0.3)
            yield house

    @staticmethod
    async def ask(port, data):
        """Write, and read one frame."""
        os.write(port, data)
        answer = b""
        with anyio.fail_after(10):
            while not answer or len(answer) <= answer[0]:
                await anyio.wait_readable(port)
                answer += os.read(port, 64)
        return answer

    @staticmethod
    def open(house):
        return os.open(house.url("attic"), os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)

    async def test_it_is_a_terminal_that_changes_no_byte(self, house):
        port = self.open(house)
        assert os.isatty(port)
        assert not termios.tcgetattr(port)[3] & (termios.ECHO | termios.ICANON)
        assert (await self.ask(port, STATUS))[:5] == bytes.fromhex("14 01 00 01 02")
        os.close(port)

    async def test_one_client_after_the_other_gets_no_old_bytes(self, house):
        for count in range(3):
            port = self.open(house)
            assert (await self.ask(port, STATUS))[1] == 1
            os.write(port, STATUS * 3)
            os.close(port)
            assert house.stick("attic").port.opens == count + 1
            await until(lambda count=count: house.stick("attic").port.lost >= 21 * 3 * (count + 1))
        port = self.open(house)
        with pytest.raises(BlockingIOError):
            os.read(port, 64)
        os.close(port)

    async def test_a_client_may_lock_it(self, house):
        first, second = self.open(house), self.open(house)
        fcntl.flock(first, fcntl.LOCK_EX | fcntl.LOCK_NB)
        with pytest.raises(BlockingIOError):
            fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(first)
        fcntl.flock(second, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(second)

    async def test_unplug_hangs_up_and_plug_comes_back_at_the_same_path(self, house):
        path = house.url("attic")
        port = self.open(house)
        await self.ask(port, STATUS)
        before = Path(path).readlink()
        await house.unplug("attic")
        assert not os.path.lexists(path)
        poll = select.poll()
        poll.register(port, select.POLLIN)
        assert poll.poll(1000)[0][1] & select.POLLHUP
        with pytest.raises(OSError, match="Input/output error") as caught:
            os.write(port, STATUS)
        assert caught.value.errno == errno.EIO
        await house.plug("attic")
        assert house.url("attic") == path
        assert Path(path).readlink() != before, "the old terminal is still open here"
        os.close(port)
        booted = house.time.now() + 0.3
        await until(lambda: house.time.now() > booted)
        port = self.open(house)
        assert (await self.ask(port, STATUS))[1] == 1
        os.close(port)

    async def test_a_stick_that_does_not_read_fills_the_terminal(self, house):
        await house.fault("stuck", target="attic")
        port = self.open(house)
        written = 0
        with contextlib.suppress(BlockingIOError):
            while written < 1_000_000:
                written += os.write(port, STATUS * 20)
        assert 4000 <= written < 1_000_000
        os.close(port)

    async def test_a_client_that_does_not_read_loses_bytes(self, house):
        port = self.open(house)
        line = house.stick("attic").line
        for _ in range(80):
            line.put(bytes(500))
        await until(lambda: house.stick("attic").port.lost)
        os.close(port)

    async def test_nothing_stays_behind(self, house):
        folder = Path(house.url("attic")).parent
        assert [path.name for path in folder.iterdir()] == ["attic"]
        async with House.parse(RFXTRX).running() as another:
            other = Path(another.url("attic")).parent
            assert other != folder
        assert not other.exists()

    async def test_a_path_of_ones_own(self, tmp_path):
        house = House.parse(RFXTRX + 'path = "usb-rfxcom"\n', folder=tmp_path)
        async with house.running():
            assert house.url("attic") == str(tmp_path / "usb-rfxcom")
            result = await anyio.run_process(["stty", "-F", house.url("attic"), "38400", "raw", "-echo"])
            assert result.returncode == 0
        assert list(tmp_path.iterdir()) == []

    @pytest.mark.parametrize(("path", "reason"), [("no/such/folder", "no such file"), ("taken", "file exists")])
    async def test_a_path_that_can_not_be_made(self, tmp_path, path, reason):
        (tmp_path / "taken").write_text("precious")
        house = House.parse(RFXTRX + f'path = "{path}"\n', folder=tmp_path)
        with pytest.raises(PortInUse, match=f"stick 'attic' can't be at .*{path}: {reason}"):
            async with house.running():
                pass
        assert (tmp_path / "taken").read_text() == "precious"

    async def test_connect_is_for_virtual_time(self, house):
        with pytest.raises(HwsimError, match="run the house with ptys=False"):
            house.connect("attic")


class TestMemory:
    """The byte stream, by the rules of a serial line."""

    @pytest.fixture
    async def house(self):
        house = House.parse(RFXTRX)
        async with house.running(ptys=False):
            await anyio.sleep(1)
            yield house

    async def test_one_at_a_time(self, house):
        stream = house.connect("attic")
        with pytest.raises(OSError, match="busy") as caught:
            house.connect("attic")
        assert caught.value.errno == errno.EBUSY
        await stream.aclose()
        await house.connect("attic").aclose()

    async def test_after_closing_it_is_closed(self, house):
        stream = house.connect("attic")
        await stream.aclose()
        await stream.aclose()
        with pytest.raises(anyio.ClosedResourceError):
            await stream.send(b"x")
        with pytest.raises(anyio.ClosedResourceError):
            await stream.receive()
        with pytest.raises(NotImplementedError):
            await stream.send_eof()

    async def test_closing_wakes_the_receiver(self, house):
        stream = house.connect("attic")
        async with anyio.create_task_group() as tasks:

            async def receive():
                with pytest.raises(anyio.ClosedResourceError):
                    await stream.receive()

            tasks.start_soon(receive)
            await anyio.sleep(1)
            await stream.aclose()

    async def test_what_came_before_the_plug_was_pulled_can_be_read(self, house):
        stream = house.connect("attic")
        await stream.send(STATUS)
        await anyio.sleep(1)
        await house.unplug("attic")
        assert len(await stream.receive(5)) == 5
        assert len(await stream.receive()) == 16
        with pytest.raises(anyio.BrokenResourceError):
            await stream.receive()

    async def test_bytes_take_their_time(self, house):
        stream = house.connect("attic")
        began = house.time.now()
        await stream.send(STATUS)
        await stream.receive()
        took = house.time.now() - began
        assert (14 + 21) * 10 / 38400 <= took <= (14 + 21) * 10 / 38400 + 0.016

    async def test_who_does_not_read_loses_bytes(self, house):
        house.connect("attic")
        for _ in range(60):
            house.stick("attic").line.put(bytes(500))
        await anyio.sleep(60)
        assert house.stick("attic").port.lost == 60 * 500 - 20_480

    async def test_cancelled_waiting_loses_nothing(self, house):
        stream = house.connect("attic")
        with anyio.move_on_after(5):
            await stream.receive()
        await stream.send(STATUS)
        assert len(await stream.receive()) == 21


def test_the_terminal_goes_when_the_process_is_killed(tmp_path):
    path = tmp_path / "house.toml"
    path.write_text(RFXTRX + 'path = "stick"\n')
    command = [sys.executable, "-m", "hwsim", "serve", str(path), "--json"]
    environ = {**os.environ, "XDG_RUNTIME_DIR": str(tmp_path)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environ) as process:
        assert process.stdout is not None
        assert '"url": "' + str(tmp_path / "stick") in process.stdout.readline()
        process.kill()
    assert (tmp_path / "stick").is_symlink(), "nobody could remove the link"
    with pytest.raises(OSError, match=r"No such file|Input/output"):
        os.close(os.open(tmp_path / "stick", os.O_RDWR | os.O_NOCTTY))
