"""Each fault of sticks and of devices with an antenna: what the host sees, and that it ends."""

import errno

import anyio
import anyio.lowlevel
import pytest

from hwsim import FaultError, House, HwsimError, UnknownTarget

STICKS = """
[[bus]]
name = "attic"
kind = "rfxtrx"
[[bus]]
name = "link"
kind = "rflink"
[[bus]]
name = "dolphin"
kind = "enocean"
base_id = "FF9C8000"
[[bus]]
name = "wire"
[[device]]
kind = "remote"
name = "hall"
code = "ac"
id = "00AB12CD"
[[device]]
kind = "remote"
name = "rocker"
code = "rps"
id = "01020304"
"""
ON = bytes.fromhex("0B 11 00 07 00 C0 FF EE 01 01 00 00")
ACK = bytes.fromhex("04 02 01 07 00")
REPORT = bytes.fromhex("0B 11 00 00 00 AB 12 CD 01 01 00")
PRESSED = bytes.fromhex("55 00 07 07 01 7A F6 10 01 02 03 04 30 01 FF FF FF FF")


@pytest.fixture
async def house():
    house = House.parse(STICKS)
    async with house.running(ptys=False):
        yield house


@pytest.fixture
async def host(house, started):
    return await started(house, "attic")


async def pressed(house, host, name="hall"):
    """What the host gets when somebody presses `on`."""
    host.take()
    await house.press(name, "on")
    await anyio.sleep(0.2)
    return host.take()


async def test_unplug_breaks_the_connection_and_the_way_back_is_open(house, host, started):
    await house.unplug("attic")
    await anyio.lowlevel.checkpoint()
    assert isinstance(host.error, anyio.BrokenResourceError)
    with pytest.raises(anyio.BrokenResourceError):
        await host.stream.send(b"x")
    with pytest.raises(OSError, match="No such file") as caught:
        house.connect("attic")
    assert caught.value.errno == errno.ENOENT
    await house.plug("attic")
    again = await started(house, "attic")
    assert (await pressed(house, again))[:-1] == REPORT, "its counter begins anew"


async def test_an_unplugged_stick_hears_and_sends_nothing(house, host):
    await host.stream.send(ON)
    await anyio.sleep(0.1)
    await house.unplug("attic")
    (cut,) = house.air.log
    assert cut.ended - cut.began < 0.15, "the signal ends in the middle"
    await house.plug("attic")
    await anyio.sleep(5)
    assert len(house.air.log) == 1, "the order is forgotten"


async def test_unplug_as_a_fault_ends_by_itself(house, host):
    await house.fault("unplug", target="attic", duration=3.0)
    assert not house.stick("attic").plugged
    await anyio.sleep(3.1)
    assert house.stick("attic").plugged


async def test_unplugging_twice_is_unplugging_once(house):
    for _ in range(2):
        await house.unplug("attic")
    for _ in range(2):
        await house.plug("attic")
    assert house.stick("attic").traffic.boots == 2


async def test_a_device_on_a_wire_is_pulled_too(house):
    house.add_device(bus="wire", id="28.000000000001", alias="kitchen", temperature=21)
    await house.unplug("kitchen")
    assert not house.device("kitchen").connected
    await house.plug("28.000000000001")
    assert house.device("kitchen").connected


async def test_an_owserver_has_no_plug(house):
    with pytest.raises(HwsimError, match="'wire' is an owserver, which has no plug; try the fault 'restart'"):
        await house.unplug("wire")
    with pytest.raises(UnknownTarget, match="there is no bus or device 'atic'; did you mean 'attic'"):
        await house.unplug("atic")


async def test_restart_forgets_what_the_stick_was_told(house, host):
    await house.fault("restart", target="attic")
    await anyio.sleep(1)
    assert await pressed(house, host) == b"", "the receiver has not been started"
    assert host.error is None
    await host.ask(bytes.fromhex("0D 00 00 03 07 00 00 00 00 00 00 00 00 00"))
    assert (await pressed(house, host))[:-1] == REPORT


async def test_hang(house, host):
    fault = await house.fault("hang", target="attic")
    assert await pressed(house, host) == b""
    assert await host.ask(ON, 5) == b""
    await house.end_fault(fault)
    await anyio.sleep(1)
    assert host.take() == ACK, "it goes on where it was"
    assert (await pressed(house, host))[:-1] == REPORT


async def test_silent(house, host):
    fault = await house.fault("silent", target="attic")
    assert await pressed(house, host) == b""
    assert await host.ask(ON) == ACK, "sending works"
    await house.end_fault(fault)
    assert (await pressed(house, host))[:-1] == REPORT


async def test_stuck_fills_the_buffer_of_the_host(house, host):
    fault = await house.fault("stuck", target="attic")
    with anyio.move_on_after(60) as scope:
        for _ in range(2000):
            await host.stream.send(ON)
    assert scope.cancelled_caught
    assert (await pressed(house, host))[:-1] == REPORT, "it still reports"
    await house.end_fault(fault)
    await anyio.sleep(10)
    assert host.take().startswith(ACK)


async def test_jam_covers_what_is_weaker(house, host):
    fault = await house.fault("jam", target="attic", strength=-60)
    assert await pressed(house, host) == b""
    assert house.air.log[-1].receptions["attic"].missed["too weak"] == 5
    assert "link" in house.air.log[-1].heard_by
    await house.end_fault(fault)
    assert await pressed(house, host)


async def test_loss(house, host):
    fault = await house.fault("loss", target="attic", loss=1.0)
    assert await pressed(house, host) == b""
    await house.end_fault(fault)
    assert await pressed(house, host)


@pytest.mark.parametrize(
    ("stick", "order", "ack", "nak"),
    [
        ("attic", ON.hex(), ACK.hex(), "0402010702"),
        ("link", b"10;NewKaku;00c142;1;ON;\r\n".hex(), b"20;01;OK;\r\n".hex(), b"20;02;CMD UNKNOWN;\r\n".hex()),
        ("dolphin", "55 00 07 00 01 11 F6 10 FF 9C 80 00 30 F3", "55 00 01 00 02 65 00 00", "55 00 01 00 02 65 01 07"),
    ],
)
async def test_acknowledgements(house, hosts, started, stick, order, ack, nak):
    order = bytes.fromhex(order)
    host = await (started if stick == "attic" else hosts)(house, stick)
    await anyio.sleep(2)
    assert await host.ask(order) == bytes.fromhex(ack)
    await house.fault("nak", target=stick, count=1)
    assert await host.ask(order) == bytes.fromhex(nak)
    assert len(house.air.log) == 1, "not sent"
    await house.fault("no_ack", target=stick, count=1)
    assert await host.ask(order) == b""
    assert len(house.air.log) == 2, "sent"
    await house.fault("late_ack", target=stick, count=1, delay=4.0)
    assert await host.ask(order, 3) == b""
    await anyio.sleep(2)
    assert host.take() != b""
    assert await host.ask(order) != b""
    assert len(house.air.log) == 4


async def test_acknowledgement_faults_end(house, host):
    first, second = [await house.fault("no_ack", target="attic") for _ in range(2)]
    assert await host.ask(ON) == b""
    await house.end_fault(first)
    assert await host.ask(ON) == b""
    await house.end_fault(second)
    assert await host.ask(ON) == ACK


async def test_noise(house, host):
    await house.fault("noise", target="attic", length=9)
    await anyio.sleep(0.1)
    assert len(host.take()) == 9
    assert (await pressed(house, host))[:-1] == REPORT


@pytest.mark.parametrize(("keep", "left"), [(4, REPORT[:4]), (0, b"")])
async def test_torn(house, host, keep, left):
    await house.fault("torn", target="attic", keep=keep, count=1)
    assert await pressed(house, host) == left
    assert len(await pressed(house, host)) == 12


async def test_torn_somewhere(house, host):
    fault = await house.fault("torn", target="attic")
    lengths = {len(await pressed(house, host)) for _ in range(40)}
    assert len(lengths) > 6
    assert max(lengths) < 12
    await house.end_fault(fault)
    assert len(await pressed(house, host)) == 12


async def test_garbled(house, host):
    await house.fault("garbled", target="attic", count=1)
    data = await pressed(house, host)
    flipped = int.from_bytes(data[:-1], "big") ^ int.from_bytes(REPORT, "big")
    assert len(data) == 12
    assert flipped.bit_count() <= 1
    assert (await pressed(house, host))[4:-1] == REPORT[4:]


async def test_wrong_length(house, host, hosts):
    for name in ("attic", "link", "dolphin"):
        await house.fault("wrong_length", target=name, count=1, more=5)
    link = await hosts(house, "link")
    dolphin = await hosts(house, "dolphin")
    data = await pressed(house, host)
    assert data[:1] == b"\x10"
    assert data[1:-1] == REPORT[1:]
    assert not link.take().endswith(b"\r\n")
    assert (await pressed(house, dolphin, "rocker"))[:6] == bytes.fromhex("55 00 0C 07 01 7A")
    assert len(await pressed(house, host)) == 12


async def test_repeated(house, host):
    await house.fault("repeated", target="attic", count=1)
    data = await pressed(house, host)
    assert data[:12] == data[12:]


async def test_choppy(house, host):
    fault = await house.fault("choppy", target="attic", portion=5, pause=0.02)
    host.got.clear()
    await house.press("hall", "on")
    await anyio.sleep(0.2)
    assert [len(data) for _, data in host.got] == [5, 5, 2]
    assert host.got[2][0] - host.got[0][0] == pytest.approx(0.04)
    await house.end_fault(fault)
    assert len(await pressed(house, host)) == 12


async def test_slow_line(house, host):
    fault = await house.fault("slow_line", target="attic", delay=2.0)
    assert await pressed(house, host) == b""
    await anyio.sleep(2)
    assert len(host.take()) == 12
    await house.end_fault(fault)
    assert len(await pressed(house, host)) == 12


async def test_a_battery_is_taken_out(house, host):
    house.add_radio(kind="weather", name="garden", code="oregon", id="1A2D", interval=10)
    fault = await house.fault("unplug", target="garden")
    await anyio.sleep(60)
    assert "garden" not in {entry.sender for entry in house.air.log}
    await house.end_fault(fault)
    await anyio.sleep(60)
    assert sum(entry.sender == "garden" for entry in house.air.log) == 6


async def test_weak(house, host):
    fault = await house.fault("weak", target="hall", by=60)
    assert await pressed(house, host) == b""
    await house.end_fault(fault)
    assert await pressed(house, host)


async def test_stuck_button_covers_the_band(house, host):
    house.add_radio(kind="remote", name="stairs", code="ac", id="00AB12CE")
    await house.fault("stuck_button", target="stairs", duration=100.0)
    await anyio.sleep(1)
    assert house.air.log[0].copies > 700
    assert await pressed(house, host) == b""
    await anyio.sleep(100)
    assert len(await pressed(house, host)) == 12


async def test_a_stuck_button_needs_a_button_and_a_battery(house):
    house.add_radio(kind="repeater", name="repeater")
    with pytest.raises(FaultError, match="no button on 'repeater'"):
        await house.fault("stuck_button", target="repeater")
    await house.unplug("hall")
    await house.fault("stuck_button", target="hall", duration=10.0)
    await anyio.sleep(5)
    assert len(house.air.log) == 0
    await house.plug("hall")
    await anyio.sleep(20)
    (held,) = house.air.log
    assert 3.5 < held.ended - held.began < 5.5, "until the fault ends"


async def test_a_stick_may_be_unplugged_from_the_start(started):
    house = House.parse('[[bus]]\nname = "attic"\nkind = "rfxtrx"\nplugged = false\n')
    async with house.running(ptys=False):
        with pytest.raises(OSError, match="No such file"):
            house.connect("attic")
        await house.plug("attic")
        await started(house, "attic")


@pytest.mark.parametrize(
    ("kind", "target", "options", "message"),
    [
        ("crowd", "attic", {}, "a bus of kind rfxtrx can't have the fault 'crowd'; known are choppy, garbled, hang"),
        ("noise", "wire", {}, "a bus of kind onewire can't have the fault 'noise'; known are close, crowd"),
        ("bad_crc", "hall", {}, "a device with an antenna can't have the fault 'bad_crc'; known are battery_low"),
        ("torn", "attic", {"kep": 3}, "did you mean 'keep'"),
        ("loss", "attic", {"loss": 3}, "option 'loss'"),
    ],
)
async def test_faults_in_the_wrong_place(house, kind, target, options, message):
    with pytest.raises(FaultError, match=message):
        await house.fault(kind, target=target, **options)
