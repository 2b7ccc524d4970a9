"""ROM ids and their checksums against values from datasheets, application notes and a real owserver."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim.onewire.rom import RomId, crc8, crc16


def test_crc8_of_the_application_note():
    assert crc8(bytes.fromhex("021CB801000000")) == 0xA2


def test_crc16_of_nothing_but_zeros_is_zero():
    assert crc16(bytes(8)) == 0


def test_crc16_of_the_check_string():
    assert crc16(b"123456789") == 0xBB3D


@pytest.mark.parametrize(
    ("text", "crc"), [("28.000028D70000", 0x11), ("10.000010EF0100", 0x9F), ("29.000029D60300", 0x5D)]
)
def test_the_crc_is_that_of_owserver(text, crc):
    assert RomId.parse(text).crc == crc


@given(st.binary(min_size=7, max_size=7))
def test_a_message_with_its_crc_has_crc_zero(data):
    assert crc8(data + bytes([crc8(data)])) == 0


@given(st.integers(0, 255), st.binary(min_size=6, max_size=6))
def test_every_form_means_the_same(family, serial):
    rom = RomId(family, serial)
    digits, crc = serial.hex(), f"{rom.crc:02x}"
    for text in (str(rom), f"{family:02x}{digits}", f"{family:02x}.{digits}.{crc}", f"{family:02x}{digits}{crc}"):
        assert RomId.parse(text) == rom


@pytest.mark.parametrize("text", ["28.67C6697351F", "28-67C6697351FF", "28.67C6697351FF.0", "", "kitchen"])
def test_other_text_is_refused_with_an_example(text):
    with pytest.raises(ValueError, match=r"as in 28\.67C6697351FF"):
        RomId.parse(text)


def test_a_wrong_crc_is_named_with_the_right_one():
    with pytest.raises(ValueError, match="the right one is 11"):
        RomId.parse("28.000028D70000.12")


def test_a_search_goes_by_the_bits_of_the_wire():
    ids = ["28.010000000000", "28.020000000000", "10.000000000000", "29.000000000000"]
    found = sorted(map(RomId.parse, ids), key=lambda rom: rom.search_key)
    assert [str(rom) for rom in found] == [
        "10.000000000000",
        "28.020000000000",
        "28.010000000000",
        "29.000000000000",
    ]
