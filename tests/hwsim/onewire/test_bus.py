"""The wire: places, hubs, searches."""

import pytest

from hwsim.errors import UnknownTarget
from hwsim.onewire.bus import OneWireBus, Place
from hwsim.onewire.families import DS18B20, DS2409, Branch
from hwsim.onewire.rom import RomId


def make(part, number):
    return part(RomId(part.family, number.to_bytes(6, "big")), lambda: 0.0)


def test_a_search_finds_what_hangs_at_exactly_that_place():
    bus = OneWireBus("b", channels=2)
    hub, direct, behind, far = make(DS2409, 1), make(DS18B20, 2), make(DS18B20, 3), make(DS18B20, 4)
    top = Place(1)
    bus.attach(hub, top)
    bus.attach(direct, top)
    bus.attach(behind, top.below(hub.rom, Branch.AUX))
    bus.attach(far, Place(0))
    assert set(bus.search(top)) == {hub, direct}
    assert bus.search(top.below(hub.rom, Branch.AUX)) == [behind]
    assert bus.search(top.below(hub.rom, Branch.MAIN)) == []


def test_without_its_hub_nothing_behind_it_answers():
    bus = OneWireBus("b")
    outer, inner, sensor = make(DS2409, 1), make(DS2409, 2), make(DS18B20, 3)
    first = Place().below(outer.rom, Branch.MAIN)
    second = first.below(inner.rom, Branch.AUX)
    bus.attach(outer, Place())
    bus.attach(inner, first)
    bus.attach(sensor, second)
    assert bus.search(second) == [sensor]
    outer.connected = False
    assert bus.search(second) == []
    assert not bus.reachable(sensor.rom)


def test_ids_and_channels_are_checked():
    bus = OneWireBus("b")
    sensor = make(DS18B20, 1)
    bus.attach(sensor, Place())
    with pytest.raises(ValueError, match=r"has a device 28\.000000000001 already"):
        bus.attach(make(DS18B20, 1), Place())
    with pytest.raises(ValueError, match="no channel 3; it has 1"):
        bus.attach(make(DS18B20, 2), Place(3))
    with pytest.raises(UnknownTarget, match=r"did you mean '28\.000000000001'"):
        bus.slave(RomId(0x28, bytes([0, 0, 0, 0, 0, 2])))
