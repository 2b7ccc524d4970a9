"""Packets become telegrams: what pyRFXtrx finds in its own published frames, in the words of busgate."""

import pytest
from busgate_rfxtrx.commands import slug
from busgate_rfxtrx.decoding import decode, key
from busgate_rfxtrx.packets import plausible

NAMES = {
    "Command": "command", "Keypress": "keypress", "Sound": "sound", "Sensor Status": "status", "Payload": "payload",
    "Temperature": "temperature", "Temperature2": "temperature_2", "Humidity": "humidity", "Barometer": "pressure",
    "Humidity status": "humidity_status", "Forecast": "forecast", "Rain rate": "rain_rate", "Rain total": "rain_total",
    "Wind average speed": "wind_speed", "Wind direction": "wind_direction", "Wind gust": "wind_gust", "UV": "uv_index",
    "Energy usage": "power", "Total usage": "energy", "Voltage": "voltage", "Counter value": "counter",
    "Current Ch. 1": "current_1", "Current Ch. 2": "current_2", "Current Ch. 3": "current_3",
}  # fmt: skip


def decoded(packet, heard):
    telegram = decode(packet, heard)
    assert telegram is not None
    return telegram


def test_all_published_frames_are_plausible_and_decoded(published):
    assert len(published) >= 30
    for text, (kind, name, values) in published.items():
        packet = bytes.fromhex(text)
        assert plausible(packet), text
        telegram = decoded(packet, 5.0)
        assert (telegram.heard, telegram.raw) == (5.0, packet)
        assert telegram.device.startswith(f"{packet[1]:x}_{packet[2]:x}_")
        assert telegram.device.endswith(f"_{name or ''}") or name is None, text
        if kind:
            assert telegram.kind.removeprefix("undecoded ") == kind
        for theirs, value in values.items():
            expected = slug(value) if theirs in ("Command", "Sensor Status") and isinstance(value, str) else value
            assert telegram.values[NAMES[theirs]].value == pytest.approx(expected), (text, theirs)


def test_a_telegram_in_full():
    telegram = decoded(bytes.fromhex("0a52012a96038141600379"), 1.0)
    assert telegram.device == "52_1_96:03"
    assert telegram.rssi == -64.0
    assert telegram.battery == 100
    assert telegram.window == 0.25
    assert telegram.values == {
        "temperature": (-32.1, "°C"),
        "humidity": (96, "%"),
        "humidity_status": ("wet", None),
    }


def test_a_level_is_in_percent():
    values = decoded(bytes.fromhex("0b11002a0123456705020770"), 1.0).values
    assert values == {"command": ("set_level", None), "level": (50, "%")}


@pytest.mark.parametrize(("nibble", "percent"), [(0, 10), (5, 60), (9, 100), (15, 100)])
def test_the_battery_in_percent(nibble, percent):
    assert decoded(bytes.fromhex("0a52012a960381416003") + bytes([0x70 | nibble]), 1.0).battery == percent


def test_the_sum_of_currents_is_no_energy():
    telegram = decoded(bytes.fromhex("0d5901002eb20300010002000379"), 1.0)
    assert {name: (value, unit) for name, (value, unit) in telegram.values.items()} == {
        "current_1": (0.1, "A"),
        "current_2": (0.2, "A"),
        "current_3": (0.3, "A"),
        "count": (3, None),
    }


def test_what_two_receivers_hear_of_one_telegram_has_one_key(published):
    for text in published:
        packet = bytearray.fromhex(text)
        other = bytearray(packet)
        other[3] ^= 0x5A
        if packet[1] not in (0x03, 0x1E):
            other[-1] ^= 0xF0
        assert key(bytes(packet)) == key(bytes(other)), text


def test_what_says_something_else_has_another_key(published):
    for text in published:
        packet = bytearray.fromhex(text)
        for place in range(4, len(packet) - 1):
            if (packet[1], place) in {(0x13, 7), (0x13, 8)}:
                continue
            other = bytearray(packet)
            other[place] ^= 0x01
            assert key(bytes(packet)) != key(bytes(other)), (text, place)


def test_the_level_of_an_ac_command_that_has_none_is_left_out():
    heard, sent = bytes.fromhex("0b11002a00ab12cd03010f70"), bytes.fromhex("0b11000000ab12cd03010000")
    assert key(heard) == key(sent)
    assert key(bytes.fromhex("0b11002a00ab12cd03020f70")) != key(bytes.fromhex("0b11002a00ab12cd03020770"))


def test_what_the_stick_could_not_decode_is_never_taken_for_a_copy():
    assert decoded(bytes.fromhex("09030104280ab7660470"), 1.0).window == 0.0


def test_a_type_that_pyrfxtrx_does_not_know_is_none():
    assert decode(bytes.fromhex("0840000000000000" + "70"), 1.0) is None


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("0b1100000000000000000000", True),
        ("0a11000000000000000000", False),  # too short for its type
        ("0840000000000000" + "70", True),  # a type that is not known
        ("0499000000", False),
        ("0402010000", True),
        ("0d0100010253fa0c270001000000", True),
        ("04010000" + "00", False),
    ],
)
def test_plausible(text, wanted):
    assert plausible(bytes.fromhex(text)) is wanted
