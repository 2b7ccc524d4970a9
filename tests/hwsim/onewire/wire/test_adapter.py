"""A house with serial adapters, in virtual time and memory; and how scenarios and commands name what is in it."""

import json
import os
import subprocess
import sys
import termios
from pathlib import Path
from random import Random

import anyio
import pytest

from hwsim import FaultError, House, PortInUse, ScenarioError, UnknownTarget
from hwsim.errors import HwsimError
from hwsim.faults import FAULTS, WIRE, Place
from hwsim.faults.kinds import fits
from hwsim.requests import Fault

ONE = "28.000000000001"
BUS = '[[bus]]\nname = "attic"\nkind = "ds2480b"\n'
HOUSE = f"""
seed = 7
{BUS}
[[device]]
bus = "attic"
id = "{ONE}"
alias = "kitchen"
temperature = {{ curve = "walk", mean = 20.0, swing = 10.0, step = 1.0 }}
[[device]]
bus = "attic"
id = "28.000000000002"
power = "parasite"
[[device]]
bus = "attic"
id = "29.000000000003"
"""


class Host:
    """The other end of the serial line."""

    def __init__(self, stream):
        self.stream = stream

    async def ask(self, text, count=None):
        """Send bytes in hexadecimal digits; so many answers, or one for each."""
        data = bytes.fromhex(text)
        await self.stream.send(data)
        answer = b""
        while len(answer) < (len(data) if count is None else count):
            answer += await self.stream.receive()
        return answer.hex(" ").upper()

    async def silence(self, seconds):
        """What comes within so many seconds."""
        with anyio.move_on_after(seconds):
            return (await self.stream.receive()).hex(" ").upper()
        return ""


@pytest.fixture
async def house():
    house = House.parse(HOUSE)
    async with house.running(ptys=False):
        yield house


@pytest.fixture
async def host(house):
    async with house.connect("attic") as stream:
        yield Host(stream)


async def test_it_answers(house, host):
    assert await host.ask("C1 C5") == "ED ED"
    assert house.url("attic") == "memory:attic"
    adapter = house.adapter("attic")
    assert (adapter.traffic.received, adapter.traffic.sent, adapter.line.traffic.resets) == (2, 2, 2)


async def test_several_adapters_in_a_house():
    text = f'{BUS}{BUS.replace("attic", "cellar")}[[device]]\nbus = "cellar"\nid = "{ONE}"\n'
    house = House.parse(text)
    async with house.running(ptys=False), house.connect("attic") as attic, house.connect("memory:cellar") as cellar:
        assert [await Host(stream).ask("C1") for stream in (attic, cellar)] == ["EF", "ED"]
        assert [(end.bus, end.kind, end.url) for end in house.endpoints] == [
            ("attic", "ds2480b", "memory:attic"),
            ("cellar", "ds2480b", "memory:cellar"),
        ]


async def test_a_talk_takes_its_time():
    house = House.parse(f"{BUS}transaction_time = 0.5\n")
    async with house.running(ptys=False), house.connect("attic") as stream:
        host, began = Host(stream), anyio.current_time()
        await host.ask("C1 C1")
        assert anyio.current_time() - began == pytest.approx(1.0)
        await house.fault("slow_bus", target="attic", delay=2.0)
        await host.ask("C1")
        assert anyio.current_time() - began == pytest.approx(3.5)


async def test_a_pulse_answers_when_it_is_over(house, host):
    began = anyio.current_time()
    assert await host.ask("33 ED", 2) == "32 EC"  # 65.5 ms
    assert anyio.current_time() - began == pytest.approx(0.0655)


class TestFaults:
    async def test_pulled_and_plugged_in_again(self, house, host):
        await host.ask("45")
        await house.unplug("attic")
        with pytest.raises(anyio.BrokenResourceError):
            await host.stream.receive()
        with pytest.raises(OSError, match="No such file"):
            house.connect("attic")
        await house.plug("attic")
        async with house.connect("attic") as stream:
            assert await Host(stream).ask("09") == "00"  # its settings are those after power-on

    async def test_one_that_hangs_answers_afterwards(self, house, host):
        await house.fault("hang", target="attic", duration=60.0)
        await host.stream.send(b"\xc1")
        assert await host.silence(59) == ""
        assert await host.silence(2) == "ED"

    async def test_a_restart_loses_settings_and_parasites(self, house, host):
        parasite = house.device("28.000000000002")
        parasite.write_scratchpad(bytes([1, 2, 0x7F]))
        await host.ask("45")
        await house.fault("restart", target="attic")
        assert await host.ask("09") == "00"
        assert parasite.read_scratchpad()[2:4] == bytes([75, 70])

    @pytest.mark.parametrize(("kind", "reset"), [("short_circuit", "EC"), ("no_presence", "EF")])
    async def test_two_at_once_end_one_by_one(self, house, host, kind, reset):
        first, second = [await house.fault(kind, target="attic") for _ in range(2)]
        assert await host.ask("C1") == reset
        await house.end_fault(first)
        assert await host.ask("C1") == reset
        await house.end_fault(second)
        assert await host.ask("C1") == "ED"

    async def test_noise(self, house, host):
        await house.fault("noise", target="attic", length=5)
        assert len((await host.silence(1)).split()) == 5

    async def test_a_crowd_hangs_on_the_wire(self, house, host):
        fault = await house.fault("crowd", target="attic", devices=50)
        assert len(house.devices("attic")) == 53
        await host.ask("C1")
        await house.end_fault(fault)
        assert len(house.devices("attic")) == 3

    async def test_a_twin_measures_what_it_is_told(self, house):
        with pytest.raises(FaultError, match="fault 'address_collision', option 'values': a DS18B20 has no 'humidity'"):
            await house.fault("address_collision", target="kitchen", values={"humidity": 3})
        await house.fault("address_collision", target="kitchen", values={"temperature": 30})
        twin = house.device("kitchen").twin
        assert twin is not None
        assert twin.get("temperature") == 30

    @pytest.mark.parametrize("kind", ["error", "alias", "keepalives", "shuffle"])
    async def test_what_only_an_owserver_has(self, house, kind):
        target = ONE if kind in ("error", "alias") else "attic"
        with pytest.raises(FaultError, match="can't have the fault"):
            await house.fault(kind, target=target)


async def test_short_circuits_are_for_wires_alone():
    house = House.parse(f'[[bus]]\nname = "b"\n[[device]]\nbus = "b"\nid = "{ONE}"\n')
    async with house.running(ptys=False):
        with pytest.raises(FaultError, match="can't have the fault"):
            await house.fault("short_circuit", target="b")
        with pytest.raises(UnknownTarget, match="there is no adapter 'b'"):
            house.adapter("b")


PLACES = {"attic": Place("bus", WIRE), ONE: Place("device", WIRE)}
KINDS = [
    (kind, target)
    for kind, faults in FAULTS.items()
    for target, place in PLACES.items()
    if any(fits(fault, place) for fault in faults)
]


@pytest.mark.parametrize(("kind", "target"), KINDS)
@pytest.mark.parametrize("way", ["scenario", "request", "python"])
async def test_each_fault_comes_and_goes_and_leaves_no_trace(kind, target, way):
    scheduled = f'[[fault]]\nkind = "{kind}"\ntarget = "{target}"\nat = 0.0\nfor = 5.0\n'
    house = House.parse(HOUSE + (scheduled if way == "scenario" else ""))
    async with house.running(ptys=False):
        if way == "request":
            await Fault(kind=kind, target=target, duration=5.0).run(house)
        elif way == "python":
            await house.fault(kind, target=target, duration=5.0)
        await anyio.sleep(0.01)
        (fault,) = house.faults
        assert (fault.kind, fault.target, fault.ended) == (kind, target, None)
        await anyio.sleep(5.0)
        assert fault.ended == pytest.approx(5.0, abs=0.05)
        async with house.connect("attic") as stream:
            rom = house.device(ONE).rom.wire.hex(" ").upper()
            assert await Host(stream).ask(f"C5 E1 55 {rom} BE FF FF E3", 13) == f"ED 55 {rom} BE 50 05"


SCHEDULE = """
[[fault]]
kind = "bit_errors"
target = "attic"
rate = 0.01
at = 5.0
for = 20.0
[[fault]]
kind = "noise"
target = "attic"
at = 3.0
every = 7.0
[[fault]]
kind = "short_circuit"
target = "attic"
at = 30.0
for = 2.0
[[fault]]
kind = "bad_crc"
target = "28.000000000002"
at = 10.0
for = 5.0
"""


async def run(seed):
    """All that an adapter says to a host that does the same in each run, however it comes in portions."""
    house = House.parse(HOUSE.replace("seed = 7", f"seed = {seed}") + SCHEDULE)
    said, orders = "", Random(1)
    async with house.running(ptys=False), house.connect("attic") as stream:
        host = Host(stream)
        for _ in range(300):
            slave = orders.choice(house.devices())
            command = orders.choice(["44", "BE" + "FF" * 9, "F08800" + "FF" * 10, "B4FF", "CC8B00FF00FF"])
            await host.stream.send(bytes.fromhex(f"C5 E1 55 {slave.rom.wire.hex()} {command} E3"))
            said += await host.silence(0.1) + " "
            await anyio.sleep(orders.uniform(0.0, 0.2))
    return said.split()


async def test_a_seed_gives_the_same_run_twice():
    first = await run(7)
    assert first == await run(7)
    assert first != await run(8)
    assert len(first) > 3000


class TestScenario:
    async def test_the_example_runs(self):
        house = House.load(Path(__file__).parents[4] / "config" / "wire.toml")
        async with house.running(ptys=False), house.connect("cellar") as stream:
            assert await Host(stream).ask("C1") == "ED"
            await anyio.sleep(60.5)
            assert [fault.kind for fault in house.faults] == ["bit_errors"]

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            ("port = 3", "bus.port: unknown key"),
            ("channels = 2", "bus.channels: unknown key"),
            (f'[[device]]\nbus = "attic"\nid = "{ONE}"\nchannel = 1', "bus 'attic' has no channel 1; it has 1"),
            ('[[fault]]\nkind = "keepalives"\ntarget = "attic"', "can't have the fault 'keepalives'"),
            (
                '[[fault]]\nkind = "bit_errors"\ntarget = "attic"\nrate = 2',
                "fault.rate: must be less than or equal to 1",
            ),
        ],
    )
    def test_mistakes(self, text, message):
        with pytest.raises(ScenarioError) as caught:
            House.parse(BUS + text)
        assert message in str(caught.value)

    def test_a_name_that_is_no_file(self):
        with pytest.raises(ScenarioError, match="can't be the name of an adapter"):
            House.parse(BUS.replace("attic", "a/b"))


async def said(port, data, count):
    """Write to a terminal, and read so many bytes."""
    os.write(port, data)
    answer = b""
    with anyio.fail_after(30):
        while len(answer) < count:
            await anyio.wait_readable(port)
            answer += os.read(port, 64)
    return answer


class TestTerminal:
    """The port as a device file, in real time."""

    @pytest.fixture(params=["asyncio", "trio"])
    def anyio_backend(self, request):
        return request.param

    async def test_it_is_at_its_path_and_gone_afterwards(self, tmp_path):
        house = House.parse(f'{BUS}path = "wire"\n', folder=tmp_path)
        async with house.running():
            assert house.url("attic") == str(tmp_path / "wire")
            port = os.open(house.url("attic"), os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
            try:
                assert await said(port, b"\xc1", 1) == b"\xef"
            finally:
                os.close(port)
            with pytest.raises(HwsimError, match="is a terminal; run the house with ptys=False"):
                house.connect("attic")
        assert not os.path.lexists(tmp_path / "wire")

    async def test_a_host_that_flushes_what_has_not_arrived(self, tmp_path):
        """As owserver does it after each search; here before the adapter has had a chance to read."""
        house = House.parse(HOUSE.replace(BUS, f'{BUS}path = "wire"\n'), folder=tmp_path)
        async with house.running():
            port = os.open(house.url("attic"), os.O_RDWR | os.O_NOCTTY | os.O_NONBLOCK)
            try:
                for _ in range(20):
                    assert await said(port, bytes.fromhex("C5 E1 F0 E3 B5 E1") + bytes(16), 18) != b""
                    os.write(port, b"\xe3\xa5")
                    termios.tcflush(port, termios.TCIOFLUSH)
                    assert await said(port, b"\xc5", 1) == b"\xed"
            finally:
                os.close(port)
            assert house.adapter("attic").chip.recovered == 20

    async def test_a_path_that_is_taken(self, tmp_path):
        (tmp_path / "wire").write_text("something")
        house = House.parse(f'{BUS}path = "wire"\n', folder=tmp_path)
        with pytest.raises(PortInUse, match=r"adapter 'attic' can't be at .*/wire: file exists"):
            async with house.running():
                pass


def test_the_command_prints_the_path_and_lets_faults_happen(tmp_path):
    (tmp_path / "house.toml").write_text(HOUSE)
    socket = str(tmp_path / "socket")
    command = [sys.executable, "-m", "hwsim", "serve", str(tmp_path / "house.toml"), "--json", "--socket", socket]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            line = json.loads(process.stdout.readline())
            assert (line["bus"], line["kind"]) == ("attic", "ds2480b")
            assert Path(line["url"]).is_symlink()
            process.stdout.readline()
            fault = [sys.executable, "-m", "hwsim", "fault", "bit_errors", "attic", "-o", "rate=0.1", "--json"]
            result = subprocess.run([*fault, "--socket", socket], capture_output=True, text=True, timeout=60)
            assert (result.returncode, json.loads(result.stdout)["kind"]) == (0, "bit_errors")
        finally:
            process.terminate()
