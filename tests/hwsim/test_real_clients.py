"""Programs and libraries that were written for the real owserver, against the simulator; in real time."""

import subprocess

import anyio
import anyio.to_thread
import pytest

from hwsim import House

pytestmark = pytest.mark.realpart

HOUSE = """
[[bus]]
name = "b"
conversion_scale = 0.05
channels = 2
[[device]]
bus = "b"
id = "28.67C6697351FF"
temperature = 21.5
[[device]]
bus = "b"
id = "10.000000000004"
temperature = -4.25
channel = 1
[[device]]
bus = "b"
id = "3A.000000000006"
[[device]]
bus = "b"
id = "29.000000000005"
[[device]]
bus = "b"
id = "42.000000000007"
temperature = 7.5
[[device]]
bus = "b"
id = "3B.000000000008"
part = "MAX31850"
temperature = 24.25
[[device]]
bus = "b"
id = "05.000000000009"
[[device]]
bus = "b"
id = "20.00000000000C"
volt_b = 3.5
[[device]]
bus = "b"
id = "01.00000000000D"
[[device]]
bus = "b"
id = "1F.00000000000A"
[[device]]
bus = "b"
id = "28.00000000000B"
under = "1F.00000000000A:main"
temperature = 33.0
"""
SENSOR = "/28.67C6697351FF"


@pytest.fixture(params=["asyncio", "trio"])
def anyio_backend(request):
    return request.param


@pytest.fixture
async def house():
    house = House.parse(HOUSE)
    async with house.running():
        yield house


class Shell:
    """Runs the commands of ow-shell."""

    def __init__(self, program, port):
        self._program = program
        self._port = port

    async def __call__(self, name, *arguments):
        command = [self._program(name), "-s", f"127.0.0.1:{self._port}", *arguments]
        result = await anyio.run_process(command, check=False, stderr=subprocess.DEVNULL)
        return result.returncode, result.stdout.decode()


@pytest.fixture
def shell(house, program):
    return Shell(program, house.url("b").rsplit(":", 1)[1])


async def test_owdir(shell):
    code, text = await shell("owdir", "/")
    assert code == 0
    assert set(text.split()) >= {SENSOR, "/10.000000000004", "/bus.0", "/bus.1", "/alarm", "/structure"}


async def test_owdir_with_slashes(shell):
    _, text = await shell("owdir", "--dir", "/bus.0")
    assert text.split()[0] == "/bus.0/interface/"
    assert f"/bus.0{SENSOR}/" in text.split()


async def test_owdir_of_a_device_and_a_hub(shell):
    assert f"{SENSOR}/temperature12" in (await shell("owdir", SENSOR))[1].split()
    assert "/1F.00000000000A/main/28.00000000000B" in (await shell("owdir", "/1F.00000000000A/main"))[1].split()


async def test_owdir_in_another_format(shell):
    assert "/28.67C6697351FF.68" in (await shell("owdir", "-f", "f.i.c", "/"))[1].split()


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (f"{SENSOR}/temperature", "        21.5"),
        ("/uncached/bus.1/10.000000000004/temperature", "       -4.25"),
        ("/1F.00000000000A/main/28.00000000000B/temperature", "          33"),
        ("/29.000000000005/sensed.ALL", "1,1,1,1,1,1,1,1"),
        ("/42.000000000007/temperature", "         7.5"),
        ("/3B.000000000008/temperature", "       24.25"),
        ("/20.00000000000C/volt.B", "     3.50005"),
        ("/01.00000000000D/type", "DS2401"),
    ],
)
async def test_owread(shell, path, text):
    assert await shell("owread", path) == (0, text)


async def test_owread_in_fahrenheit(shell):
    assert await shell("owread", "-F", f"{SENSOR}/temperature") == (0, "        70.7")


async def test_owread_of_nothing(shell):
    code, text = await shell("owread", "/28.0000000000FF/temperature")
    assert (code, text) != (0, "")
    assert text == ""


async def test_owread_waits_for_a_slow_bus(house, shell):
    await house.fault("slow_bus", target="b", delay=1.2)
    assert await shell("owread", f"/uncached{SENSOR}/latesttemp") == (0, "          85")
    assert house.traffic["b"].keepalives >= 1


async def test_owwrite(house, shell):
    code, _ = await shell("owwrite", "/3A.000000000006/PIO.A", "1")
    assert code == 0
    assert await shell("owread", "/uncached/3A.000000000006/sensed.ALL") == (0, "0,1")


async def test_owpresent(shell):
    assert (await shell("owpresent", SENSOR))[1].strip() == "1"
    assert (await shell("owpresent", "/28.0000000000FF"))[1].strip() == "0"


async def test_owget_of_files_and_folders(shell):
    assert await shell("owget", f"{SENSOR}/temperature") == (0, "        21.5")
    assert f"{SENSOR}/temperature" in (await shell("owget", SENSOR))[1].split()


@pytest.mark.parametrize("before", [("keepalives", {"frames": 5}), ("no_persistence", {})])
async def test_shell_commands_bear_it(house, shell, before):
    kind, options = before
    await house.fault(kind, target="b", **options)
    assert await shell("owread", f"{SENSOR}/temperature") == (0, "        21.5")
    assert SENSOR in (await shell("owdir", "/"))[1].split()


class TestPyownet:
    """The library most Python programs use; it blocks, so it works in a thread."""

    @pytest.fixture
    def protocol(self, pyownet_protocol):
        return pyownet_protocol

    @pytest.mark.parametrize("persistent", [True, False])
    async def test_everything_it_can(self, house, protocol, persistent):
        def work(port):
            proxy = protocol.proxy("127.0.0.1", port, persistent=persistent)
            try:
                proxy.ping()
                assert proxy.present(SENSOR)
                assert not proxy.present("/28.0000000000FF")
                assert f"{SENSOR}/" in proxy.dir("/", slash=True)
                assert f"/bus.0{SENSOR}" in proxy.dir("/bus.0", slash=False)
                assert proxy.read(f"{SENSOR}/temperature") == b"        21.5"
                proxy.write("/3A.000000000006/PIO.B", b"1")
                assert proxy.read("/uncached/3A.000000000006/PIO.ALL") == b"0,1"
                with pytest.raises(protocol.OwnetError) as caught:
                    proxy.read("/28.0000000000FF/temperature")
                assert caught.value.errno == 1
                assert caught.value.strerror == "Startup - command line parameters invalid"
            finally:
                if persistent:
                    proxy.close_connection()

        await anyio.to_thread.run_sync(work, int(house.url("b").rsplit(":", 1)[1]))
        assert house.traffic["b"].requests["NOP"] > 0

    async def test_flags_and_scales(self, house, protocol):
        def work(port):
            flags = protocol.FLG_TEMP_K | protocol.FLG_FORMAT_FDIDC | protocol.FLG_UNCACHED
            proxy = protocol.proxy("127.0.0.1", port, flags=flags)
            assert float(proxy.read(f"{SENSOR}/temperature")) == 294.65
            assert "/28.67C6697351FF.68/" in proxy.dir("/", bus=False)

        await anyio.to_thread.run_sync(work, int(house.url("b").rsplit(":", 1)[1]))

    async def test_it_notices_a_restart_and_goes_on(self, house, protocol):
        port = int(house.url("b").rsplit(":", 1)[1])
        proxy = await anyio.to_thread.run_sync(lambda: protocol.proxy("127.0.0.1", port, persistent=True))

        def read():
            return proxy.read(f"{SENSOR}/type")

        assert await anyio.to_thread.run_sync(read) == b"DS18B20"
        fault = await house.fault("restart", target="b", duration=3600.0)
        with pytest.raises((protocol.ConnError, protocol.ShortRead)):
            await anyio.to_thread.run_sync(read)
        await house.end_fault(fault)
        assert await anyio.to_thread.run_sync(read) == b"DS18B20"
        await anyio.to_thread.run_sync(proxy.close_connection)

    @pytest.mark.parametrize("where", ["before", "header", "payload"])
    async def test_it_notices_a_torn_answer(self, house, protocol, where):
        port = int(house.url("b").rsplit(":", 1)[1])
        proxy = await anyio.to_thread.run_sync(lambda: protocol.proxy("127.0.0.1", port))
        await house.fault("close", target="b", where=where, count=1)
        with pytest.raises(protocol.ShortRead):
            await anyio.to_thread.run_sync(lambda: proxy.read(f"{SENSOR}/type"))


async def test_a_real_owserver_in_between(house, start_owserver, program):
    upstream = house.url("b").removeprefix("owserver://")
    port = await anyio.to_thread.run_sync(start_owserver, "-s", upstream)
    shell = Shell(program, port)
    assert SENSOR in (await shell("owdir", "/"))[1].split()
    assert await shell("owread", f"{SENSOR}/temperature") == (0, "        21.5")
    assert await shell("owread", "/1F.00000000000A/main/28.00000000000B/temperature") == (0, "          33")
    assert (await shell("owwrite", "/3A.000000000006/PIO.A", "1"))[0] == 0
    assert await shell("owread", "/uncached/3A.000000000006/sensed.ALL") == (0, "0,1")
    assert f"{SENSOR}/temperature" in (await shell("owdir", SENSOR))[1].split()
    assert (await shell("owwrite", "/05.000000000009/PIO", "1"))[0] == 0
    assert await shell("owread", "/uncached/05.000000000009/sensed") == (0, "0")
    assert await shell("owread", "/20.00000000000C/volt.ALL") == (
        0,
        "           0,     3.50005,           0,           0",
    )
    assert await shell("owread", "/42.000000000007/PIO.BYTE") == (0, "           0")
    assert await shell("owread", "/3B.000000000008/temperature") == (0, "       24.25")
    assert (await shell("owpresent", SENSOR))[1].strip() == "1"
