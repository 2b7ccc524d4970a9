"""Lines over a network, with a real ser2net; and what the options of a serial interface may say."""

import os
import shutil
import socket
import subprocess
import tty
from contextlib import asynccontextmanager

import anyio
import pytest

from gateway.abc import Driver, open_line
from gateway.bus.options import read_options
from gateway.bus.serial_options import SerialOptions
from gateway.errors import ConfigError, InterfaceDown

BAUDRATE = 57600


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return request.param


class Ser2net:
    """A real ser2net before a pseudo-terminal."""

    def __init__(self, folder):
        self.far, near = os.openpty()
        tty.setraw(near)
        self.near = near  # kept open: without it the line would be hung up between two clients
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.url = f"socket://127.0.0.1:{self.port}"
        self.config = folder / "ser2net.yaml"
        self.config.write_text(
            "connection: &stick\n"
            f"  accepter: tcp,127.0.0.1,{self.port}\n"
            f"  connector: serialdev,{os.ttyname(near)},{BAUDRATE}n81,local\n"
        )
        self.process = None

    async def start(self):
        self.process = subprocess.Popen(
            ["ser2net", "-n", "-u", "-c", self.config], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        while True:
            try:
                await (await anyio.connect_tcp("127.0.0.1", self.port)).aclose()
            except OSError:
                assert self.process.poll() is None, "ser2net has ended"
                await anyio.sleep(0.02)
            else:
                return

    async def read(self, size):
        found = b""
        while len(found) < size:
            await anyio.wait_readable(self.far)
            found += os.read(self.far, size - len(found))
        return found

    def stop(self):
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def close(self):
        self.stop()
        os.close(self.far)
        os.close(self.near)


@pytest.fixture
def ser2net(tmp_path):
    if shutil.which("ser2net") is None:
        if os.environ.get("CI") == "true":
            pytest.fail("ser2net is missing: apt-get install ser2net")
        pytest.skip("needs Debian's ser2net")
    server = Ser2net(tmp_path)
    yield server
    server.close()


@asynccontextmanager
async def opened(server):
    """A line that ser2net has connected: it serves one client at a time, and needs a moment after the last one."""
    while True:
        try:
            async with open_line(server.url, baudrate=BAUDRATE) as line:
                heard = b""
                await line.send(b"?")
                with anyio.move_on_after(1):
                    heard = await server.read(1)
                if heard:
                    yield line
                    return
        except InterfaceDown:
            await anyio.sleep(0.02)


@pytest.mark.realpart
async def test_bytes_go_both_ways_through_a_real_ser2net(ser2net):
    with anyio.fail_after(10):
        await ser2net.start()
        async with opened(ser2net) as line:
            await line.send(bytes(range(256)))
            assert await ser2net.read(256) == bytes(range(256))
            os.write(ser2net.far, bytes(range(256)))
            received = b""
            while len(received) < 256:
                received += await line.receive()
            assert received == bytes(range(256))


@pytest.mark.realpart
async def test_a_ser2net_that_ends_and_comes_back(ser2net):
    with anyio.fail_after(10):
        await ser2net.start()
        async with opened(ser2net) as line:
            ser2net.stop()
            with pytest.raises(InterfaceDown, match=rf"{ser2net.url} was lost: its server has closed the connection"):
                await line.receive()
        with pytest.raises(InterfaceDown, match="nothing listens there; is ser2net running") as caught:
            async with open_line(ser2net.url, baudrate=BAUDRATE):
                pass
        assert caught.value.unsent
        assert caught.value.device is None
        await ser2net.start()
        async with opened(ser2net) as line:
            await line.send(b"again")
            assert await ser2net.read(5) == b"again"


async def test_a_dead_network_is_noticed_by_the_kernel():
    """The idle connection is asked after 20 s, each 5 s, 3 times."""
    async with await anyio.create_tcp_listener(local_host="127.0.0.1") as listener:
        port = listener.extra(anyio.abc.SocketAttribute.local_port)
        async with open_line(f"socket://127.0.0.1:{port}", baudrate=BAUDRATE) as line:
            wire = line.extra(anyio.abc.SocketAttribute.raw_socket)
            values = [
                wire.getsockopt(socket.IPPROTO_TCP, option)
                for option in (socket.TCP_KEEPIDLE, socket.TCP_KEEPINTVL, socket.TCP_KEEPCNT)
            ]
            assert wire.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            assert values == [20, 5, 3]


@pytest.mark.parametrize("url", ["socket://", "socket://pi", "socket://pi:0", "socket://pi:99999", "socket://pi:1/x"])
async def test_an_address_that_is_none_is_refused(url):
    with pytest.raises(ConfigError, match=r"should be socket://HOST:PORT"):
        async with open_line(url, baudrate=BAUDRATE):
            pass


def test_the_options_of_a_serial_interface():
    class Options(SerialOptions):
        baudrate: int = 38400

    class Sticks(Driver):
        options = Options

        def open(self, options, context):
            raise NotImplementedError

    assert read_options(Sticks, {"port": "/dev/serial/by-id/usb-1"}).model_dump() == {
        "port": "/dev/serial/by-id/usb-1",
        "baudrate": 38400,
        "serial": "pyserial",
    }
    options = read_options(Sticks, {"port": "socket://pi:3333", "serial": "serialx"})
    assert options.model_dump()["serial"] == "serialx"
    for wrong in ("ttyUSB0", "", "/dev/tty\n", "COM1:"):
        with pytest.raises(ConfigError, match=r"port: should be /dev/serial/by-id/\.\.\. or socket://HOST:PORT"):
            read_options(Sticks, {"port": wrong})
    with pytest.raises(ConfigError, match=r"rfc2217 is not offered: let the server pass .* and say socket://HOST:PORT"):
        read_options(Sticks, {"port": "rfc2217://pi:3333"})
    with pytest.raises(ConfigError, match="serial: should be 'pyserial' or 'serialx'"):
        read_options(Sticks, {"port": "/dev/x", "serial": "other"})
