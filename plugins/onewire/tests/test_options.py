"""Options of the interface, and how mistakes in them are told."""

import pytest
from busgate_onewire.driver import OneWireDriver
from busgate_onewire.options import Address, Options
from pydantic import ValidationError

from gateway.bus.options import read_options
from gateway.errors import ConfigError


@pytest.mark.parametrize(
    ("url", "address", "text"),
    [
        ("owserver://localhost", Address("localhost", 4304), "localhost:4304"),
        ("owserver://192.168.1.5:4305", Address("192.168.1.5", 4305), "192.168.1.5:4305"),
        ("owserver://[::1]:4304", Address("::1", 4304), "[::1]:4304"),
        ("owserver://[fe80::1]/", Address("fe80::1", 4304), "[fe80::1]:4304"),
    ],
)
def test_the_url(url, address, text):
    assert Options(url=url).address == address
    assert str(Options(url=url).address) == text


@pytest.mark.parametrize(
    "url",
    [
        "",
        "localhost:4304",
        "http://localhost",
        "owserver://",
        "owserver://x:99999",
        "owserver://x/bus.0",
        "owserver://x:0",
    ],
)
def test_a_wrong_url_is_refused(url):
    with pytest.raises(ValidationError, match=r"owserver|port"):
        Options(url=url)


def test_mistakes_are_told_in_words():
    with pytest.raises(ConfigError) as error:
        read_options(OneWireDriver, {"url": "tcp://x", "timeuot": 3, "strikes": 0})
    text = "\n".join(error.value.mistakes)
    assert "it must be like owserver://localhost:4304" in text
    assert "did you mean 'timeout'?" in text
    assert "strikes" in text
