"""Devices with an antenna: what they send when pressed, by themselves, and in answer."""

import itertools

import anyio
import pytest

from hwsim import ActionError, House, HwsimError, QuantityError, UnknownTarget
from hwsim.radio.signal import Ac, Erp1, SwitchCommand

STICKS = '[[bus]]\nname = "attic"\nkind = "rfxtrx"\n[[bus]]\nname = "dolphin"\nkind = "enocean"\nbase_id = "FF9C8000"\n'


def device(kind, code, id_, more=""):
    return f'[[device]]\nkind = "{kind}"\nname = "it"\ncode = "{code}"\nid = "{id_}"\n{more}\n'


@pytest.fixture
async def house(request):
    house = House.parse(STICKS + request.param)
    async with house.running(ptys=False):
        yield house


def contents(house):
    return [entry.content for entry in house.air.log]


async def order(house, hosts, data):
    """Let the EnOcean stick send a telegram from its base id."""
    host = await hosts(house, "dolphin")
    await anyio.sleep(0.1)
    body = bytes.fromhex(data) + bytes.fromhex("FF 9C 80 00 00")
    await host.stream.send(esp3(body))
    return host


def esp3(data):
    head = len(data).to_bytes(2, "big") + bytes([0, 1])
    return b"\x55" + head + bytes([crc8(head)]) + data + bytes([crc8(data)])


def crc8(data):
    value = 0
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value * 2 ^ (0x107 if value & 0x80 else 0)) & 0xFF
    return value


@pytest.mark.parametrize("house", [device("remote", "rps", "01020304")], indirect=True)
@pytest.mark.parametrize(("action", "data"), [("on", 0x10), ("off", 0x30), ("bi", 0x50), ("bo", 0x70)])
async def test_a_rocker_is_pressed_and_released(house, action, data):
    began = house.time.now()
    await house.press("it", action, hold=1.5)
    pressed, released = house.air.log
    assert pressed.content == Erp1(0xF6, bytes([data]), 0x01020304, 0x30)
    assert released.content == Erp1(0xF6, b"\x00", 0x01020304, 0x20)
    assert 1.5 < released.began - began < 1.6


@pytest.mark.parametrize("house", [device("remote", "arc", "E", "unit = 12")], indirect=True)
async def test_a_code_wheel(house, started):
    host = await started(house, "attic")
    await house.press("it", "on")
    await anyio.sleep(0.1)
    assert host.take()[:7] == bytes.fromhex("07 10 01 00 45 0C 01")


@pytest.mark.parametrize(
    "house",
    [
        device("contact", "ac", "123456", "unit = 10"),
        device("contact", "x10", "BC8AB6"),
        device("contact", "1bs", "0580ABCD"),
    ],
    indirect=True,
)
async def test_a_contact_tells_when_its_door_moves(house):
    await anyio.sleep(10)
    assert contents(house) == []
    house.set("it", "open", 1)
    await anyio.sleep(1)
    house.set("it", "open", 0)
    await anyio.sleep(1)
    await house.press("it", "open")
    opened, closed, again = contents(house)
    assert opened == again
    assert opened != closed
    assert house.radio("it").state == {"open": 1.0}


@pytest.mark.parametrize(
    "house", [device("contact", "ac", "123456", 'open = { curve = "square", period = 60 }')], indirect=True
)
async def test_a_contact_follows_its_curve(house):
    await anyio.sleep(299)
    assert [content.command for content in contents(house)] == [SwitchCommand.OFF, SwitchCommand.ON] * 4 + [
        SwitchCommand.OFF
    ]


@pytest.mark.parametrize("house", [device("contact", "x10", "BC8AB6")], indirect=True)
async def test_bytes_of_a_security_contact(house, started):
    host = await started(house, "attic")
    await house.press("it", "open")
    await house.fault("battery_low", target="it")
    await house.press("it", "close")
    await anyio.sleep(0.1)
    data = host.take()
    assert data[:8] == bytes.fromhex("08 20 00 00 BC 8A B6 02")
    assert data[9:17] == bytes.fromhex("08 20 00 01 BC 8A B6 00")
    assert [data[8] & 0x0F, data[17] & 0x0F] == [9, 0]


@pytest.mark.parametrize("house", [device("switch", "ac", "C0FFEE", 'unit = 2\nanswer_id = "ABCDE"')], indirect=True)
async def test_a_switch_with_a_transmitter_tells_what_it_did(house, started):
    host = await started(house, "attic")
    await host.stream.send(bytes.fromhex("0B 11 00 07 00 C0 FF EE 02 01 00 00"))
    await anyio.sleep(2)
    assert house.radio("it").state == {"on": True, "level": 100}
    assert contents(house)[-1] == Ac(0xABCDE, 1, SwitchCommand.ON, 15)
    assert host.take()[5:13] == bytes.fromhex("0B 11 00 00 00 0A BC DE"), "behind the acknowledgement"
    await host.ask(bytes.fromhex("0B 11 00 08 00 C0 FF EE 03 01 00 00"), 2)
    await host.ask(bytes.fromhex("0B 11 00 08 00 C0 FF EF 02 00 00 00"), 2)
    assert house.radio("it").state["on"], "others are meant"
    await host.ask(bytes.fromhex("0B 11 00 09 00 C0 FF EE 01 03 00 00"), 2)
    assert not house.radio("it").state["on"], "the group is off"
    await host.ask(bytes.fromhex("0B 11 00 0A 00 C0 FF EE 02 02 06 00"), 2)
    assert house.radio("it").state["level"] == 40


@pytest.mark.parametrize("house", [device("switch", "ac", "C0FFEE")], indirect=True)
async def test_a_plain_switch_does_not_answer(house, started):
    host = await started(house, "attic")
    await host.ask(bytes.fromhex("0B 11 00 07 00 C0 FF EE 01 01 00 00"), 3)
    assert house.radio("it").state["on"]
    assert [entry.sender for entry in house.air.log] == ["attic"]


@pytest.mark.parametrize("house", [device("switch", "ac", "C0FFEE", "loss = 1.0")], indirect=True)
async def test_a_switch_can_miss_what_it_is_told(house, started):
    host = await started(house, "attic")
    assert await host.ask(bytes.fromhex("0B 11 00 07 00 C0 FF EE 01 01 00 00"), 3) == bytes.fromhex("04 02 01 07 00")
    assert not house.radio("it").state["on"]


@pytest.mark.parametrize("house", [device("switch", "vld", "0180AAAA", 'learned = ["01020304"]')], indirect=True)
async def test_a_d2_01_switch_answers_the_one_who_asked(house, hosts):
    await order(house, hosts, "D2 01 00 32")
    await anyio.sleep(1)
    assert house.radio("it").state == {"on": True, "level": 50}
    assert contents(house)[-1] == Erp1(0xD2, bytes([4, 0, 50]), 0x0180AAAA, destination=0xFF9C8000)


@pytest.mark.parametrize("house", [device("switch", "vld", "0180AAAA", 'learned = ["01020304"]')], indirect=True)
async def test_a_d2_01_switch_obeys_its_rocker(house):
    house.add_radio(kind="remote", name="rocker", code="rps", id="01020304")
    house.add_radio(kind="remote", name="stranger", code="rps", id="01020305")
    await house.press("rocker", "on")
    await anyio.sleep(1)
    assert house.radio("it").state["on"]
    await house.press("stranger", "off")
    await anyio.sleep(1)
    assert house.radio("it").state["on"]
    assert [content.data for content in contents(house) if content.rorg == 0xD2] == [bytes([4, 0, 100])]


@pytest.mark.parametrize("house", [device("blind", "vld", "0180BBBB", "travel = 40")], indirect=True)
async def test_a_d2_05_blind_tells_where_it_has_stopped(house, hosts):
    await order(house, hosts, "D2 4B 00 00 01")
    began = house.time.now()
    await anyio.sleep(15)
    assert house.radio("it").state == {"position": pytest.approx(37.5, abs=0.5), "moving": True}
    await anyio.sleep(30)
    answer = house.air.log[-1]
    assert answer.content == Erp1(0xD2, bytes([75, 0, 0, 4]), 0x0180BBBB, destination=0xFF9C8000)
    assert 30.0 < answer.began - began < 30.3


@pytest.mark.parametrize("house", [device("blind", "vld", "0180BBBB", "travel = 40")], indirect=True)
async def test_a_blind_can_be_stopped_and_asked(house, hosts):
    host = await order(house, hosts, "D2 64 00 00 01")
    await anyio.sleep(10)
    await host.stream.send(esp3(bytes.fromhex("D2 02 FF 9C 80 00 00")))
    await anyio.sleep(1)
    assert house.radio("it").state["moving"] is False
    assert contents(house)[-1].data == bytes([25, 0, 0, 4])
    await host.stream.send(esp3(bytes.fromhex("D2 03 FF 9C 80 00 00")))
    await anyio.sleep(1)
    assert contents(house)[-1].data == bytes([25, 0, 0, 4])
    assert len(contents(house)) == 5, "the answer to the first order never came: it was stopped"


@pytest.mark.parametrize("house", [device("blind", "rts", "1A602A")], indirect=True)
async def test_a_somfy_blind_moves_and_says_nothing(house, started):
    house.add_radio(kind="remote", name="remote", code="rts", id="1A602A")
    await house.press("remote", "down")
    await anyio.sleep(30)
    assert house.radio("it").position == 100
    host = await started(house, "attic")
    await host.ask(bytes.fromhex("0C 1A 00 0A 1A 60 2A 01 01 00 00 00 00"), 5)
    await host.ask(bytes.fromhex("0C 1A 00 0B 1A 60 2A 01 00 00 00 00 00"), 5)
    assert 70 < house.radio("it").position < 80
    assert {entry.sender for entry in house.air.log} == {"remote", "attic"}


REPEATER = '[[device]]\nkind = "repeater"\nname = "repeater"\n'


@pytest.mark.parametrize("house", [device("remote", "rps", "01020304") + REPEATER], indirect=True)
async def test_a_repeater_repeats_originals_once(house, hosts):
    house.add_radio(kind="repeater", name="another")
    host = await hosts(house, "dolphin")
    await anyio.sleep(0.5)
    await house.press("it", "on")
    await anyio.sleep(1)
    assert sorted(entry.content.status for entry in house.air.log) == [0x20, 0x21, 0x21, 0x30, 0x31, 0x31]
    for original, repeated in [(0, 1), (0, 2)]:
        assert 0.01 < house.air.log[repeated].began - house.air.log[original].began < 0.08
    assert b"\x01\x02\x03\x04\x31" in host.take()


@pytest.mark.parametrize("house", [device("weather", "oregon", "1A2D", "interval = 43")], indirect=True)
async def test_weather_comes_at_its_interval(house):
    await anyio.sleep(4300)
    began = [entry.began for entry in house.air.log]
    assert len(began) == 100
    assert began[0] <= 43
    assert {round(after - before, 6) for before, after in itertools.pairwise(began)} == {43.0}


@pytest.mark.parametrize(
    "house", [device("weather", "oregon", "1A2D", "temperature = -3.4\nhumidity = 81")], indirect=True
)
async def test_bytes_of_a_thermo_hygrometer(house, started):
    host = await started(house, "attic")
    await house.press("it")
    await anyio.sleep(0.1)
    data = host.take()[-11:]
    assert data[:3] == bytes.fromhex("0A 52 01")
    assert data[4:10] == bytes.fromhex("1A 2D 80 22 51 03"), "-3.4 degC, 81 %, wet"
    assert data[10] & 0x0F == 9, "a good battery"


@pytest.mark.parametrize("house", [device("remote", "ac", "C0FFEE") + REPEATER], indirect=True)
async def test_what_can_not_be_pressed(house):
    with pytest.raises(ActionError, match="'it' has no 'onn'; did you mean 'on'"):
        await house.press("it", "onn")
    with pytest.raises(ActionError, match="a level belongs to the action 'level'"):
        await house.press("it", "on", level=3)
    with pytest.raises(ActionError, match="nothing can be pressed on 'repeater'"):
        await house.press("repeater")
    with pytest.raises(UnknownTarget, match="no radio device 'itt'; did you mean 'it'"):
        await house.press("itt")
    with pytest.raises(QuantityError, match="'it' has no 'open'"):
        house.set("it", "open", 1)
    await house.unplug("it")
    with pytest.raises(HwsimError, match="'it' is unplugged"):
        await house.press("it")
    await house.plug("it")
    assert (await house.press("it")).content.command is SwitchCommand.ON


async def test_a_house_must_run_for_buttons():
    house = House.parse(STICKS + device("remote", "ac", "C0FFEE"))
    with pytest.raises(HwsimError, match="does not run"):
        await house.press("it")
    with pytest.raises(HwsimError, match="does not run"):
        await house.unplug("attic")


@pytest.mark.parametrize("house", [device("remote", "ac", "C0FFEE")], indirect=True)
async def test_names_are_given_once(house):
    for name in ("it", "attic"):
        with pytest.raises(ValueError, match="already"):
            house.add_radio(kind="repeater", name=name)
