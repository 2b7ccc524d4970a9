"""The DS2423: counters and pages."""

from hwsim.onewire.families import DS2423
from hwsim.onewire.rom import RomId, crc16


def make(**quantities):
    device = DS2423(RomId(0x1D, bytes(6)), lambda: 0.0)
    for name, value in quantities.items():
        device.set(name, value)
    return device


def test_counters_wrap_at_32_bits():
    device = make(counter_a=2**32 - 1, counter_b=5.9)
    assert (device.counter(14), device.counter(15)) == (2**32 - 1, 5)
    device.set("counter_a", 2**32 + 3)
    assert device.counter(14) == 3


def test_counters_have_a_battery():
    device = make(counter_a=1234)
    device.power_cycle()
    assert device.counter(14) == 1234


def test_a_page_comes_with_its_counter_and_crc():
    device = make(counter_a=0x01020304)
    device.write_memory(14 * 32 + 30, b"\xaa\xbb")
    data = device.read_page(14)
    assert data[30:40] == b"\xaa\xbb\x04\x03\x02\x01" + bytes(4)
    assert crc16(b"\xa5\xc0\x01" + data[:40]) ^ 0xFFFF == int.from_bytes(data[40:], "little")


def test_two_pages_count_their_writes():
    device = make()
    device.write_memory(12 * 32, b"x")
    device.write_memory(12 * 32, b"y")
    assert [device.counter(page) for page in (0, 12, 13)] == [0xFFFFFFFF, 2, 0]
