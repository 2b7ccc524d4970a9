"""Recordings as text: every protocol decoded, and what is no frame shown byte by byte."""

import random

import pytest

from hwsim.radio.enocean.esp3 import Packet
from hwsim.recording import Event
from hwsim.recording.framing import dump
from hwsim.recording.transcript import rows, summary, transcript
from tests.hwsim.recording.conftest import answer, request

KEEPALIVE = bytes.fromhex("00000000 ffffffff 00000000 00000000 00000000 00000000")


def texts(recording):
    return [line[14:].strip() for line in transcript(recording)]


def test_owserver(tape):
    tape = tape("owserver", "tcp").opened()
    tape.host(request(2, b"/28.67C6697351FF/temperature", 8192, 0x10126)).device(KEEPALIVE + answer(b"        70.7"))
    write = request(3, b"/3A.000000000006/PIO.A")
    write = write[:4] + (len(write) - 24 + 1).to_bytes(4, "big") + write[8:16] + b"\0\0\0\1" + write[20:] + b"1"
    tape.host(write[:30]).host(write[30:]).device(answer(ret=0))
    tape.host(request(0, flags=0)).device(answer(ret=-42, flags=0))
    torn = answer(b"x" * 9)[:-3]
    tape.host(request(1)).device(torn)(Event.BROKEN)
    assert texts(tape.recording) == [
        "1 - opened",
        "1 > READ /28.67C6697351FF/temperature +persistence +uncached +degF",
        "1 < still busy",
        "1 < 12 '        70.7' +persistence",
        "1 > WRITE /3A.000000000006/PIO.A '1' +persistence",
        "1 < 0 +persistence",
        "1 > ERROR",
        "1 < -42 (bad message type)",
        "1 > NOP +persistence",
        f"1 < no frame: {dump(torn)}",
        "1 - broken by the device",
    ]


def test_rfxtrx_is_recognised(tape):
    tape = tape("serial", "tty").opened().host(bytes.fromhex("0D 00 00 01 02" + "00" * 9))
    tape.device(bytes.fromhex("0D 01 00 01 02 53 5E 08")).device(bytes.fromhex("04 25 00 01 01 1C"), wait=0.01)
    tape.device(bytes.fromhex("0B 11 00 07 00 AB 12 CD 04 01 00 70")).host(
        bytes.fromhex("0B 11 00 02 00 AB 12 CD 01 01 0F 00")
    )
    tape.device(bytes.fromhex("04 02 01 02 00")).device(b"\xee\xee").device(bytes.fromhex("0A 52"))
    assert texts(tape.recording) == [
        "1 - opened",
        "1 > interface command subtype 00 number 1: 02 00 00 00 00 00 00 00 00 00 (get status)",
        "1 < interface message subtype 00 number 1: 02 53 5e 08 04 25 00 01 01 1c",
        "1 < lighting2 subtype 00 number 7: 00 ab 12 cd 04 01 00 70 (-64 dBm)",
        "1 > lighting2 subtype 00 number 2: 00 ab 12 cd 01 01 0f 00",
        "1 < transmitter message subtype 01 number 2: 00 (ok)",
        "1 < no frame: ee ee  |..|",
        "1 < no frame: 0a 52  |.R|",
    ]


def test_half_a_frame_is_given_up_after_a_while(tape):
    tape = tape("rfxtrx", "tty").opened().device(bytes.fromhex("0B 11 00"))
    tape.device(bytes.fromhex("04 02 01 02 00"), wait=5.0)
    assert texts(tape.recording)[1:] == [
        "1 < no frame: 0b 11 00  |...|",
        "1 < transmitter message subtype 01 number 2: 00 (ok)",
    ]


def test_rflink_is_recognised(tape):
    tape = tape("serial", "tty").opened().device(b"20;00;Nodo RadioFrequencyLink - RFLink Gateway V1.1 - R48;\r\n")
    tape.device(b"20;01;NewKaku;ID=00ab12cd;SWI").device(b"TCH=3;CMD=ON;\r\n\xff\xfe\r\n").host(b"10;PING;\n")
    assert texts(tape.recording)[1:] == [
        "1 < 20;00;Nodo RadioFrequencyLink - RFLink Gateway V1.1 - R48;",
        "1 < 20;01;NewKaku;ID=00ab12cd;SWITCH=3;CMD=ON;",
        "1 < no frame: ff fe 0d 0a  |....|",
        "1 > 10;PING;",
    ]


def test_enocean_is_recognised(tape):
    radio = Packet(1, bytes.fromhex("F6 30 01 02 03 04 30"), bytes.fromhex("01 FF FF FF FF 40 00"))
    tape = tape("serial", "tty").opened().host(Packet(5, b"\x08").encode())
    tape.device(Packet(2, bytes.fromhex("00 FF 9C 80 00"), b"\x0a").encode()).device(radio.encode())
    tape.device(b"\x55" + radio.encode()).device(Packet(4, b"\x04\x00").encode())
    assert texts(tape.recording)[1:] == [
        "1 > command CO_RD_IDBASE",
        "1 < response ok ff 9c 80 00 + 0a",
        "1 < radio RPS 30 from 01020304 status 30 -64 dBm",
        "1 < no frame: 55  |U|",
        "1 < radio RPS 30 from 01020304 status 30 -64 dBm",
        "1 < event CO_READY 00",
    ]


def test_anything_else_is_shown_byte_by_byte(tape):
    tape = tape("serial", "tty").opened().host(b"?\n").device(b"21.5 \xb0C\n")(Event.CLOSED_BY_HOST)
    assert texts(tape.recording) == [
        "1 - opened",
        "1 > 3f 0a  |?.|",
        "1 < 32 31 2e 35 20 b0 43 0a  |21.5 .C.|",
        "1 - closed by the host",
    ]


def test_no_byte_is_lost(tape):
    """Whatever the bytes are, those that are shown are those that were recorded, in order."""
    chance = random.Random(5)
    for kind in ("owserver", "rfxtrx", "rflink", "enocean", "serial"):
        made = tape(kind, "tty").opened()
        for _ in range(50):
            made.device(chance.randbytes(chance.randrange(1, 40)), wait=0.3)
        shown = "".join(row.get("bytes", "") for row in rows(made.recording))
        assert bytes.fromhex(shown) == made.recording.sent(Event.TO_HOST), kind


def test_times_and_rows(tape):
    tape = tape("serial", "tty").opened(wait=0.25).host(b"?", wait=0.5)
    assert list(transcript(tape.recording)) == ["    0.250000    1 - opened", "    0.750000    1 > 3f  |?|"]
    assert list(rows(tape.recording)) == [
        {"time": 0.25, "connection": 1, "event": "opened", "text": "opened"},
        {"time": 0.75, "connection": 1, "event": "to_device", "text": "3f  |?|", "bytes": "3f"},
    ]


@pytest.mark.parametrize(("number", "words"), [(0, "0 connections in 0.000 s"), (1, "1 connection in 1.000 s")])
def test_summary(tape, number, words):
    tape = tape("owserver", "tcp")
    for _ in range(number):
        tape.opened()
    assert summary(tape.recording).startswith("owserver at somewhere, recorded 2023-11-")
    assert summary(tape.recording).endswith(words)
