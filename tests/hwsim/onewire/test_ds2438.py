"""The DS2438 page by page."""

import pytest

from hwsim.onewire.families import DS2438
from hwsim.onewire.rom import RomId, crc8


class Bench:
    def __init__(self, **quantities):
        self.time = 0.0
        self.device = DS2438(RomId(0x26, bytes(6)), lambda: self.time)
        for name, value in quantities.items():
            self.device.set(name, value)

    def page(self, number):
        self.device.recall(number)
        data = self.device.read_scratchpad(number)
        assert crc8(data) == 0
        return data[:8]

    def volts(self, *, supply):
        self.device.write_scratchpad(0, b"\x0f" if supply else b"\x07")
        self.device.convert_voltage()
        self.time += 0.01
        return int.from_bytes(self.page(0)[3:5], "little") / 100


@pytest.mark.parametrize(
    ("celsius", "raw"), [(125, 0x7D00), (25.0625, 0x1910), (0.5, 0x80), (-0.5, -0x80), (-25.0625, -0x1910)]
)
def test_temperatures_of_the_datasheet(celsius, raw):
    bench = Bench(temperature=celsius)
    bench.device.convert_temperature()
    assert bench.page(0)[1:3] == bytes(2), "still converting"
    bench.time += 0.01
    assert int.from_bytes(bench.page(0)[1:3], "little", signed=True) == raw


def test_the_status_bit_in_the_scratchpad_chooses_the_voltage():
    bench = Bench(vdd=4.8, vad=1.23)
    assert bench.volts(supply=True) == 4.8
    assert bench.volts(supply=False) == 1.23
    assert bench.volts(supply=True) == 4.8


def test_humidity_makes_the_voltage_of_its_sensor_until_vad_is_set():
    bench = Bench(vdd=5.0, temperature=25.0, humidity=0)
    assert bench.volts(supply=False) == 0.8
    bench.device.set("humidity", 75.3)
    assert bench.volts(supply=False) == pytest.approx(3.13, abs=0.02)
    bench.device.set("vad", 2.0)
    assert bench.volts(supply=False) == 2.0
    bench.device.set("humidity", 0)
    assert bench.volts(supply=False) == 0.8


def test_current_is_measured_while_iad_is_set():
    bench = Bench(vis=-0.02441)
    assert int.from_bytes(bench.page(0)[5:7], "little", signed=True) == -100
    bench.device.write_scratchpad(0, b"\x00")
    bench.device.copy_scratchpad(0)
    bench.device.set("vis", 0.02441)
    assert int.from_bytes(bench.page(0)[5:7], "little", signed=True) == -100


def test_its_clock_counts_seconds_and_can_be_set():
    bench = Bench()
    bench.time = 12.6
    assert int.from_bytes(bench.page(1)[:4], "little") == 12
    bench.device.write_scratchpad(1, (1000).to_bytes(4, "little"))
    bench.device.copy_scratchpad(1)
    bench.time += 5
    assert int.from_bytes(bench.page(1)[:4], "little") == 1005


def test_user_pages_keep_what_is_copied():
    bench = Bench()
    bench.device.write_scratchpad(5, b"house 12")
    assert bench.page(5) == bytes(8)
    bench.device.write_scratchpad(5, b"house 12")
    bench.device.copy_scratchpad(5)
    bench.device.power_cycle()
    assert bench.page(5) == b"house 12"
