"""Commands become lines for the gateway, and what they mean on the air."""

import pytest
from busgate_rflink.commands import Commands
from busgate_rflink.decoding import decode

from gateway.errors import NoSuchDevice, Unsupported


@pytest.fixture
def commands():
    return Commands()


@pytest.mark.parametrize(
    ("device", "command", "values", "line"),
    [
        ("newkaku_00c142_1", "on", {}, "10;newkaku;00c142;1;on;"),
        ("newkaku_00c142_1", "set_level", {"level": 100}, "10;newkaku;00c142;1;15;"),
        ("newkaku_00c142_1", "set_level", {"level": 1}, "10;newkaku;00c142;1;1;"),
        ("newkaku_00c142_1", "set_level", {"level": 0}, "10;newkaku;00c142;1;off;"),
        ("ikeakoppla_000080_0", "ON", {}, "10;ikea koppla;000080;0;ON;"),
        ("dooya_v4_6d5f8e00_3f", "up", {}, "10;dooya_v4;6d5f8e00;3f;up;"),
        ("mertik_64", "UP", {}, "10;mertik;64;UP;"),
        ("selectplus_001c33", "ring", {}, "10;selectplus;001c33;"),
        ("milightv1_f746_01", "BRIGHT", {"rgbw": "34BC"}, "10;milightv1;f746;01;34BC;BRIGHT;"),
        ("rts_1a602a_0", "pair", {}, "10;rts;1a602a;0;pair;"),
    ],
)
def test_a_line(commands, device, command, values, line):
    assert commands.order(device, command, values).line == line


def test_a_protocol_is_written_as_it_was_heard(commands):
    assert commands.order("conradrsl2_010002_03", "on", {}).line == "10;conradrsl2;010002;03;on;"
    commands.learn("Conrad RSL2")
    assert commands.order("conradrsl2_010002_03", "on", {}).line == "10;conrad rsl2;010002;03;on;"


@pytest.mark.parametrize(
    "device", ["", "lamp", "newkaku", "newkaku__1", "a_b_", "newkaku_00;1_1", "NEWKAKU_1_1", "x" * 90 + "_1_1"]
)
def test_what_is_no_id(commands, device):
    with pytest.raises(NoSuchDevice, match="protocol, id and switch"):
        commands.order(device, "on", {})


@pytest.mark.parametrize(
    ("command", "values", "match"),
    [
        ("on;10;REBOOT", {}, "no command"),
        ("on\n", {}, "no command"),
        ("", {}, "no command"),
        ("set_level", {}, "needs a level"),
        ("set_level", {"level": 101}, "needs a level"),
        ("set_level", {"level": True}, "needs a level"),
        ("on", {"leve": 1}, "takes no 'leve'"),
        ("on", {"rgbw": "12345"}, "four hexadecimal digits"),
    ],
)
def test_what_can_not_be_sent(commands, command, values, match):
    with pytest.raises(Unsupported, match=match):
        commands.order("newkaku_00c142_1", command, values)


def test_a_line_that_rflink_would_cut_off_is_refused(commands):
    with pytest.raises(Unsupported, match="60 characters"):
        commands.order("newkaku_" + "0" * 40 + "_1", "ALLOFF", {})


@pytest.mark.parametrize(
    ("device", "command", "heard"),
    [
        ("newkaku_0000c6c2_1", "on", b"20;3B;NewKaku;ID=c6c2;SWITCH=1;CMD=ON;"),
        ("newkaku_000007_2", "set_level", b"20;04;NewKaku;ID=000007;SWITCH=2;CMD=SET_LEVEL=15;RSSI=-080;"),
        ("kaku_000041_1", "off", b"20;06;Kaku;ID=41;SWITCH=1;CMD=OFF;"),
    ],
)
def test_the_key_is_that_which_another_receiver_hears(commands, device, command, heard):
    order = commands.order(device, command, {"level": 100} if command == "set_level" else {})
    telegram = decode(heard, 0.0)
    assert telegram is not None
    assert order.key == telegram.key


async def test_transmissions(bench):
    async with bench.opened() as interface:
        on = interface.transmission("newkaku_00c142_1", "on", {})
        assert (on.band, on.repeatable, on.bound, on.answers) == ("433", True, False, False)
        assert 0 < on.airtime <= 1
        rts = interface.transmission("rts_1a602a_0", "down", {})
        assert (rts.repeatable, rts.bound, rts.key) == (False, True, None)
        assert not interface.transmission("newkaku_00c142_1", "toggle", {}).repeatable
        assert interface.transmission("selectplus_001c33", "ring", {}).key is None
        with pytest.raises(NoSuchDevice):
            interface.transmission("x", "on", {})
    assert bench.board.sent == []


async def test_the_band_can_be_told(bench):
    async with bench.opened(band="868.0") as interface:
        assert interface.transmission("newkaku_00c142_1", "on", {}).band == "868.0"
