"""Switches register by register: pins, latches, conditional search."""

import pytest

from hwsim.onewire.families import DS2405, DS2406, DS2408, DS2413
from hwsim.onewire.families.switches import CLEAR_LATCHES, READ_BOTH
from hwsim.onewire.rom import RomId, crc16
from hwsim.quantity import Square


class Bench:
    def __init__(self, part, **options):
        self.time = 0.0
        self.device = part(RomId(part.family, bytes(6)), lambda: self.time, **options)


def registers(device):
    return device.read_registers()


def test_2405_toggles_when_it_is_matched():
    device = Bench(DS2405).device
    assert (device.read_level(), device.in_alarm()) == (b"\xff", False)
    device.match()
    assert (device.read_level(), device.in_alarm()) == (b"\0", True)
    device.match()
    assert (device.read_level(), device.in_alarm()) == (b"\xff", False)


def test_2405_senses_the_world_while_it_is_off():
    device = Bench(DS2405).device
    device.set("sensed", 0)
    assert (device.read_level(), device.in_alarm()) == (b"\0", False)
    device.match()
    device.power_cycle()
    assert not device.in_alarm()


def test_2413_tells_pins_and_latches_and_their_complement():
    device = Bench(DS2413).device
    assert device.read_status() == b"\x0f"
    assert device.write_latches(0xFE, 0x01)
    assert device.read_status() == bytes([0b1100 | 0b0011 << 4])
    device.set("sensed_b", 0)
    assert device.read_status()[0] & 0x0F == 0b1000


def test_2413_refuses_a_write_whose_complement_is_wrong():
    device = Bench(DS2413).device
    assert not device.write_latches(0xFE, 0x02)
    assert device.read_status() == b"\x0f"


def test_2408_registers_have_a_good_crc():
    data = registers(Bench(DS2408).device)
    assert data[:6] == bytes([0xFF, 0xFF, 0, 0, 0, 0x88])
    assert crc16(b"\xf0\x88\x00" + data[:8]) ^ 0xFFFF == int.from_bytes(data[8:], "little")


def test_2408_remembers_a_short_press():
    device = Bench(DS2408).device
    device.set("sensed_3", 0)
    device.set("sensed_3", 1)
    assert registers(device)[0] == 0xFF
    assert registers(device)[2] == 0x08
    device.reset_activity()
    assert registers(device)[2] == 0


def test_2408_remembers_a_press_of_a_curve_that_nobody_saw():
    bench = Bench(DS2408, quantities={"sensed_0": Square(period=10, duty=0.9)})
    bench.time = 8.0
    registers(bench.device)
    bench.device.reset_activity()
    bench.time = 12.0
    data = registers(bench.device)
    assert (data[0] & 1, data[2]) == (1, 0x01)


def test_2408_sees_its_own_transistors():
    device = Bench(DS2408).device
    assert device.write_latches(0x0F, 0xF0)
    data = registers(device)
    assert (data[0], data[1], data[2]) == (0x0F, 0x0F, 0xF0)


def test_2408_answers_every_conditional_search_until_por_is_cleared():
    device = Bench(DS2408).device
    assert device.in_alarm()
    device.write_condition(bytes([0, 0, 0]))
    assert not device.in_alarm()
    device.write_condition(bytes([0, 0, 8]))
    assert not device.in_alarm(), "software can't set it"
    device.power_cycle()
    assert device.in_alarm()


@pytest.mark.parametrize(
    ("mask", "polarity", "control", "low_pins", "alarm"),
    [
        (0x03, 0x00, 0, (), False),
        (0x03, 0x00, 0, (0,), True),
        (0x03, 0x00, 2, (0,), False),
        (0x03, 0x00, 2, (0, 1), True),
        (0x03, 0x03, 0, (0,), True),
        (0x01, 0x01, 0, (0,), False),
        (0x01, 0x01, 1, (0,), True),
        (0x02, 0x02, 1, (0,), False),
        (0x00, 0x00, 2, (0,), False),
    ],
)
def test_2408_conditions(mask, polarity, control, low_pins, alarm):
    device = Bench(DS2408).device
    device.write_condition(bytes([mask, polarity, control]))
    for pin in low_pins:
        device.set(f"sensed_{pin}", 0)
    assert device.in_alarm() is alarm


def test_2406_tells_everything_in_one_byte():
    device = Bench(DS2406).device
    info, samples, low, high = device.read_info()
    assert info == 0b1100_1111
    assert samples == 0xFF
    assert crc16(bytes([0xF5, READ_BOTH, 0xFF, info, samples])) ^ 0xFFFF == low | high << 8
    device.set("sensed_a", 0)
    assert device.read_info()[0] == 0b1101_1011
    device.read_info(CLEAR_LATCHES)
    assert device.read_info()[0] == 0b1100_1011


@pytest.mark.parametrize(
    ("digits", "alarm"),
    [((3, 3, 1), True), ((1, 3, 0), True), ((2, 3, 0), False), ((1, 1, 1), True), ((0, 3, 1), False)],
)
def test_2406_conditions(digits, alarm):
    channels, source, polarity = digits
    device = Bench(DS2406).device
    device.set("sensed_a", 0)
    device.write_status(0x60 | channels << 3 | source << 1 | polarity)
    assert device.in_alarm() is alarm


def test_2406_memory_only_loses_bits():
    device = Bench(DS2406).device
    device.write_memory(32, b"\x0f\xf0")
    device.write_memory(32, b"\xff\x3f")
    assert device.read_memory(32, 3) == b"\x0f\x30\xff"


def test_a_power_cycle_releases_all_pins():
    device = Bench(DS2408).device
    device.write_latches(0, 0xFF)
    device.power_cycle()
    assert registers(device)[:3] == bytes([0xFF, 0xFF, 0])
