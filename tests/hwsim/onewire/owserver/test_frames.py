"""Frames cut at any place come out whole; what owserver hangs up on is refused."""

import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hwsim.onewire.owserver.frames import KEEPALIVE, Answer, FrameError, Request, RequestReader

SIGNED = st.integers(-(2**31), 2**31 - 1)
REQUESTS = st.builds(
    Request,
    st.integers(-3, 20).filter(lambda kind: kind != 3),
    st.integers(0, 2**32 - 1),
    SIGNED,
    SIGNED,
    st.binary(max_size=50),
)


def read_all(reader):
    requests = []
    while (request := reader.next()) is not None:
        requests.append(request)
    return requests


@given(st.lists(REQUESTS, max_size=5), st.integers(1, 40))
def test_requests_survive_any_cutting(requests, step):
    data = b"".join(request.encode() for request in requests)
    reader, found = RequestReader(), []
    for start in range(0, len(data), step):
        reader.feed(data[start : start + step])
        found += read_all(reader)
    assert found == requests
    assert not reader.within_frame


def test_loop_tokens_of_a_chained_server_are_dropped():
    reader = RequestReader()
    reader.feed(struct.pack(">6i", 0x10002, 3, 2, 6, 100, 0) + b"/x\0" + b"t" * 31)
    assert reader.next() is None
    reader.feed(b"t" + Request(1, 0, 0, 0).encode())
    assert [request.type for request in read_all(reader)] == [2, 1]


def test_a_write_is_cut_into_path_and_data():
    request = Request(3, 0, 5, 0, b"/a/b\0\0x,y\0")
    assert (request.path, request.data) == ("/a/b", b"\0x,y\0")
    assert Request(3, 0, 2, 0, b"/a/bxy").path == "/a/b"


@pytest.mark.parametrize("fields", [(-1, 2, 0), (100_051, 2, 0), (4, 3, 4), (4, 3, -1), (4, 3, 400)])
def test_impossible_frames_are_refused(fields):
    length, kind, size = fields
    reader = RequestReader()
    reader.feed(struct.pack(">6i", 0, length, kind, 0, size, 0) + b"/a\0b")
    with pytest.raises(FrameError):
        reader.next()


def test_the_largest_request_is_taken():
    reader = RequestReader()
    reader.feed(Request(2, 0, 1, 0, b"/" * 100_050).encode())
    assert reader.next() is not None


def test_answers_are_six_words_and_a_payload():
    answer = Answer(12, b" " * 12, 12, 0, 0x80000106).encode()
    assert struct.unpack(">6i", answer[:24]) == (0, 12, 12, 0x80000106 - 2**32, 12, 0)
    assert answer[24:] == b" " * 12
    assert struct.unpack(">6i", KEEPALIVE) == (0, -1, 0, 0, 0, 0)
