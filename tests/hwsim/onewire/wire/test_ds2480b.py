"""The chip byte by byte: tables and examples of its datasheet, and a host that is too quick for a terminal."""

import pytest

SENSOR = "28.67C6697351FF"
ROM = "28 67 C6 69 73 51 FF 68"


def test_reset_tells_who_is_there(bench):
    assert bench.host("C1") == "EF"  # nobody; chip id 3, programming voltage
    bench.add(SENSOR)
    assert bench.host("C1 C5 C9") == "ED ED ED"
    bench.line.trouble.shorted = 1
    assert bench.host("C1") == "EC"
    bench.line.trouble.shorted, bench.line.trouble.broken = 0, 1
    assert bench.host("C1") == "EF"


def test_read_rom_as_in_the_datasheet(bench):
    bench.add(SENSOR)
    assert bench.host("C1 E1 33 FF FF FF FF FF FF FF FF E3") == f"ED 33 {ROM}"


@pytest.mark.parametrize(
    ("parameter", "default"),
    [(1, 0), (2, 4), (3, 4), (4, 0), (5, 0), (6, 4), (7, 0)],
)
def test_configuration_is_read_and_written(bench, parameter, default):
    read = f"{parameter << 1 | 1:02X}"
    assert bench.host(read) == f"{default << 1:02X}"
    assert bench.host(f"{parameter << 4 | 6 << 1 | 1:02X}") == f"{parameter << 4 | 6 << 1:02X}"
    assert bench.host(read) == "0C"
    bench.chip.power_up()
    assert bench.host(read) == f"{default << 1:02X}"


def test_the_start_of_owserver(bench):
    bench.add(SENSOR)
    assert bench.host("C1 71 0F C5 71 0F C5 45 5B 3F 29 95 C5") == "ED 70 00 ED 70 00 ED 44 5A 3E 28 97 ED"


def test_e3_is_data_when_it_comes_twice(bench):
    assert bench.host("E1 E3 E3 FF E3") == "E3 FF"
    assert bench.host("C1") == "EF"


def test_a_command_may_follow_e3_at_once_or_later(bench):
    assert bench.host("E1 E3 C1") == "EF"
    assert bench.host("E1 00 E3") == "00"
    assert bench.host("C1") == "EF"


def test_an_e3_in_command_mode_changes_nothing(bench):
    assert bench.host("E3 E3 C1") == "EF"


@pytest.mark.parametrize("nonsense", ["00", "80", "C0", "E2", "F3", "FE"])
def test_what_is_no_command_has_no_answer(bench, nonsense):
    assert bench.host(nonsense) == ""
    assert bench.host("C1") == "EF"


def test_single_bits(bench):
    bench.add(SENSOR)
    bench.host("C1")
    skip_and_read_power = "".join("91" if 0xB4CC >> bit & 1 else "81" for bit in range(16))
    assert bench.host(skip_and_read_power) == " ".join("93" if 0xB4CC >> bit & 1 else "80" for bit in range(16))
    assert bench.host("91") == "93"


class TestSearchAccelerator:
    @staticmethod
    def search(bench, wanted, command="F0"):
        """One pass along a way; the id as far as it was chosen, and the places of discrepancies."""
        pairs = sum((wanted >> bit & 1) << 2 * bit + 1 for bit in range(64)).to_bytes(16, "little")
        answer = bench.chip.receive(
            bytes.fromhex(f"C5 E1 {command} E3 B5 E1") + pairs.replace(b"\xe3", b"\xe3\xe3") + bytes.fromhex("E3 A5")
        )
        value = int.from_bytes(answer[2:], "little")
        assert len(answer) == 18
        rom = sum((value >> 2 * bit + 1 & 1) << bit for bit in range(64))
        return rom.to_bytes(8, "little"), [bit for bit in range(64) if value >> 2 * bit & 1]

    def find_all(self, bench, command="F0"):
        """The procedure of the datasheet: take the last conflict of each pass the other way next time."""
        found: list[bytes] = []
        wanted = 0
        while True:
            rom, conflicts = self.search(bench, wanted, command)
            if rom == b"\xff" * 8:
                return found
            found.append(rom)
            chosen = int.from_bytes(rom, "little")
            open_ = [bit for bit in conflicts if not chosen >> bit & 1]
            if not open_:
                return found
            last = max(open_)
            wanted = chosen & (1 << last) - 1 | 1 << last

    def test_one(self, bench):
        bench.add(SENSOR)
        assert self.search(bench, 0) == (bytes.fromhex(ROM), [])

    def test_nobody(self, bench):
        assert self.search(bench, 0) == (b"\xff" * 8, list(range(64)))

    def test_a_conflict_goes_the_way_that_is_wanted(self, bench):
        bench.add("28.000000000001")
        bench.add("28.000000000002")
        (low, conflicts), (high, same) = self.search(bench, 0), self.search(bench, 1 << 48 | 0)
        assert (low[6], high[6]) == (2, 1)
        assert conflicts[0] == same[0] == 48

    def test_all_hundred(self, bench):
        slaves = [bench.add(f"28.{n * 0x9E3779B97F4A % 2**48:012X}") for n in range(1, 101)]
        assert self.find_all(bench) == sorted((s.rom.wire for s in slaves), key=lambda wire: [
            byte >> bit & 1 for byte in wire for bit in range(8)
        ])  # fmt: skip

    def test_alarms_alone(self, bench):
        bench.add("29.000000000001").write_condition(bytes(3))
        alarmed = bench.add("29.000000000002")
        assert self.find_all(bench, "EC") == [alarmed.rom.wire]
        alarmed.write_condition(bytes(3))
        assert self.find_all(bench, "EC") == []

    def test_the_one_that_was_found_listens(self, bench):
        bench.add("28.000000000001", temperature=10.0)
        bench.add("28.000000000002", temperature=20.0)
        rom, _ = self.search(bench, 0)
        assert rom[6] == 2
        assert bench.host("E1 BE FF FF E3") == "BE 50 05"

    def test_a_host_that_throws_away_the_end_of_a_search(self, bench):
        """`E3 A5` is gone; without the repair the next reset would be taken for four bits of a search."""
        bench.add(SENSOR)
        bench.host("C5 E1 F0 E3 B5 E1" + "00" * 16)
        bench.chip.flushed()
        assert bench.host("C5") == "ED"
        assert bench.chip.recovered == 1

    @pytest.mark.parametrize("before", ["", "C5 E1 CC", "C5 E1 F0 E3 B5"])
    def test_a_host_that_throws_away_nothing(self, bench, before):
        bench.host(before)
        mode = bench.host("FF")
        bench.chip.flushed()
        assert bench.host("FF") == mode
        assert bench.chip.recovered == 0


class TestPulses:
    def test_a_strong_pull_up_lasts_until_it_is_stopped(self, bench):
        parasite = bench.add(SENSOR, power="parasite", temperature=21.5)
        bench.host("3F C5 E1 CC E3")
        assert len(bench.host("81 81 91 81 81 81 91 83").split()) == 8
        assert bench.line.strong_pullup
        bench.time += 0.8
        assert bench.host("C5") == ""  # not obeyed
        assert bench.host("F1") == "EC"
        assert not bench.line.strong_pullup
        assert bench.ask(parasite, "BE", 2) == "58 01"

    def test_it_may_end_by_itself(self, bench):
        parasite = bench.add(SENSOR, power="parasite", temperature=21.5)
        bench.host("3B C5 E1 CC E3 81 81 91 81 81 81 91 83")  # 1048 ms
        assert bench.chip.pulse_ends == pytest.approx(1.048)
        assert bench.chip.elapse() == b""
        bench.time = 1.05
        assert bench.chip.elapse() == b"\xec"
        assert bench.ask(parasite, "BE", 2) == "58 01"

    def test_too_short_is_a_brown_out(self, bench):
        parasite = bench.add(SENSOR, power="parasite", temperature=21.5)
        bench.host("C5 E1 CC E3 81 81 91 81 81 81 91 83")  # 524 ms, the default
        bench.time = 0.53
        assert bench.host("C5") == "EC ED"
        bench.time = 1.0
        assert bench.ask(parasite, "BE", 2) == "50 05"

    def test_armed_for_each_byte(self, bench):
        parasite = bench.add(SENSOR, power="parasite", temperature=21.5)
        assert bench.host("31 EF") == "30"
        bench.time += 0.02
        assert bench.chip.elapse() == b"\xec"
        bench.host("3F C5 E1 CC")
        assert bench.host("F1") == "EC"
        assert bench.host("44") == "44"
        assert bench.line.strong_pullup
        bench.time += 0.8
        assert bench.host("F1 E3 ED F1") == "EC EC"
        assert bench.ask(parasite, "BE", 2) == "58 01"

    def test_programming(self, bench):
        switch = bench.add("12.000000000001")
        written = bench.ask(switch, "0F 05 00 5A", 2)
        assert written == (0xFFFF ^ crc16(b"\x0f\x05\x00\x5a")).to_bytes(2, "little").hex(" ").upper()
        assert switch.read_memory(5, 1) == b"\xff"
        assert bench.host("29 FD") == "28 FC"
        assert switch.read_memory(5, 1) == b"\x5a"

    def test_a_stop_without_a_pulse_has_no_answer(self, bench):
        assert bench.host("F1 C1") == "EF"


def crc16(data):
    """Bit by bit, as in application note 27."""
    crc = 0
    for bit in (byte >> n & 1 for byte in data for n in range(8)):
        feedback = crc & 1 ^ bit
        crc = crc >> 1 ^ (0xA001 if feedback else 0)
    return crc
