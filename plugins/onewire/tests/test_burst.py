"""Answers out of a stream of bytes, however it is cut."""

import struct

import pytest
from busgate_onewire.burst import AnswerReader, FrameError, encode_read
from hypothesis import given
from hypothesis import strategies as st

PERSISTENT = 0x104


def frame(data, ret=None, flags=PERSISTENT, extra=b""):
    ret = len(data) if ret is None else ret
    return struct.pack(">6i", 0, len(data + extra), ret, flags, len(data), 0) + data + extra


KEEPALIVE = struct.pack(">6i", 0, -1, 0, 0, 0, 0)


def test_a_request_is_a_header_and_a_path():
    request = encode_read("/bus.0/28.67C6697351FF/temperature", 8192)
    assert struct.unpack(">6i", request[:24]) == (0, 35, 2, 0x104, 8192, 0)
    assert request[24:] == b"/bus.0/28.67C6697351FF/temperature\0"


@given(st.lists(st.one_of(st.binary(max_size=40), st.integers(-210, -1), st.just(None))), st.lists(st.integers(1, 60)))
def test_answers_come_out_in_order_however_the_stream_is_cut(parts, cuts):
    stream, expected = b"", []
    for part in parts:
        if part is None:
            stream += KEEPALIVE
        elif isinstance(part, int):
            stream += frame(b"", part)
            expected.append((part, b""))
        else:
            stream += frame(part, extra=b"\0")
            expected.append((len(part), part))
    reader, found = AnswerReader(), []
    for cut in [*cuts, len(stream)]:
        found += reader.feed(stream[:cut])
        stream = stream[cut:]
    assert found == expected
    assert reader.persistent


def test_a_server_that_grants_no_persistence_is_noticed():
    reader = AnswerReader()
    assert reader.feed(frame(b"21.5", flags=0x100)) == [(4, b"21.5")]
    assert not reader.persistent


@pytest.mark.parametrize(
    "header", [(1, 0, 0, 0, 0, 0), (0, 65537, 0, 0, 0, 0), (0, 4, 4, 0, 5, 0), (0x48545450, 0, 0, 0, 0, 0)]
)
def test_what_is_no_answer_is_refused(header):
    with pytest.raises(FrameError):
        AnswerReader().feed(struct.pack(">6i", *header))
