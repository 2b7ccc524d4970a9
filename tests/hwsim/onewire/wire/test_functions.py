"""Function commands of each family as bytes on the wire, against the transactions of the datasheets."""

from random import Random

import pytest


def crc(data, *, loaded=0):
    """The inverted CRC16 of bytes in hexadecimal digits, bit by bit as in application note 27."""
    crc = loaded
    for bit in (byte >> n & 1 for byte in bytes.fromhex(data) for n in range(8)):
        crc = crc >> 1 ^ (0xA001 if crc & 1 ^ bit else 0)
    return (crc ^ 0xFFFF).to_bytes(2, "little").hex(" ").upper()


class TestThermometer:
    @pytest.mark.parametrize(
        ("temperature", "data"),
        [
            (125.0, "D0 07"),
            (85.0, "50 05"),
            (25.0625, "91 01"),
            (10.125, "A2 00"),
            (0.5, "08 00"),
            (0.0, "00 00"),
            (-0.5, "F8 FF"),
            (-10.125, "5E FF"),
            (-25.0625, "6F FE"),
            (-55.0, "90 FC"),
        ],
    )
    def test_the_table_of_the_ds18b20_datasheet(self, bench, temperature, data):
        sensor = bench.add("28.000000000001", temperature=temperature)
        bench.ask(sensor, "44")
        bench.time += 0.76
        assert bench.ask(sensor, "BE", 2) == data

    def test_it_is_busy_for_as_long_as_it_converts(self, bench):
        sensor = bench.add("28.000000000001")
        assert bench.ask(sensor, "44", 1) == "00"
        for time, level in ((0.5, "00"), (0.74, "00"), (0.751, "FF")):
            bench.time = time
            assert bench.host("E1 FF E3") == level  # looked up now, not when the last slot ended

    def test_settings_are_written_kept_and_recalled(self, bench):
        sensor = bench.add("28.000000000001")
        bench.ask(sensor, "4E 10 20 3F")
        assert bench.ask(sensor, "BE", 5) == "50 05 10 20 3F"
        bench.ask(sensor, "B8")
        assert bench.ask(sensor, "BE", 5) == "50 05 4B 46 7F"
        bench.ask(sensor, "4E 10 20 3F")
        bench.ask(sensor, "48")
        sensor.power_cycle()
        assert bench.ask(sensor, "BE", 5) == "50 05 10 20 3F"

    @pytest.mark.parametrize(("power", "answer"), [("external", "FF FF"), ("parasite", "00 00")])
    def test_read_power_supply(self, bench, power, answer):
        assert bench.ask(bench.add("28.000000000001", power=power), "B4", 2) == answer

    def test_a_parasite_without_the_strong_pull_up_browns_out(self, bench):
        sensor = bench.add("28.000000000001", power="parasite", temperature=21.5)
        assert bench.ask(sensor, "44", 1) == "FF"
        bench.time = 1.0
        assert bench.ask(sensor, "BE", 2) == "50 05"

    def test_the_ds18s20_has_two_limits_and_counts(self, bench):
        sensor = bench.add("10.000000000001", temperature=24.1)
        bench.ask(sensor, "4E 10 20 7F")
        bench.ask(sensor, "44")
        bench.time = 0.76
        low, high, limit_high, limit_low, *_, remain, per_degree, _ = bytes.fromhex(bench.ask(sensor, "BE", 9))
        assert (limit_high, limit_low) == (0x10, 0x20)
        assert ((low | high << 8) >> 1) - 0.25 + (per_degree - remain) / per_degree == pytest.approx(24.1, abs=0.04)

    def test_alarm_search_after_a_conversion_beyond_a_limit(self, bench):
        sensor = bench.add("28.000000000001", temperature=30.0, power="external")
        bench.ask(sensor, "4E 1E 00 7F")
        bench.ask(sensor, "44")
        assert bench.talk("EC", 1) == "FF"
        bench.time = 1.0
        assert bench.talk("EC", 1) != "FF"


class TestSwitches:
    def test_3a_as_in_its_datasheet(self, bench):
        switch = bench.add("3A.000000000001")
        assert bench.ask(switch, "F5", 3) == "0F 0F 0F"
        assert bench.ask(switch, "5A FE 01", 2) == "AA 3C"
        assert bench.ask(switch, "5A FF 01", 2) == "FF FF"
        assert bench.ask(switch, "F5", 1) == "3C"

    def test_3a_samples_anew_for_each_byte(self, bench):
        switch = bench.add("3A.000000000001")
        assert bench.ask(switch, "F5", 1) == "0F"
        switch.set("sensed_b", 0)
        assert bench.host("E1 FF E3") == "4B"

    def test_29_registers_from_any_address(self, bench):
        switch = bench.add("29.000000000001", sensed_0=0)
        whole = bench.ask(switch, "F0 88 00", 10)
        assert whole == "FE FF 00 00 00 88 FF FF " + crc("F0 88 00 FE FF 00 00 00 88 FF FF")
        assert bench.ask(switch, "F0 8D 00", 5) == "88 FF FF " + crc("F0 8D 00 88 FF FF")
        assert bench.ask(switch, "F0 10 00", 2) == "FF FF"

    def test_29_writes_are_acknowledged(self, bench):
        switch = bench.add("29.000000000001")
        assert bench.ask(switch, "5A F0 0F", 2) == "AA F0"
        assert bench.host("E1 0F F0 FF FF E3") == "0F F0 AA 0F"
        assert bench.ask(switch, "5A F0 F0", 2) == "FF FF"

    def test_29_latches_are_cleared(self, bench):
        switch = bench.add("29.000000000001")
        switch.set("sensed_3", 0)
        assert bench.ask(switch, "F0 8A 00", 1) == "08"
        assert bench.ask(switch, "C3", 2) == "AA AA"
        assert bench.ask(switch, "F0 8A 00", 1) == "00"

    def test_29_condition_byte_by_byte(self, bench):
        switch = bench.add("29.000000000001", sensed_2=0)
        bench.ask(switch, "CC 8B 00 04 00 00")
        assert switch.in_alarm()
        bench.ask(switch, "CC 8C 00 04")
        assert not switch.in_alarm()
        assert bench.ask(switch, "F0 8B 00", 3) == "04 04 80"

    def test_29_streams_its_pins(self, bench):
        switch = bench.add("29.000000000001", sensed_7=0)
        pins = "7F " * 32
        assert bench.ask(switch, "F5", 68) == f"{pins}{crc('F5' + pins)} {pins}{crc(pins)}"

    def test_05_toggles_by_its_address_and_tells_its_pin(self, bench):
        switch = bench.add("05.000000000001")
        assert bench.ask(switch, "", 2) == "00 00"
        assert switch.in_alarm()
        assert bench.ask(switch, "", 2) == "FF FF"
        assert bench.talk("CC", 1) == "FF"
        assert not switch.in_alarm()


class Test2406:
    @pytest.fixture
    def switch(self, bench):
        return bench.add("12.000000000001", sensed_b=0)

    def test_channel_access_of_both(self, bench, switch):
        assert bench.ask(switch, "F5 5D FF", 4) == "C7 55 " + crc("F5 5D FF C7 55")

    def test_channel_access_of_one_with_a_crc_after_eight(self, bench, switch):
        samples = "00 " * 8
        assert bench.ask(switch, "F5 4A FF", 11) == f"C7 {samples}{crc('F5 4A FF C7' + samples)}"
        assert bench.host("E1 " + "FF" * 10 + "E3") == f"{samples}{crc(samples)}"

    def test_channel_access_writes_by_turns_with_reads(self, bench, switch):
        bench.ask(switch, "F5 24 FF")
        assert bench.host("E1 FF 7F FF E3") == "C7 7F 00"
        assert switch.pins.released == 2

    def test_the_latch_is_cleared_with_alr(self, bench, switch):
        switch.set("sensed_b", 1)
        assert bench.ask(switch, "F5 D5 FF", 1) == "EF"
        assert bench.ask(switch, "F5 5D FF", 1) == "CF"

    def test_status_ram_is_written_with_the_crc(self, bench, switch):
        assert bench.ask(switch, "AA 07 00", 3) == "FF " + crc("AA 07 00 FF")
        assert bench.ask(switch, "55 07 00 5F", 2) == crc("55 07 00 5F")
        assert bench.ask(switch, "AA 00 00", 10) == "FF FF FF FF FF 00 00 DF " + crc("AA 00 00 FF FF FF FF FF 00 00 DF")
        assert switch.pins.released == 2

    def test_eprom_forgets_ones_and_goes_on_to_the_next_byte(self, bench, switch):
        bench.ask(switch, "0F 7E 00 F0", 2)
        bench.host("FD")
        assert bench.host("E1 FF 0F FF FF E3") == "F0 0F " + crc("0F", loaded=0x7F)
        bench.host("FD")
        assert bench.host("E1 FF FF E3") == "0F FF"
        bench.ask(switch, "0F 7E 00 3F", 2)
        bench.host("FD")
        assert bench.ask(switch, "F0 7E 00", 4) == "30 0F " + crc("F0 7E 00 30 0F")

    def test_extended_read_tells_where_a_page_has_moved(self, bench, switch):
        bench.ask(switch, "55 02 00 FD", 2)
        bench.host("FD")
        ones = "FF " * 31
        answer = bench.ask(switch, "A5 01 00", 3 + 33 + 3)
        assert answer == f"FF {crc('A5 01 00 FF')} {ones}{crc(ones)} FD {crc('FD')}"


class Test2438:
    def test_temperature_and_voltage(self, bench):
        battery = bench.add("26.000000000001", temperature=-0.5, vad=2.5, vdd=4.9)
        bench.ask(battery, "44")
        assert bench.host("E1 FF E3") == "00"
        bench.time += 0.02
        bench.ask(battery, "B4")
        bench.time += 0.02
        assert bench.host("E1 FF E3") == "FF"
        bench.ask(battery, "B8 00")
        assert bench.ask(battery, "BE 00", 5) == "0F 80 FF EA 01"

    def test_one_byte_of_the_configuration_may_be_written(self, bench):
        battery = bench.add("26.000000000001", vad=2.5)
        bench.ask(battery, "4E 00 07")
        bench.ask(battery, "B4")
        bench.time += 0.02
        bench.ask(battery, "B8 00")
        assert bench.ask(battery, "BE 00", 5) == "0F 00 00 FA 00"  # recalled: only the scratchpad had it

    def test_pages_are_kept(self, bench):
        battery = bench.add("26.000000000001")
        bench.ask(battery, "4E 03 01 02 03 04 05 06 07 08")
        bench.ask(battery, "48 03")
        bench.ask(battery, "4E 03 FF")
        bench.ask(battery, "B8 03")
        assert bench.ask(battery, "BE 03", 8) == "01 02 03 04 05 06 07 08"
        assert bench.ask(battery, "BE 08", 2) == "FF FF"


class Test2423:
    @pytest.fixture
    def counter(self, bench):
        return bench.add("1D.000000000001", counter_a=1234)

    def test_counter_after_the_last_byte_of_its_page(self, bench, counter):
        data = "00 D2 04 00 00 00 00 00 00"
        assert bench.ask(counter, "A5 DF 01", 11) == f"{data} {crc('A5 DF 01' + data)}"
        data = "00 " * 40
        assert bench.host("E1 " + "FF" * 42 + "E3") == f"{data}{crc(data)}"  # page 15 follows

    def test_memory_by_way_of_the_scratchpad(self, bench, counter):
        bench.ask(counter, "0F 24 00 11 22 33")
        assert bench.ask(counter, "AA", 6) == "24 00 06 11 22 33"
        assert bench.ask(counter, "5A 24 00 05", 1) == "FF"
        assert bench.ask(counter, "5A 24 00 06", 1) == "AA"
        assert bench.ask(counter, "AA", 3) == "24 00 86"
        assert bench.ask(counter, "F0 23 00", 5) == "00 11 22 33 00"

    def test_the_end_of_a_page_is_answered(self, bench, counter):
        assert bench.ask(counter, "0F FE 01 AB CD", 2) == crc("0F FE 01 AB CD")
        bench.ask(counter, "5A FE 01 1F", 1)
        assert bench.ask(counter, "F0 FE 01", 3) == "AB CD FF"

    def test_a_written_page_counts(self, bench, counter):
        bench.ask(counter, "0F 80 01 11")
        bench.ask(counter, "5A 80 01 00")
        assert bench.ask(counter, "A5 9F 01", 5) == "00 01 00 00 00"


class Test2450:
    def test_conversion(self, bench):
        converter = bench.add("20.000000000001", volt_a=1.28)
        assert bench.ask(converter, "3C 01 01", 2) == crc("3C 01 01")
        assert bench.host("E1 FF E3") == "00"
        bench.time += 0.01
        assert bench.host("E1 FF E3") == "FF"
        assert bench.ask(converter, "AA 00 00", 2) == "00 80"

    def test_memory_byte_by_byte(self, bench):
        converter = bench.add("20.000000000001")
        assert bench.ask(converter, "55 10 00 40", 3) == crc("55 10 00 40") + " 40"
        assert bench.host("E1 C0 FF FF FF E3") == f"C0 {crc('C0', loaded=0x11)} C0"
        page = "40 C0 00 FF 00 FF 00 FF"
        assert bench.ask(converter, "AA 10 00", 10) == f"{page} {crc('AA 10 00' + page)}"

    def test_a_parasite_needs_the_strong_pull_up_after_the_crc(self, bench):
        converter = bench.add("20.000000000001", volt_a=1.28, power="parasite")
        bench.ask(converter, "3C 01 01", 2)
        bench.time += 0.01
        assert bench.ask(converter, "AA 00 00", 2) == "00 00"
        bench.ask(converter, "3C 01 01", 1)
        bench.host("3F" + "91" * 7 + "93")
        bench.time += 0.01
        bench.host("F1")
        assert bench.ask(converter, "AA 00 00", 2) == "00 80"


class TestMoreThermometers:
    def test_42_has_the_pins_of_a_2413(self, bench):
        sensor = bench.add("42.000000000001", temperature=25.0625)
        assert bench.ask(sensor, "F5", 1) == "0F"
        assert bench.ask(sensor, "A5 FE 01", 2) == "AA 3C"
        bench.ask(sensor, "44")
        bench.time = 1.0
        assert bench.ask(sensor, "BE", 2) == "91 01"

    def test_max31826_has_memory(self, bench):
        sensor = bench.add("3B.000000000001", part="MAX31826")
        assert bench.ask(sensor, "0F 08 01 02 03 04 05 06 07 08", 1) != "FF"
        assert bench.ask(sensor, "AA 08", 8) == "01 02 03 04 05 06 07 08"
        bench.ask(sensor, "55 A5")
        assert bench.ask(sensor, "F0 0E", 4) == "07 08 00 00"


def test_a_bad_line_garbles_every_answer(bench):
    sensor = bench.add("28.000000000001")
    good = bench.ask(sensor, "BE", 9)
    sensor.garbled = True
    assert bench.ask(sensor, "BE", 9) != good


COMMANDS = [
    "44",
    "BE",
    "4E102030",
    "B4",
    "F5",
    "5AFE01",
    "F08800",
    "AA0700",
    "0F0000AA",
    "A50000",
    "C3",
    "3C0F00",
    "33FF",
]
IDS = ["28", "10", "42", "3B", "29", "3A", "12", "26", "20", "1D", "05", "01", "1F"]


@pytest.mark.parametrize("family", IDS)
def test_bytes_and_single_bits_are_the_same_slots(bench, family):
    """A byte takes a shorter way through the simulator when one slave alone listens."""
    twin_bench, random = type(bench)(), Random(family)
    slaves = [one.add(f"{family}.000000000001") for one in (bench, twin_bench)]
    for _ in range(60):
        tail = random.choice(COMMANDS) + random.randbytes(random.randrange(12)).hex()
        sent = b"\x55" + slaves[0].rom.wire + bytes.fromhex(tail)
        bench.host("C5"), twin_bench.host("C5")
        by_bytes = bench.chip.receive(b"\xe1" + sent.replace(b"\xe3", b"\xe3\xe3") + b"\xe3")
        bits = [byte >> bit & 1 for byte in sent for bit in range(8)]
        by_bits = twin_bench.chip.receive(bytes(0x91 if bit else 0x81 for bit in bits))
        levels = [byte & 1 for byte in by_bits]
        assert by_bytes == bytes(sum(levels[i + n] << n for n in range(8)) for i in range(0, len(levels), 8)), tail
        bench.time = twin_bench.time = bench.time + 0.1
    assert bench.line.traffic.slots == twin_bench.line.traffic.slots
