"""Values as text and back."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim.onewire.owserver.formats import BadValue, Format, from_scale, parse, render, rom_text, to_scale
from hwsim.onewire.rom import RomId


@pytest.mark.parametrize(
    ("value", "form", "flags", "text"),
    [
        (21.5, Format.TEMPERATURE, 0, b"        21.5"),
        (-10.0625, Format.TEMPERATURE, 0, b"    -10.0625"),
        (4.0, Format.TEMPERATURE, 0x10000, b"        39.2"),
        (4.0, Format.TEMPERATURE, 0x20000, b"      277.15"),
        (4.0, Format.TEMPERATURE, 0x30000, b"      498.87"),
        (1234567.0, Format.FLOAT, 0, b" 1.23457E+06"),
        (1013.25, Format.PRESSURE, 1 << 18, b"           1"),
        (4294967295, Format.UNSIGNED, 0, b"  4294967295"),
        (21.5, Format.TEMPERATURE, 0x40, b"21.5"),
        (True, Format.YES_NO, 0, b"1"),
        ("DS18B20", Format.ASCII, 0, b"DS18B20"),
        (0, Format.DATE, 0, b"Thu Jan  1 00:00:00 1970"),
        (b"\0\1", Format.BINARY, 0, b"\0\1"),
    ],
)
def test_values_as_owserver_writes_them(value, form, flags, text):
    assert render(value, form, flags) == text


@pytest.mark.parametrize(
    ("data", "form", "value"),
    [
        (b"30", Format.TEMPERATURE, 30.0),
        (b" -4.5e1\0", Format.FLOAT, -45.0),
        (b"12abc", Format.UNSIGNED, 12),
        (b"on", Format.YES_NO, True),
        (b"Yes", Format.YES_NO, True),
        (b"off", Format.YES_NO, False),
        (b"0", Format.YES_NO, False),
        (b"7", Format.YES_NO, True),
        (b"", Format.DATE, 99.0),
        (b"Thu Jan 01 00:01:00 1970", Format.DATE, 60.0),
    ],
)
def test_what_clients_write(data, form, value):
    assert parse(data, form, 0, 99.0) == value


@pytest.mark.parametrize(
    ("data", "form"),
    [(b"abc", Format.FLOAT), (b"maybe", Format.YES_NO), (b"", Format.UNSIGNED), (b"soon", Format.DATE)],
)
def test_what_is_no_value(data, form):
    with pytest.raises(BadValue):
        parse(data, form, 0, 0.0)


@given(st.floats(-273, 1000), st.integers(0, 3), st.sampled_from([Format.TEMPERATURE, Format.TEMPERATURE_GAP]))
def test_scales_go_there_and_back(value, scale, form):
    assert from_scale(to_scale(value, form, scale << 16), form, scale << 16) == pytest.approx(value, abs=1e-9)


@given(st.floats(0, 2000), st.integers(0, 7))
def test_pressure_scales_go_there_and_back(value, scale):
    flags = scale << 18
    assert from_scale(to_scale(value, Format.PRESSURE, flags), Format.PRESSURE, flags) == pytest.approx(value)


def test_device_formats():
    rom = RomId.parse("28.000028D70000")
    assert [rom_text(rom, form << 24) for form in range(7)] == [
        "28.000028D70000",
        "28000028D70000",
        "28.000028D70000.11",
        "28.000028D7000011",
        "28000028D70000.11",
        "28000028D7000011",
        "28.000028D70000",
    ]
