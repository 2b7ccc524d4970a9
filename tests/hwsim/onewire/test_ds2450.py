"""The A/D converter register by register, with the rules of its datasheet."""

import pytest

from hwsim.onewire.families import DS2450
from hwsim.onewire.families.ds2450 import CONTROL, LIMITS, SUPPLY
from hwsim.onewire.rom import RomId, crc16
from hwsim.onewire.slave import Power

ALL_WIDE = {CONTROL + 2 * n: 0x00 for n in range(4)} | {CONTROL + 2 * n + 1: 0x0D for n in range(4)}


class Bench:
    def __init__(self, **options):
        self.time = 0.0
        self.device = DS2450(RomId(DS2450.family, bytes(6)), lambda: self.time, **options)

    def write(self, registers):
        for address, byte in registers.items():
            assert self.device.write_memory(address, byte)[2] == byte

    def memory(self):
        return b"".join(self.device.read_memory(address)[:8] for address in (0, 8, 16, 24))

    def convert(self, channels=0x0F, preset=0, *, seconds=0.005, strong_pullup=False):
        self.device.convert(channels, preset, strong_pullup=strong_pullup)
        self.time += seconds
        data = self.device.read_memory(0)
        return [int.from_bytes(data[n : n + 2], "little") for n in (0, 2, 4, 6)]


def test_power_on_registers():
    bench = Bench()
    assert bench.memory() == bytes(8) + b"\x08\x8c" * 4 + b"\x00\xff" * 4 + bytes(8)
    assert bench.device.in_alarm()


def test_checksums_cover_the_command_only_on_the_first_page():
    device = Bench().device
    first, second = device.read_memory(10), device.read_memory(16, following=True)
    assert len(first) == 8
    assert crc16(b"\xaa\x0a\x00" + first[:6]) ^ 0xFFFF == int.from_bytes(first[6:], "little")
    assert crc16(second[:8]) ^ 0xFFFF == int.from_bytes(second[8:], "little")


def test_checksums_of_writes_begin_anew_with_the_address():
    device = Bench().device
    first, second = device.write_memory(0x10, 5), device.write_memory(0x11, 6, following=True)
    assert crc16(b"\x55\x10\x00\x05") ^ 0xFFFF == int.from_bytes(first[:2], "little")
    assert crc16(b"\x06", 0x11) ^ 0xFFFF == int.from_bytes(second[:2], "little")
    assert device.read_memory(0x10)[:2] == b"\x05\x06"


@pytest.mark.parametrize(
    ("address", "stored"), [(0, 0x00), (CONTROL, 0xCF), (CONTROL + 1, 0xBD), (LIMITS, 0xFF), (SUPPLY, 0xFF), (0x1D, 0)]
)
def test_some_bits_cannot_be_written(address, stored):
    device = Bench().device
    assert device.write_memory(address, 0xFF)[2] == stored
    assert device.read_memory(address)[0] == stored


@pytest.mark.parametrize(
    ("volts", "control", "status", "code"),
    [
        (2.56 / 2, 0x08, 0x0C, 0x8000),
        (1.0, 0x00, 0x0C, 25600),
        (1.0, 0x08, 0x0C, 25600 & 0xFF00),
        (1.0, 0x01, 0x0C, 0x0000),
        (3.3, 0x00, 0x0C, 0xFFFF),
        (3.3, 0x00, 0x0D, 42240),
        (3.3, 0x80, 0x0D, 0),
        (3.3, 0xC0, 0x0D, 42240),
    ],
)
def test_results_are_left_aligned_and_stop_at_the_end_of_the_range(volts, control, status, code):
    bench = Bench(power=Power.EXTERNAL)
    bench.device.set("volt_b", volts)
    bench.write({CONTROL + 2: control, CONTROL + 3: status})
    assert bench.convert() == [0, code, 0, 0]


def test_channels_are_done_one_after_the_other():
    bench = Bench()
    for letter in "abcd":
        bench.device.set(f"volt_{letter}", 5.0)
    bench.write(ALL_WIDE)
    done = round(5.0 / 5.12 * 65536)
    assert bench.convert(seconds=0.00111) == [0, 0, 0, 0]
    bench.time += 0.00002
    assert bench.device.busy()
    assert bench.device.read_memory(0)[:4] == done.to_bytes(2, "little") + bytes(2)
    bench.time = 0.00401
    assert not bench.device.busy()
    assert bench.convert(0x05, 0b10_01_10_01, seconds=0) == [0, done, 0, done]
    assert bench.convert(0x0A, 0b10_01_10_01, seconds=0) == [0, 0xFFFF, 0, 0xFFFF]


def test_alarm_flags_follow_the_last_conversion_and_need_to_be_enabled():
    bench = Bench()
    bench.write({**ALL_WIDE, LIMITS + 4: 50, LIMITS + 5: 200})
    for volts, status, alarm in ((0.9, 0x1D, True), (2.0, 0x0D, False), (4.1, 0x2D, True), (1.0, 0x0D, False)):
        bench.device.set("volt_c", volts)
        bench.convert()
        assert bench.device.read_memory(CONTROL + 5)[0] == status
        assert bench.device.in_alarm() is alarm
    bench.device.write_memory(CONTROL + 5, 0x01)
    bench.device.set("volt_c", 5)
    bench.convert()
    assert bench.device.read_memory(CONTROL + 5)[0] == 0x21
    assert not bench.device.in_alarm()


def test_a_parasite_needs_the_strong_pullup():
    bench = Bench(power=Power.PARASITE)
    bench.device.set("volt_a", 5)
    bench.write(ALL_WIDE)
    assert bench.convert(strong_pullup=True)[0] == 64000
    assert bench.convert(strong_pullup=False)[0] == 0
    assert bench.memory()[CONTROL : CONTROL + 2] == b"\x08\x8c"


def test_a_stuck_one_keeps_its_results():
    bench = Bench()
    bench.device.set("volt_a", 1)
    bench.convert()
    bench.device.stuck = True
    bench.device.set("volt_a", 2)
    assert bench.convert()[0] == 25600
