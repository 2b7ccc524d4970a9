"""The thermometer with pins, register by register."""

from hwsim.onewire.families import DS28EA00
from hwsim.onewire.rom import RomId, crc8
from hwsim.onewire.slave import Power


class Bench:
    def __init__(self, **options):
        self.time = 0.0
        self.device = DS28EA00(RomId(DS28EA00.family, bytes(6)), lambda: self.time, **options)

    def convert(self, celsius, *, strong_pullup=True):
        self.device.set("temperature", celsius)
        self.device.start_conversion(strong_pullup=strong_pullup)
        self.time += 0.75
        return self.device.read_scratchpad()


def test_power_on_registers():
    data = Bench().device.read_scratchpad()
    assert data[:8] == bytes([0x50, 0x05, 75, 70, 0x7F, 0xFF, 0x0C, 0x10])
    assert crc8(data) == 0


def test_a_conversion_leaves_the_reserved_bytes_alone():
    data = Bench().convert(21.3125)
    assert int.from_bytes(data[:2], "little") == 0x155
    assert data[5:8] == bytes([0xFF, 0x0C, 0x10])


def test_pins_and_latches_and_their_complement():
    device = Bench().device
    assert device.read_status() == b"\x0f"
    assert device.write_latches(0xFD, 0x02)
    assert device.read_status() == bytes([0b0011 | 0b1100 << 4])
    device.set("sensed_a", 0)
    assert device.read_status()[0] & 0x0F == 0b0010
    assert not device.write_latches(0xFF, 0xFF)


def test_the_alarm_is_that_of_the_thermometer():
    bench = Bench()
    bench.device.set("sensed_a", 0)
    bench.convert(72)
    assert not bench.device.in_alarm()
    bench.convert(75)
    assert bench.device.in_alarm()


def test_a_brown_out_releases_the_pins():
    bench = Bench(power=Power.PARASITE)
    bench.device.write_latches(0xFC, 0x03)
    assert bench.convert(20, strong_pullup=False)[:2] == b"\x50\x05"
    assert bench.device.read_status() == b"\x0f"
