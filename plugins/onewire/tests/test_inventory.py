"""Listings, ids, and where devices are."""

import pytest
from busgate_onewire.inventory import Found, Inventory, Place, channels, listing, rom_id

TRUNK = Place("bus.0")


@pytest.mark.parametrize(
    "text",
    [
        "28.67C6697351FF",
        "2867C6697351FF",
        "28.67C6697351FF.8D",
        "28.67C6697351FF8D",
        "2867C6697351FF.8D",
        "28.67c6697351ff",
    ],
)
def test_an_id_in_any_form_of_owserver(text):
    assert rom_id(text) == "28.67C6697351FF"


def test_what_is_no_id_stays():
    assert rom_id("kitchen") == "kitchen"


def test_a_listing_without_its_folders():
    data = b"/bus.0/interface/,/bus.0/28.67C6697351FF/,/bus.0/k\xc3\xbcche/,/bus.0/simultaneous/,/bus.0/alarm/,/bus.1/"
    assert listing(data) == ["28.67C6697351FF", "küche"]
    assert listing(b"") == []


def test_an_alias_in_another_encoding_survives():
    (name,) = listing(b"/bus.0/k\xfcche/")
    assert name.encode(errors="surrogateescape") == b"k\xfcche"


def test_channels_are_in_the_order_of_their_numbers():
    assert channels(b"/28.67C6697351FF/,/bus.10/,/bus.2/,/bus.0/,/uncached/,/settings/") == ["bus.0", "bus.2", "bus.10"]


def test_paths_behind_hubs():
    place = TRUNK.below("1F.0A1B2C3D4E5F", "main").below("1F.0A1B2C3D4E60", "aux")
    found = Found("28.67C6697351FF", place, powered=True)
    assert found.path == "/bus.0/1F.0A1B2C3D4E5F/main/1F.0A1B2C3D4E60/aux/28.67C6697351FF"
    assert not found.simultaneous
    assert Found("28.67C6697351FF", TRUNK, powered=True).simultaneous
    assert not Found("28.67C6697351FF", TRUNK, powered=False).simultaneous
    assert not Found("28.67C6697351FF", TRUNK).simultaneous


def test_a_device_on_two_channels_stays_on_the_first():
    inventory = Inventory(("bus.0", "bus.1"))
    inventory.replace("bus.0", [Found("28.000000000001", TRUNK)])
    inventory.replace("bus.1", [Found("28.000000000001", Place("bus.1")), Found("28.000000000002", Place("bus.1"))])
    assert inventory.devices["28.000000000001"].place == TRUNK
    inventory.replace("bus.0", [])
    assert list(inventory.devices) == ["28.000000000002"]


def test_devices_go_with_their_channel():
    inventory = Inventory(("bus.0",), {"28.000000000001": Found("28.000000000001", TRUNK, alias="kitchen")})
    assert inventory.find("kitchen") is inventory.find("28000000000001")
    inventory.retain([])
    assert inventory.find("kitchen") is None
