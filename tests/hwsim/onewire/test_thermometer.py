"""Thermometers register by register, with the numbers of the datasheets; time is a list the test moves on."""

import pytest

from hwsim.errors import QuantityError
from hwsim.onewire.families import DS18B20, DS18S20
from hwsim.onewire.rom import RomId, crc8
from hwsim.onewire.slave import Power
from hwsim.quantity import Ramp


class Bench:
    """One device and the time it lives in."""

    def __init__(self, part=DS18B20, **options):
        self.time = 0.0
        self.device = part(RomId(part.family, bytes(6)), lambda: self.time, **options)

    def convert(self, seconds=0.75, *, strong_pullup=True):
        self.device.start_conversion(strong_pullup=strong_pullup)
        self.time += seconds
        data = self.device.read_scratchpad()
        return int.from_bytes(data[:2], "little", signed=True)


def test_power_on_is_85_degrees_with_a_good_crc():
    data = Bench().device.read_scratchpad()
    assert data[:2] == b"\x50\x05"
    assert data[6] == 0x0C
    assert crc8(data) == 0


@pytest.mark.parametrize(
    ("celsius", "raw"),
    [(125, 0x07D0), (85, 0x0550), (25.0625, 0x0191), (10.125, 0x00A2), (0.5, 8), (0, 0), (-0.5, -8), (-55, -880)],
)
def test_the_table_of_the_datasheet(celsius, raw):
    bench = Bench()
    bench.device.set("temperature", celsius)
    assert bench.convert() == raw


def test_an_honest_85_differs_in_byte_6():
    bench = Bench()
    bench.device.set("temperature", 85)
    bench.convert()
    assert bench.device.read_scratchpad()[6] == 0x10


@pytest.mark.parametrize(
    ("config", "seconds", "raw"), [(0x1F, 0.09375, 0x190), (0x3F, 0.1875, 0x190), (0x5F, 0.375, 0x192)]
)
def test_less_bits_take_less_time(config, seconds, raw):
    bench = Bench()
    bench.device.set("temperature", 25.1875)
    bench.device.write_scratchpad(bytes([75, 70, config]))
    bench.device.start_conversion(strong_pullup=False)
    bench.time = seconds - 0.001
    assert bench.device.busy()
    bench.time = seconds
    assert not bench.device.busy()
    assert int.from_bytes(bench.device.read_scratchpad()[:2], "little") == raw


def test_the_scratchpad_keeps_the_old_value_until_the_conversion_is_done():
    bench = Bench()
    bench.device.set("temperature", 20)
    bench.convert()
    bench.device.set("temperature", 30)
    assert bench.convert(0.5) == 20 * 16
    bench.time += 0.25
    assert int.from_bytes(bench.device.read_scratchpad()[:2], "little") == 30 * 16


def test_a_parasite_without_strong_pullup_falls_back_to_power_on():
    bench = Bench(power=Power.PARASITE)
    bench.device.set("temperature", 20)
    assert bench.convert(strong_pullup=True) == 20 * 16
    assert bench.convert(strong_pullup=False) == 0x0550


def test_a_brown_out_takes_the_usual_time():
    bench = Bench()
    bench.device.browns_out = True
    bench.convert(0.7)
    assert bench.device.busy()
    bench.time += 0.1
    assert bench.device.read_scratchpad()[:2] == b"\x50\x05"


def test_a_stuck_one_is_done_at_once_and_stays():
    bench = Bench()
    bench.device.stuck = True
    bench.device.start_conversion(strong_pullup=True)
    assert not bench.device.busy()
    assert bench.device.read_scratchpad()[:2] == b"\x50\x05"


def test_garbled_answers_have_a_wrong_crc():
    bench = Bench()
    bench.device.garbled = True
    assert crc8(bench.device.read_scratchpad()) != 0


def test_the_alarm_follows_the_last_conversion():
    bench = Bench()
    bench.device.write_scratchpad(bytes([30, 10, 0x7F]))
    assert not bench.device.in_alarm()
    for celsius, alarm in ((29.9, False), (30, True), (20, False), (10.9, True), (11, False), (-5, True)):
        bench.device.set("temperature", celsius)
        bench.convert()
        assert bench.device.in_alarm() is alarm, celsius


def test_limits_survive_a_power_cycle_only_when_copied():
    bench = Bench()
    bench.device.write_scratchpad(bytes([30, 0xF6, 0x3F]))
    bench.device.power_cycle()
    assert bench.device.read_scratchpad()[2:5] == bytes([75, 70, 0x7F])
    bench.device.write_scratchpad(bytes([30, 0xF6, 0x3F]))
    bench.device.copy_scratchpad()
    bench.device.power_cycle()
    assert bench.device.read_scratchpad()[2:5] == bytes([30, 0xF6, 0x3F])


@pytest.mark.parametrize("sixteenths", range(-170, 500, 7))
def test_the_ds18s20_gives_sixteenths_by_its_remainder(sixteenths):
    bench = Bench(DS18S20)
    bench.device.set("temperature", sixteenths / 16)
    bench.convert()
    data = bench.device.read_scratchpad()
    whole = int.from_bytes(data[:2], "little", signed=True) >> 1
    assert whole - 0.25 + (data[7] - data[6]) / data[7] == sixteenths / 16
    assert crc8(data) == 0


def test_the_ds18s20_powers_on_at_85_in_its_own_format():
    assert Bench(DS18S20).device.read_scratchpad()[:2] == b"\xaa\x00"


def test_the_world_moves_on_by_itself():
    bench = Bench(quantities={"temperature": Ramp(10, 1)})
    assert bench.convert(1.0) == 11 * 16
    bench.device.set("temperature", 5)
    assert bench.convert(1.0) == 5 * 16


def test_a_curve_beyond_the_range_is_cut():
    bench = Bench(quantities={"temperature": Ramp(0, 1000)})
    assert bench.convert(1.0) == 125 * 16


@pytest.mark.parametrize(
    ("name", "value", "message"),
    [
        ("temprature", 3, "did you mean 'temperature'"),
        ("temperature", 126, "from -55 to 125"),
    ],
)
def test_what_can_not_be_is_refused(name, value, message):
    with pytest.raises(QuantityError, match=message):
        Bench().device.set(name, value)
