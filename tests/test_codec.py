"""Values as bytes and as JSON: what goes in comes out, and what can't go in is named with its place."""

import math
from contextlib import suppress
from datetime import UTC, datetime, timedelta, timezone

import msgpack
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.codec import decode, encode, from_json, to_json
from gateway.errors import CodecError
from gateway.path import P, Path

paths = st.lists(st.text(max_size=5) | st.integers() | st.binary(max_size=5), max_size=4).map(
    lambda parts: Path(*parts)
)
scalars = (
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**64 - 1)
    | st.floats(allow_nan=False)
    | st.text()
    | st.binary()
    | st.datetimes(timezones=st.just(UTC))
    | paths
)
values = st.recursive(
    scalars,
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text() | st.integers(0, 9), inner, max_size=5),
    max_leaves=20,
)
plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=5) | st.dictionaries(st.text(), inner, max_size=5),
    max_leaves=20,
)


@given(values)
def test_a_value_comes_back_with_its_types(value):
    found = decode(encode(value))
    assert found == value
    assert encode(found) == encode(value)


def test_types_that_are_equal_stay_apart():
    value = [1, 1.0, True, 0, -0.0, False]
    assert list(map(repr, decode(encode(value)))) == list(map(repr, value))


def test_floats_have_64_bits():
    assert len(encode(0.5)) == 9
    assert math.isnan(decode(encode(math.nan)))


def test_tuples_become_lists():
    assert decode(encode((1, (2, {"a": (3,)})))) == [1, [2, {"a": [3]}]]


def test_keys_keep_their_order():
    assert list(decode(encode({"z": 1, "a": 2, 5: 3}))) == ["z", "a", 5]


def test_times_of_any_zone_come_back_as_the_same_moment():
    summer = datetime(2026, 7, 1, 12, 0, 0, 250_000, tzinfo=timezone(timedelta(hours=2)))
    found = decode(encode(summer))
    assert found == summer
    assert found.tzinfo is UTC or found.utcoffset() == timedelta(0)


def test_a_path_within_a_value_is_a_path():
    assert decode(encode({"code": P("forty.two:5")})) == {"code": P("forty.two:5")}


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        ({1, 2}, "value can't be stored: it is of type set"),
        ({"a": [1, {"b": object()}]}, "value['a'][1]['b'] can't be stored: it is of type object"),
        ([2**64], "value[0] can't be stored: 18446744073709551616 needs more than 64 bits"),
        ({"t": datetime(2026, 1, 1)}, "value['t'] can't be stored: the timestamp has no time zone"),
        ({frozenset(): 1}, "value[frozenset()] (the key) can't be stored: it is of type frozenset"),
        (1j, "value can't be stored: it is of type complex"),
    ],
)
def test_what_cannot_be_stored_is_named_with_its_place(value, complaint):
    with pytest.raises(CodecError, match=r"^[^\n]+$") as caught:
        encode(value)
    assert str(caught.value) == complaint


def test_a_value_within_itself_is_refused():
    loop: list[object] = []
    loop.append(loop)
    with pytest.raises(CodecError):
        encode(loop)


def test_text_that_is_no_unicode_is_refused():
    with pytest.raises(CodecError):
        encode("\ud800")


@pytest.mark.parametrize("data", [b"", b"\xc1", b"\x92\x01", b"\x01\x02", b"\xa2\xff\xfe", b"\xc7\x02\x70=z"])
def test_bytes_that_are_no_value_are_refused(data):
    with pytest.raises(CodecError):
        decode(data)


@given(st.binary(max_size=30))
def test_any_bytes_give_a_value_or_a_codec_error(data):
    with suppress(CodecError):
        assert encode(decode(data)) is not None


def test_an_unknown_extension_survives():
    packed = msgpack.packb(msgpack.ExtType(5, b"abc"))
    assert encode(decode(packed)) == packed


@given(plain)
def test_json_comes_back(value):
    assert from_json(to_json(value)) == value


@given(st.recursive(st.binary() | paths | st.none(), lambda inner: st.lists(inner, max_size=3), max_leaves=5))
def test_bytes_and_paths_come_back_from_json(value):
    assert from_json(to_json({"value": value})) == {"value": value}


def test_json_for_people():
    value = {"when": datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC), "raw": b"\x00\xff", "code": P("a:5"), 1: "ü"}
    assert to_json(value) == (
        '{"when": "2026-01-02T03:04:05+00:00", "raw": {"$bytes": "AP8="}, "code": {"$path": "a:5"}, "1": "ü"}'
    )


@pytest.mark.parametrize(
    "text", ['{"$bytes": 5}', '{"$bytes": "AA==", "more": 1}', '{"$other": "x"}', '{"$path": null}']
)
def test_json_that_only_looks_special_stays(text):
    assert to_json(from_json(text)) == text


@pytest.mark.parametrize("number", [float("nan"), float("inf"), float("-inf")])
def test_numbers_that_json_lacks(number):
    text = to_json([number, 1.5])
    assert text == f'[{{"$float": "{number}"}}, 1.5]'
    back = from_json(text)
    assert repr(back[0]) == repr(number)
    with pytest.raises(ValueError, match=r"is no JSON; write"):
        from_json("NaN")


def test_text_that_is_no_unicode_is_named():
    with pytest.raises(CodecError, match=r"value\['a'\] can't be stored: the text .* is no valid Unicode"):
        encode({"a": "\ud800"})
