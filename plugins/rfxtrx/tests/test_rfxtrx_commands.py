"""Commands become packets, and what they mean on the air."""

import pytest
from busgate_rfxtrx.commands import Commands
from busgate_rfxtrx.decoding import decode

from gateway.errors import NoSuchDevice, Unsupported


@pytest.fixture
def commands():
    return Commands()


@pytest.mark.parametrize(
    ("device", "command", "values", "packet"),
    [
        ("10_0_E5", "on", {}, "0710000045050100"),
        ("11_0_0ab12cd:3", "on", {}, "0b11000000ab12cd03010000"),
        ("11_0_0ab12cd:3", "Group off", {}, "0b11000000ab12cd03030000"),
        ("11_0_0ab12cd:3", "set_level", {"level": 100}, "0b11000000ab12cd03020f00"),
        ("11_0_0ab12cd:3", "dim", {"level": 0}, "0b11000000ab12cd03000000"),
        ("12_0_1:034", "level_5", {}, "081200000134001500"),
        ("13_0_123457", "off", {}, "09130000123456015e00"),
        ("13_0_123456", "on", {"pulse": 256}, "0913000012345701" + "0000"),
        ("14_0_f394ab:1", "close", {}, "0a140000f394ab010d0000"),
        ("14_0_f394ab:1", "stop", {}, "0a140000f394ab010e0000"),
        ("15_0_1234:A5", "off", {}, "0b1500001234410501000000"),
        ("16_0_12:34", "sound", {"sound": 9}, None),
        ("19_0_009ba8:1", "open", {}, "09190000009ba8010000"),
        ("1a_0_0a0001:1", "down", {}, "0c1a00000a0001010300000000"),
        ("1e_0_3fcc:4201", "up", {}, "0b1e00003fcc420101000009"),
        ("1e_0_3fcc:4201", "scene", {"scene": 3}, "0b1e00003fcc420304010009"),
        ("20_0_bc8ab6:32", "panic", {}, "08200000bc8ab60600"),
        ("31_0_1234abcd:2", "percent", {"percent": 40}, "0c3100001234abcd0204280000"),
        ("31_0_1234abcd:2", "stop", {}, "0c3100001234abcd0202000000"),
    ],
)
def test_a_packet(commands, device, command, values, packet):
    made = commands.packet(device, command, values)
    assert len(made) == made[0] + 1
    if packet:
        assert made.hex() == packet
    telegram = decode(made, 0.0)
    assert telegram is not None
    assert telegram.device.split("_")[:2] == device.split("_")[:2]


def test_what_was_heard_can_be_sent_by_its_name(commands, published):
    """Each device that takes commands is found by the id that its telegrams have."""
    sent = 0
    for text in published:
        telegram = decode(bytes.fromhex(text), 0.0)
        assert telegram is not None
        try:
            commands.packet(telegram.device, "no_such_command", {})
        except Unsupported as error:
            sent += "type" not in str(error)
    assert sent >= 11


@pytest.mark.parametrize(
    "device", ["", "lamp", "11_0", "11_0_xyz:3", "11_0_0ab12cd", "11_0_-ab12cd:3", "zz_0_1", "31_0_1:x"]
)
def test_what_is_no_id(commands, device):
    with pytest.raises(NoSuchDevice):
        commands.packet(device, "on", {})


@pytest.mark.parametrize(
    ("device", "command", "values", "match"),
    [
        ("52_1_96:03", "on", {}, "of sensors"),
        ("11_0_0ab12cd:3", "explode", {}, "explode"),
        ("11_0_0ab12cd:3", "set_level", {}, "level should be a number from 0 to 100"),
        ("11_0_0ab12cd:3", "set_level", {"level": 101}, "level should be"),
        ("11_0_0ab12cd:3", "set_level", {"level": True}, "level should be"),
        ("11_0_0ab12cd:3", "on", {"leve": 3}, "takes no 'leve'"),
        ("10_0_E5", "dim", {"level": 3}, "Lighting1"),
        ("16_0_12:34", "sound", {"sound": 256}, "sound should be"),
    ],
)
def test_what_can_not_be_sent(commands, device, command, values, match):
    with pytest.raises(Unsupported, match=match):
        commands.packet(device, command, values)


def test_the_count_of_a_blyss_socket_changes_from_telegram_to_telegram(commands):
    counts = []
    for _ in range(6):
        counts.append(commands.packet("15_0_1234:A5", "on", {})[9])
        assert commands.packet("15_0_1234:A5", "on", {})[9] == counts[-1]
        commands.used("15_0_1234:A5")
    assert counts == [0, 1, 2, 3, 4, 0]


async def test_transmissions(bench):
    async with bench.opened() as interface:
        on = interface.transmission("11_0_0ab12cd:3", "on", {})
        assert (on.band, on.repeatable, on.bound, on.answers) == ("433", True, False, False)
        assert 0 < on.airtime <= 1
        rfy = interface.transmission("1a_0_0a0001:1", "down", {})
        assert (rfy.repeatable, rfy.bound, rfy.key) == (False, True, None)
        assert interface.transmission("31_0_1234abcd:2", "up", {}).answers
        for device, command in (
            ("10_0_E5", "dim"),
            ("16_0_12:34", "sound_1"),
            ("14_5_f394ab:1", "on"),
            ("20_0_bc8ab6:32", "panic"),
        ):
            assert not interface.transmission(device, command, {}).repeatable
        with pytest.raises(NoSuchDevice):
            interface.transmission("x", "on", {})
    assert bench.stick.sent == []


async def test_another_receiver_hears_the_key_that_was_told(bench, ac_on):
    async with bench.opened() as interface, interface.listen() as telegrams:
        await bench.stick.hear(ac_on)
        heard = await anext(telegrams)
        assert interface.transmission(heard.device, "on", {}).key == heard.key


async def test_the_band_is_that_of_the_stick(bench):
    bench.stick.frequency = 0x57
    async with bench.opened() as interface:
        assert interface.transmission("11_0_0ab12cd:3", "on", {}).band == "868.0"
