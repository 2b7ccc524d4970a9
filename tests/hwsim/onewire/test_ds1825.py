"""The three parts of family 3B, register by register, with the tables of their datasheets."""

import pytest

from hwsim.errors import QuantityError
from hwsim.onewire.families import DS1825, MAX31826, MAX31850
from hwsim.onewire.rom import RomId, crc8


class Bench:
    def __init__(self, part):
        self.time = 0.0
        self.device = part(RomId(part.family, bytes(6)), lambda: self.time)

    def convert(self, seconds, **quantities):
        for name, value in quantities.items():
            self.device.set(name, value)
        self.device.start_conversion(strong_pullup=False)
        self.time += seconds
        return self.device.read_scratchpad()


@pytest.mark.parametrize(("part", "config"), [(DS1825, 0x7A), (MAX31826, 0xFA), (MAX31850, 0xFA)])
def test_the_address_is_in_the_configuration_and_stays(part, config):
    device = Bench(part).device
    device.setting("address", 10)
    for upset in (device.power_cycle, device.recall, lambda: device.write_scratchpad(b"\xff\xff\xff")):
        assert device.read_scratchpad()[4] == config
        upset()
    assert device.read_scratchpad()[4] == config


def test_1825_keeps_its_resolution_beside_the_address():
    device = Bench(DS1825).device
    device.setting("address", 3)
    device.setting("resolution", 10)
    assert device.read_scratchpad()[4] == 0x33
    assert device.conversion_seconds() == 0.1875


@pytest.mark.parametrize("part", [MAX31826, MAX31850])
def test_the_others_have_no_limits_and_no_resolution(part):
    device = Bench(part).device
    for name in ("temphigh", "templow", "resolution"):
        with pytest.raises(QuantityError, match=part.part):
            device.setting(name, 10)
    device.write_scratchpad(b"\x00\x00\x00")
    assert device.read_scratchpad()[2:4] == (b"\xff\xff" if part is MAX31826 else b"\0\0")


def test_31826_converts_in_150_ms_and_never_alarms():
    bench = Bench(MAX31826)
    assert bench.convert(0.149, temperature=-10.125)[:2] == b"\x50\x05"
    bench.time += 0.001
    data = bench.device.read_scratchpad()
    assert (int.from_bytes(data[:2], "little", signed=True), data[2:4]) == (-162, b"\xff\xff")
    bench.convert(0.15, temperature=125)
    assert not bench.device.in_alarm()


def test_31826_writes_its_memory_by_way_of_the_second_scratchpad():
    device = Bench(MAX31826).device
    assert device.write_second_scratchpad(8, b"busgate!")[0] == crc8(b"\x0f\x08busgate!")
    found = device.read_second_scratchpad(8)
    assert (found[:8], crc8(b"\xaa\x08" + found)) == (b"busgate!", 0)
    assert device.read_memory(8, 8) == bytes(8)
    device.copy_second_scratchpad()
    device.power_cycle()
    assert device.read_memory(6, 12) == b"\0\0busgate!\0\0"
    assert device.read_memory(126, 4) == b"\0\0\xff\xff"


@pytest.mark.parametrize(
    ("celsius", "raw"),
    [(1600, 0x6400), (1000, 0x3E80), (100.75, 0x064C), (25, 0x0190), (0, 0), (-0.25, 0xFFFC), (-250, 0xF060)],
)
def test_31850_thermocouple(celsius, raw):
    assert Bench(MAX31850).convert(0.1, thermocouple=celsius)[:2] == raw.to_bytes(2, "little")


@pytest.mark.parametrize(("celsius", "raw"), [(100.5625, 0x6490), (25, 0x1900), (-0.0625, 0xFFF0), (-55, 0xC900)])
def test_31850_cold_junction(celsius, raw):
    assert Bench(MAX31850).convert(0.1, temperature=celsius)[2:4] == raw.to_bytes(2, "little")


@pytest.mark.parametrize(("flag", "bit"), [("open_circuit", 1), ("ground_short", 2), ("vdd_short", 4)])
def test_31850_flags_of_a_faulty_couple(flag, bit):
    bench = Bench(MAX31850)
    data = bench.convert(0.1, **{flag: 1})
    assert (data[0] & 1, data[2] & 0x0F) == (1, bit)
    data = bench.convert(0.1, **{flag: 0})
    assert (data[0] & 1, data[2] & 0x0F) == (0, 0)
