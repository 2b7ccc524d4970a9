"""Framers find every frame whatever a line does to it, throw away little, and say what."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.bus.framing import LengthFramer, LineFramer, SyncFramer
from gateway.testing.faulty_streams import faulty_streams

NAMES = [str(stream) for stream in faulty_streams([b"abc", b"defg"])]


@pytest.mark.parametrize("name", NAMES)
def test_every_frame_is_found_in_every_faulty_stream(form, name):
    (stream,) = (one for one in faulty_streams(form.frames, wire=form.wire) if str(one) == name)
    framer = form.framer()
    stream.check(stream.play(framer.feed), checked=form.checked)
    fed = sum(len(data) for _, data in stream.pieces)
    counted = framer.counters
    assert counted["framed_bytes"] + counted["thrown_away"] + framer.pending == fed


@given(data=st.data())
@settings(max_examples=100, deadline=None)
def test_how_the_bytes_are_cut_changes_nothing(form, data):
    """The same frames and the same counters, from any bytes."""
    parts = st.one_of(st.binary(max_size=40), st.sampled_from([form.wire(frame) for frame in form.frames]))
    stream = b"".join(data.draw(st.lists(parts, max_size=12)))
    cuts = sorted(data.draw(st.sets(st.integers(0, len(stream)), max_size=20)))
    whole, cut = form.framer(), form.framer()
    at_once = whole.feed(stream, 0.0)
    in_pieces = [
        frame
        for start, end in zip([0, *cuts], [*cuts, len(stream)], strict=True)
        for frame in cut.feed(stream[start:end], 0.0)
    ]
    assert in_pieces == at_once
    assert (cut.counters, cut.pending) == (whole.counters, whole.pending)


def test_what_is_pending_is_bounded(form):
    framer = form.framer()
    for byte in (0, 0x55, 0xFF, 0x20):
        for _ in range(64):
            framer.feed(bytes([byte]) * 1024, 0.0)
            assert framer.pending <= form.most


def test_reset_forgets_what_is_pending(form):
    framer = form.framer()
    first = form.wire(form.frames[0])
    framer.feed(first[:-1], 0.0)
    assert framer.pending == len(first) - 1
    framer.reset()
    assert framer.pending == 0
    assert framer.feed(first, 0.0) == [form.frames[0]]


class TestLengthFramer:
    @pytest.fixture
    def rfx(self, formats):
        return formats["RFXtrx"]

    def test_a_gap_drops_what_is_incomplete(self, rfx):
        framer = rfx.framer()
        assert framer.feed(rfx.frames[0][:5], 0.0) == []
        assert framer.feed(rfx.frames[1], 0.05) == [rfx.frames[1]]
        assert framer.counters == {"frames": 1, "framed_bytes": len(rfx.frames[1]), "thrown_away": 5, "gaps": 1}

    def test_without_a_gap_the_rest_is_awaited(self, rfx):
        framer = rfx.framer()
        assert framer.feed(rfx.frames[0][:5], 0.0) == []
        assert framer.feed(rfx.frames[0][5:], 0.019) == [rfx.frames[0]]

    def test_a_gap_of_a_busy_program_costs_no_frame(self, rfx):
        framer = rfx.framer()
        assert framer.feed(rfx.frames[0][:5], 0.0) == []
        assert framer.feed(rfx.frames[0][5:] + rfx.frames[1], 0.5) == [rfx.frames[0], rfx.frames[1]]

    def test_a_gap_of_a_busy_program_within_a_long_burst_costs_no_frame(self, rfx):
        framer = rfx.framer()
        burst = b"".join(rfx.frames) * 100
        assert framer.feed(burst[:1000], 0.0) + framer.feed(burst[1000:3333], 0.5) + framer.feed(burst[3333:], 1.0) == [
            *rfx.frames * 100
        ]

    def test_a_torn_frame_after_half_of_one_is_found(self, rfx):
        framer = rfx.framer()
        first, second, _ = rfx.frames
        assert framer.feed(first[:6], 0.0) == []
        assert framer.feed(second[:4], 1.0) == []
        assert framer.feed(second[4:], 1.0) == [second]

    def test_an_impossible_length_is_skipped_byte_by_byte(self, rfx):
        framer = rfx.framer()
        assert framer.feed(b"\x00\x03\xff" + rfx.frames[0], 0.0) == [rfx.frames[0]]
        assert framer.counters["noise"] == 3

    def test_a_frame_that_is_not_accepted_costs_one_byte(self, rfx):
        framer = LengthFramer(4, 40, accept=lambda frame: frame[1] != 0x99)
        assert framer.feed(b"\x05\x99" + rfx.frames[1] + b"\x00", 0.0) == [rfx.frames[1]]
        assert framer.counters["bad_checks"] == 1


class TestLineFramer:
    def test_lines_come_without_their_ends(self):
        assert LineFramer().feed(b"20;00;OK;\r\n\r\n20;01;PONG;\n20;02", 0.0) == [b"20;00;OK;", b"20;01;PONG;"]

    def test_a_line_of_the_greatest_length_is_taken_and_a_longer_one_is_not(self):
        framer = LineFramer(10)
        assert framer.feed(b"0123456789\n0123456789A\nok\n", 0.0) == [b"0123456789", b"ok"]
        assert framer.counters == {"frames": 2, "framed_bytes": 14, "thrown_away": 12, "oversize": 1}

    def test_the_end_of_an_overlong_line_is_no_line(self):
        framer = LineFramer(10)
        assert framer.feed(b"x" * 1000, 0.0) == []
        assert framer.feed(b"tail\nok\n", 0.0) == [b"ok"]

    def test_a_delimiter_of_several_bytes_may_be_torn(self):
        framer = LineFramer(10, delimiter=b"\r\n", strip=b"")
        assert framer.feed(b"0123456789\r", 0.0) == []
        assert framer.feed(b"\n\rx\r\n", 0.0) == [b"0123456789", b"\rx"]

    def test_a_line_that_was_cut_off_does_not_spoil_the_next(self):
        framer = LineFramer()
        assert framer.feed(b"20;0A;NewKaku;ID=0000c6", 0.0) == []
        assert framer.feed(b"20;00;Nodo RadioFrequencyLink;\r\n", 1.5) == [b"20;00;Nodo RadioFrequencyLink;"]


class TestSyncFramer:
    @pytest.fixture
    def enocean(self, formats):
        return formats["ESP3"]

    def test_a_bad_checksum_costs_one_byte_so_that_a_frame_within_is_found(self, enocean, esp3_packet):
        good = esp3_packet(b"\xd5\x09\x01\x02\x03\x04\x00")
        wrong = bytearray(esp3_packet(good, b"\x01"))
        wrong[-1] ^= 1
        framer = enocean.framer()
        assert framer.feed(bytes(wrong), 0.0) == [good]
        assert framer.counters["bad_checks"] == 1

    def test_a_false_size_swallows_nothing(self, enocean):
        """`55 FF FF` claims 65 535 bytes."""
        good = enocean.frames[0]
        framer = enocean.framer()
        assert framer.feed(b"\x55\xff\xff" + good, 0.0) == [good]

    def test_what_a_false_beginning_hides_comes_out_at_the_deadline(self, enocean, esp3_packet):
        good = enocean.frames[0]
        header = esp3_packet(bytes(60))[:6]  # right, and promises 60 bytes that never come
        framer = enocean.framer()
        assert framer.deadline is None
        assert framer.feed(header + good, 5.0) == []
        assert framer.deadline == pytest.approx(5.02)
        assert framer.feed(b"", 5.02) == [good]
        assert framer.pending == 0
        assert framer.deadline is None

    def test_a_gap_of_a_busy_program_costs_no_frame(self, enocean):
        good = enocean.frames[0]
        framer = enocean.framer()
        assert framer.feed(good[:9], 0.0) == []
        assert framer.feed(good[9:], 0.5) == [good]

    def test_a_sync_of_several_bytes_may_be_torn(self):
        framer = SyncFramer(b"\x94\xc3", 2, lambda head: 4 + head[3], lambda frame: True, most=512)
        assert framer.feed(b"\x94\x94", 0.0) == []
        assert framer.feed(b"\xc3\x00\x02ab\x94", 0.0) == [b"\x94\xc3\x00\x02ab"]
        assert framer.pending == 1
