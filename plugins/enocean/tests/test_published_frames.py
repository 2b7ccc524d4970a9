"""Frames that others have published are understood as they say.

Sources: the tests of the library ``enocean`` 0.60.1 (test_eep.py, test_teachin.py, test_packet.py; MIT licence,
Kimmo Huoman), some of which are the examples of the ESP3 specification. The frames are theirs, byte by byte.
"""

import logging

import pytest
from busgate_enocean.esp3 import Packet, framer
from busgate_enocean.hearing import Hearing
from busgate_enocean.senders import Senders

from gateway.testing.clocks import VirtualClock

TEMPERATURE = "55 000A0701 EB A5 00005508 0181B744 00 01FFFFFFFF2D00 75"
OPEN = "55 00070701 7A D5 08 01825DAB 00 01FFFFFFFF3600 53"
CLOSED = "55 00070701 7A D5 09 01825DAB 00 01FFFFFFFF3600 C7"
PRESSED = "55 00070701 7A F6 50 00298979 30 01FFFFFFFF3700 9D"
RELEASED = "55 00070701 7A F6 00 00298979 20 02FFFFFFFF4A00 03"
TEACH_IN = "55 000A0701 EB A5 08284680 018A7B30 00 01FFFFFFFF4900 26"
VALVE = "55 000A0701 EB A5 32208900 DEADBEEF 00 03FFFFFFFFFF00 43"
PLUG_ON = "55 00090701 56 D2 040064 0194E3B9 00 01FFFFFFFF4000 E4"
PLUG_OFF = "55 00090701 56 D2 040000 0194E3B9 00 01FFFFFFFF4000 BF"
UTE = "55 000D0701 FD D4 A0FF3E000101D2 0194E3B9 00 01FFFFFFFF4000 AB"
VLD = "55 000F0701 2B D2 DDDDDDDDDDDDDDDDDD 008035C4 00 03FFFFFFFF4D00 36"

HEARD = [
    (TEMPERATURE, "A5-02-05", {"TMP": (26.666667, "°C")}, -45),
    (OPEN, "D5-00-01", {"CO": ("open", None)}, -54),
    (CLOSED, "D5-00-01", {"CO": ("closed", None)}, -54),
    (PRESSED, "F6-02-02", {"R1": ("Button BI", None), "EB": ("pressed", None), "T21": (True, None)}, -55),
    (RELEASED, "F6-02-02", {"EB": ("released", None), "SA": ("No 2nd action", None), "NU": (False, None)}, -74),
    (PLUG_ON, "D2-01-01", {"OV": (100, "%"), "IO": (0, None), "CMD": (4, None)}, -64),
    (PLUG_OFF, "D2-01-0E", {"OV": (0, "%"), "EL": ("Error level 0: hardware OK", None)}, -64),
]
#: Packets that are no radio telegrams: type, data, optional data.
OTHERS = [
    ("55 00050005 DB 010000000A 54", 5, "010000000A", ""),
    ("55 00010005 70 02 0E", 5, "02", ""),
    ("55 00010005 70 08 38", 5, "08", ""),
    ("55 00050002 CE 00FF800000 DA", 2, "00FF800000", ""),
    ("55 00050102 DB 00FF9E5500 0A 79", 2, "00FF9E5500", "0A"),
    ("55 00190007 8D 121207FFFFFFFFFF00000102030405060708090A0B0C0D0E0F DA", 7, None, ""),
    ("55 000C0007 EF 000407FFFFFFFFFF00000000 65", 7, None, ""),
    ("55 00010004 77 01 07", 4, "01", ""),
]
#: Each is wrong in one place: data, checksum of the data, checksum of the header, cut off.
WRONG = [
    "55 000F0701 2B D2 DDDCDDDDDDDDDDDDDD 008035C4 00 03FFFFFFFF4D00 36",
    "55 000F0701 2B D2 DDDDDDDDDDDDDDDDDD 008035C4 00 03FFFFFFFF4D00 37",
    "55 000F0701 1B D2 DDDDDDDDDDDDDDDDDD 008035C4 00 03FFFFFFFF4D00 36",
    "55 00010005 70 38",
    "55 0001",
]


@pytest.fixture
def frames():
    """Finds the frames in hexadecimal digits."""

    def found(*texts):
        one = framer(0.02)
        return one.feed(bytes.fromhex("".join(texts)), 0.0) + one.feed(b"", 10.0)

    return found


@pytest.fixture
async def hearing(profiles):
    """Understands telegrams, each of a profile that is set."""

    def hear(frame, eep=None):
        senders = Senders(profiles, [], 10, {Packet.of(frame).data[-5:-1].hex().upper(): eep} if eep else {})
        return Hearing(profiles, senders, VirtualClock(), logging.getLogger("test")).hear(Packet.of(frame))

    return hear


@pytest.mark.parametrize(("text", "eep", "values", "rssi"), HEARD)
async def test_telegrams_say_what_their_profile_says(text, eep, values, rssi, frames, hearing):
    (frame,) = frames(text)
    telegram = hearing(frame, eep)
    assert (telegram.kind, telegram.device, telegram.rssi) == (eep, text.split()[-4], rssi)
    assert {name: tuple(telegram.values[name]) for name in values} == values
    assert telegram.raw == frame


def test_an_actuator_is_understood_in_the_direction_to_the_gateway(frames, profiles):
    """A5-20-01 means something else in the other direction; there 50 is a setpoint."""
    (frame,) = frames(VALVE)
    values = profiles.find("A5-20-01").decode(Packet.of(frame).data[1:5], 0)
    assert set(values) == {"CV", "SO", "ENIE", "ES", "BCAP", "CCO", "FTS", "DWO", "ACO", "TMP"}
    assert (values["CV"], values["ES"].value) == ((50.0, "%"), True)


async def test_teach_ins_tell_the_profile(frames, hearing):
    (frame,) = frames(TEACH_IN)
    telegram = hearing(frame)
    assert telegram.kind == "teach-in"
    assert telegram.values["eep"].value == "A5-02-05"
    (frame,) = frames(UTE)
    said = hearing(frame).values
    assert {name: said[name].value for name in said} == {
        "eep": "D2-01-01",
        "manufacturer": 0x3E,
        "answer": True,
    }


async def test_without_a_profile_the_data_comes_as_it_is(frames, hearing):
    (frame,) = frames(VLD)
    telegram = hearing(frame)
    assert (telegram.kind, telegram.device, telegram.rssi) == ("VLD", "008035C4", -77)
    assert telegram.values["data"].value == "dd" * 9


@pytest.mark.parametrize(("text", "kind", "data", "optional"), OTHERS)
def test_other_packets_are_taken_apart(text, kind, data, optional, frames):
    (frame,) = frames(text)
    packet = Packet.of(frame)
    assert packet.type == kind
    assert packet.optional == bytes.fromhex(optional)
    assert data is None or packet.data == bytes.fromhex(data)
    assert packet.encode() == frame


@pytest.mark.parametrize("text", WRONG)
def test_what_is_wrong_is_no_packet(text, frames):
    assert frames(text) == []


def test_all_of_them_in_a_row_are_found(frames):
    right = [text for text, *_ in HEARD + OTHERS]
    mixed = [text for pair in zip(right, WRONG * 3, strict=True) for text in reversed(pair)]
    assert frames(*mixed) == [bytes.fromhex(text) for text in right]
