"""An RFXtrx as its host sees it: handshake, modes, acknowledgements, reports; bytes as in the RFXtrx SDK."""

import anyio
import pytest

from hwsim import House

STICK = '[[bus]]\nname = "attic"\nkind = "rfxtrx"\n'
REMOTE = '[[device]]\nkind = "remote"\nname = "hall"\ncode = "ac"\nid = "00AB12CD"\nunit = 3\n'
ON = bytes.fromhex("0B 11 00 07 00 C0 FF EE 01 01 00 00")


def control(command, sequence=1, rest=bytes(9)):
    return bytes([0x0D, 0, 0, sequence, command]) + rest


@pytest.fixture
async def house():
    house = House.parse(STICK + REMOTE)
    async with house.running(ptys=False):
        yield house


async def test_the_handshake_of_every_client(house, hosts):
    host = await hosts(house, "attic")
    await anyio.sleep(1)
    assert await host.ask(control(0), 0.3) == b"", "reset has no answer"
    answer = await host.ask(control(2, 1))
    assert answer[:7] == bytes.fromhex("14 01 00 01 02 53 5E"), "433.92 MHz, firmware 94"
    assert len(answer) == 21
    await house.press("hall", "on")
    assert host.take() == b"", "nothing is reported before the receiver is started"
    assert await host.ask(control(7, 3)) == bytes.fromhex("14 01 07 03 07") + b"Copyright RFXCOM"
    await house.press("hall", "on")
    await anyio.sleep(0.1)
    assert host.take()[:-1] == bytes.fromhex("0B 11 00 00 00 AB 12 CD 03 01 00")


async def test_short_answers_of_old_firmware(hosts):
    house = House.parse(STICK + "long_answers = false\nfirmware_version = 71\n" + REMOTE)
    async with house.running(ptys=False):
        host = await hosts(house, "attic")
        await anyio.sleep(1)
        answer = await host.ask(control(2, 9))
        assert answer[:7] == bytes.fromhex("0D 01 00 09 02 53 47")
        assert len(answer) == 14
        assert (await host.ask(control(7)))[2] == 0xFF, "it does not know this command"
        await house.press("hall", "on")
        await anyio.sleep(0.1)
        assert host.take()[1] == 0x11, "it reports without being started"


async def test_what_comes_too_soon_after_a_reset_is_lost(house, hosts):
    host = await hosts(house, "attic")
    await anyio.sleep(1)
    await host.stream.send(control(0))
    assert await host.ask(control(2), 0.2) == b""
    await anyio.sleep(0.1)
    assert await host.ask(control(2), 0.5) != b""


async def test_only_protocols_whose_mode_is_on_are_reported(house, started):
    host = await started(house, "attic")
    modes = bytes([0x53, 0x1C, 0, 0, 0x20, 0, 0, 0, 0])
    answer = await host.ask(control(3, 5, modes))
    assert answer[:5] == bytes.fromhex("14 01 00 05 03")
    assert answer[7:11] == bytes([0, 0, 0x20, 0])
    await house.press("hall", "on")
    assert host.take() == b"", "AC is off"
    await host.ask(control(3, 6, modes[:4] + bytes([0x04]) + bytes(4)))
    await house.press("hall", "on")
    await anyio.sleep(0.1)
    assert host.take()[1] == 0x11


async def test_a_reset_brings_back_the_saved_modes(house, started):
    host = await started(house, "attic")
    modes = bytes([0x53, 0x1C, 0, 0, 0x20, 0, 0, 0, 0])
    factory = (await host.ask(control(2)))[7:11]
    await host.ask(control(3, 5, modes))
    await host.ask(control(0))
    assert (await host.ask(control(2)))[7:11] == factory
    await host.ask(control(3, 5, modes))
    await host.ask(control(6))
    await host.ask(control(0))
    assert (await host.ask(control(2)))[7:11] == bytes([0, 0, 0x20, 0])


async def test_an_order_is_sent_and_acknowledged_with_its_sequence_number(house, started):
    host = await started(house, "attic")
    began = house.time.now()
    await host.stream.send(ON)
    await anyio.sleep(2)
    assert [data for _, data in host.got][-1] == bytes.fromhex("04 02 01 07 00")
    assert 0.3 < host.got[-1][0] - began < 0.45, "when all copies are out"
    (entry,) = house.air.log
    assert (entry.sender, entry.content.house, entry.content.unit, entry.copies) == ("attic", 0xC0FFEE, 0, 5)
    assert house.stick("attic").traffic.acknowledged == 1


@pytest.mark.parametrize(
    ("order", "answer"),
    [
        ("0B 11 00 07 00 00 00 00 01 01 00 00", "04 02 01 07 03"),  # AC address of zero
        ("07 10 01 08 41 05 01 00", "04 02 01 08 00"),  # code wheel A5
        ("0A 14 00 09 0A BC DE 01 01 00 00", "04 02 01 09 00"),  # LightwaveRF
        ("0C 1A 00 0A 01 02 03 01 01 00 00 00 00", "04 02 01 0A 00"),  # RFY up
        ("09 19 00 0B 00 12 34 01 00 00", "04 02 01 0B 00"),  # blinds
        ("08 20 00 0C 12 34 56 02 00", "04 02 01 0C 00"),  # X10 security
    ],
)
async def test_published_orders(house, started, order, answer):
    host = await started(house, "attic")
    assert await host.ask(bytes.fromhex(order), 2) == bytes.fromhex(answer)


@pytest.mark.parametrize("order", ["06 11 00 01 02 03 04", "07 99 00 07 00 00 00 00", "0D 00 00 01 63" + "00" * 9])
async def test_wrong_commands_are_answered(house, started, order):
    host = await started(house, "attic")
    answer = await host.ask(bytes.fromhex(order))
    assert answer[:3] == bytes.fromhex("14 01 FF")


async def test_orders_are_acknowledged_one_after_the_other(house, started):
    host = await started(house, "attic")
    await host.stream.send(b"".join(ON[:3] + bytes([n]) + ON[4:] for n in range(5)))
    await anyio.sleep(5)
    assert [data for _, data in host.got[-5:]] == [bytes([4, 2, 1, n, 0]) for n in range(5)]


async def test_half_a_frame_is_dropped_after_a_while(house, started):
    host = await started(house, "attic")
    await host.stream.send(ON[:6])
    await anyio.sleep(0.6)
    assert await host.ask(ON) == bytes.fromhex("04 02 01 07 00")
    assert house.stick("attic").firmware.broken_frames == 1


async def test_a_frame_may_come_byte_by_byte(house, started):
    host = await started(house, "attic")
    for byte in ON:
        await host.stream.send(bytes([byte]))
        await anyio.sleep(0.01)
    await anyio.sleep(1)
    assert host.take() == bytes.fromhex("04 02 01 07 00")


async def test_an_order_that_finds_no_quiet_moment_goes_out_after_three_seconds(house, started):
    host = await started(house, "attic")
    await house.fault("stuck_button", target="hall")
    await anyio.sleep(0.1)
    host.take()
    began = house.time.now()
    await host.stream.send(ON)
    await anyio.sleep(5)
    assert host.take() == bytes.fromhex("04 02 01 07 01")
    assert 3.0 < house.air.log[-1].began - began < 3.1


REPORTS = [
    "0B 11 00 2A 01 23 45 67 05 02 0F 70",  # Lighting2, set level
    "0A 52 01 2A 96 03 81 8D 54 02 79",  # temperature and humidity, -39.7 degC
    "08 50 02 11 70 02 00 A7 89",  # temperature
    "0B 55 02 03 12 34 02 50 01 23 45 57",  # rain
    "10 56 01 2A 12 34 01 3B 00 2A 00 3C 00 D5 00 D5 79",  # wind
    "08 20 02 00 BC 8A B6 06 59",  # X10 security remote
    "09 03 01 04 28 0A B7 66 04 70",  # undecoded
]


@pytest.mark.parametrize("frame", REPORTS)
async def test_published_reports_come_with_own_counter_and_strength(started, frame):
    data = bytes.fromhex(frame)
    sender = f'[[device]]\nkind = "frame"\nname = "tape"\nstick = "rfxtrx"\nframe = "{frame}"\nrssi = -80\n'
    house = House.parse("[air]\njitter = 0\n" + STICK + sender)
    async with house.running(ptys=False):
        host = await started(house, "attic")
        await host.ask(control(3, 5, bytes([0x53, 0x1C, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0])))
        for count in range(2):
            await house.press("tape")
            await anyio.sleep(0.1)
            last = data[-1] if data[1] == 3 else 5 << 4 | data[-1] & 0x0F
            assert host.take() == data[:3] + bytes([count]) + data[4:-1] + bytes([last])
