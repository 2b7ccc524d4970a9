"""The ROM layer and the wired AND: who is meant, what several say at once, and what is wrong with a line."""

import pytest

from hwsim.onewire.bus import Place
from hwsim.onewire.families import Branch
from hwsim.onewire.rom import RomId
from hwsim.onewire.wire.line import Presence

A, B = "28.000000000001", "28.000000000002"
HUB = "1F.00000000000A"


def test_match_means_one_alone(bench):
    first, second = bench.add(A, temperature=21.5), bench.add(B, temperature=-10.125)
    for slave in (first, second):
        slave.start_conversion(strong_pullup=False)
    bench.time = 1.0
    assert bench.ask(first, "BE", 9)[:5] == "58 01"
    assert bench.ask(second, "BE", 9)[:5] == "5E FF"


def test_an_id_that_nobody_has_reads_as_ones(bench):
    bench.add(A)
    assert bench.talk("55 28 FF 00 00 00 00 00 00 BE", 3) == "FF FF FF"


def test_skip_means_all_and_they_talk_at_once(bench):
    bench.add(A)
    bench.add(B, power="parasite")
    assert bench.talk("CC B4", 2) == "00 00"  # one parasite is enough


def test_read_rom_of_two_is_a_mixture(bench):
    first, second = bench.add("28.000000000003"), bench.add("28.000000000005")
    mixed = bytes(a & b for a, b in zip(first.rom.wire, second.rom.wire, strict=True))
    assert bench.talk("33", 8) == mixed.hex(" ").upper()


def test_an_unknown_command_is_for_nobody(bench):
    bench.add(A)
    assert bench.talk("96", 2) == "FF FF"
    assert bench.talk("CC 01", 2) == "FF FF"


def test_a_key_knows_the_old_read_command(bench):
    key = bench.add("01.000000000001")
    assert bench.talk("0F", 8) == bench.talk("33", 8) == key.rom.wire.hex(" ").upper()
    assert bench.talk("CC 44", 1) == "FF"


class TestResume:
    def test_it_means_the_one_that_was_chosen_last(self, bench):
        first, second = bench.add("3A.000000000001"), bench.add("3A.000000000002", sensed_a=0)
        bench.ask(first, "")
        assert bench.talk("A5 F5", 1) == "0F" == bench.talk("A5 F5", 1)
        bench.ask(second, "")
        assert bench.talk("A5 F5", 1) == "1E"

    def test_skip_ends_it(self, bench):
        switch = bench.add("29.000000000001")
        bench.ask(switch, "")
        bench.talk("CC")
        assert bench.talk("A5 F0 88 00", 1) == "FF"

    def test_a_thermometer_does_not_know_it(self, bench):
        bench.ask(bench.add(A), "")
        assert bench.talk("A5 BE", 1) == "FF"


@pytest.mark.parametrize("id_", ["3A.000000000001", "29.000000000001"])
def test_overdrive_is_accepted(bench, id_):
    switch = bench.add(id_)
    command = "F5" if id_.startswith("3A") else "F0 88 00"
    plain = bench.ask(switch, command, 1)
    assert bench.talk("3C" + command, 1) == plain
    assert bench.talk("69" + switch.rom.wire.hex() + command, 1) == plain


def test_overdrive_is_not_for_thermometers(bench):
    bench.add(A)
    assert bench.talk("3C BE", 1) == "FF"


def test_a_reset_begins_anew_in_the_middle_of_anything(bench):
    sensor = bench.add(A)
    bench.ask(sensor, "4E 10")
    assert bench.ask(sensor, "BE", 4) == "50 05 4B 46"


class TestHub:
    @pytest.fixture
    def hub(self, bench):
        hub = bench.add(HUB)
        for branch, id_ in ((Branch.MAIN, A), (Branch.AUX, B)):
            bench.add(id_, Place().below(hub.rom, branch))
        return hub

    @staticmethod
    def read_rom(bench):
        """Of the only one that listens."""
        return bench.chip.receive(b"\xe1\x33" + b"\xff" * 8 + b"\xe3")[1:]

    def test_what_is_behind_it_is_not_there(self, bench, hub):
        assert bench.talk("33", 8) == hub.rom.wire.hex(" ").upper()

    @pytest.mark.parametrize(("command", "behind"), [("CC", A), ("33", B)])
    def test_smart_on_lets_a_branch_in(self, bench, hub, command, behind):
        assert bench.ask(hub, f"{command} FF", 2) == f"00 {command}"
        assert self.read_rom(bench) == RomId.parse(behind).wire

    def test_smart_on_of_nobody(self, bench, hub):
        bench.bus.slave(RomId.parse(A)).connected = False
        assert bench.ask(hub, "CC FF", 2) == "FF CC"
        assert self.read_rom(bench) == b"\xff" * 8

    def test_a_branch_that_is_on_hears_the_next_reset(self, bench, hub):
        bench.ask(hub, "CC FF", 2)
        mixed = bytes(a & b for a, b in zip(hub.rom.wire, RomId.parse(A).wire, strict=True))
        assert bench.talk("33", 8) == mixed.hex(" ").upper()
        assert bench.talk("CC 66", 1) == "66"
        assert bench.talk("33", 8) == hub.rom.wire.hex(" ").upper()

    def test_a_hub_behind_a_hub(self, bench, hub):
        place = Place().below(hub.rom, Branch.MAIN)
        inner = bench.add("1F.00000000000B", place)
        deep = bench.add("28.000000000007", place.below(inner.rom, Branch.AUX))
        bench.ask(hub, "CC FF", 2)
        answer = bench.chip.receive(b"\xe1\x55" + inner.rom.wire + b"\x33\xff\xff\xff\xe3")
        assert answer[-2:] == b"\x00\x33"
        assert self.read_rom(bench) == deep.rom.wire

    def test_status(self, bench, hub):
        assert bench.ask(hub, "5A FF", 1) == "8F"
        assert bench.ask(hub, "5A A0", 1) == "CF"
        bench.ask(hub, "33 FF", 2)
        assert bench.ask(hub, "5A FF", 1) == "CB"


class TestTrouble:
    def test_a_short_circuit_silences_all(self, bench):
        bench.add(A)
        bench.line.trouble.shorted = 1
        assert bench.line.reset() is Presence.SHORT
        assert [bench.line.slot(1) for _ in range(8)] == [0] * 8

    def test_flipped_bits_come_from_the_seed(self, bench):
        bench.add(A)
        bench.line.trouble.rates.append(0.1)
        bench.line.reset()
        levels = [bench.line.slot(1) for _ in range(500)]
        assert 20 < levels.count(0) < 90
        assert bench.line.traffic.flipped >= levels.count(0)

    def test_twins_talk_at_once(self, bench):
        first = bench.add(A, temperature=21.5)  # 0158
        first.twin = first.new_twin()
        first.twin.set("temperature", 25.0625)  # 0191
        bench.talk("CC 44")
        bench.time = 1.0
        assert bench.ask(first, "BE", 2) == "10 01"
        first.twin = None
        assert bench.ask(first, "BE", 2) == "58 01"

    def test_a_lost_supply_resets_parasites_alone(self, bench):
        parasite, powered = bench.add(A, power="parasite"), bench.add(B)
        for slave in (parasite, powered):
            slave.write_scratchpad(bytes([1, 2, 0x7F]))
        bench.line.lose_power()
        assert bench.ask(parasite, "BE", 4) == "50 05 4B 46"
        assert bench.ask(powered, "BE", 4) == "50 05 01 02"
