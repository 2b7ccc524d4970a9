"""Options are read by the driver's schema; what is wrong is said with its name."""

from pathlib import Path

import pytest
from pydantic import BaseModel, Field, field_validator

from gateway.abc import Driver
from gateway.bus.options import read_options
from gateway.errors import ConfigError


class Line(BaseModel, extra="forbid"):
    parity: str = "none"


class Options(BaseModel, extra="forbid"):
    port: Path
    speed: int = Field(9600, gt=0, alias="baud-rate")
    line: Line = Line()

    @field_validator("port")
    @classmethod
    def _device(cls, port):
        if not port.is_absolute():
            raise ValueError("should be an absolute path")
        return port


class Serial(Driver):
    name = "serial"
    options = Options

    def open(self, options, context):
        raise NotImplementedError


def test_what_is_right_becomes_an_instance():
    options = read_options(Serial, {"port": "/dev/ttyUSB0", "baud-rate": 38400})
    assert options == Options.model_validate({"port": Path("/dev/ttyUSB0"), "baud-rate": 38400})


@pytest.mark.parametrize(
    ("given", "mistakes"),
    [
        ({}, ["port: is missing"]),
        ({"port": "tty"}, ["port: should be an absolute path"]),
        ({"port": "/tty", "baudrate": 1}, ["baudrate: unknown option (did you mean 'baud-rate'?)"]),
        ({"port": "/tty", "line": {"parrity": "odd"}}, ["line.parrity: unknown option (did you mean 'parity'?)"]),
        (
            {"port": 5, "baud-rate": "fast", "x": 1},
            [
                "port: is not a valid path for <class 'pathlib.Path'>, not 5",
                "baud-rate: should be a valid integer, unable to parse string as an integer, not 'fast'",
                "x: unknown option",
            ],
        ),
    ],
)
def test_all_mistakes_are_named_at_once(given, mistakes):
    with pytest.raises(ConfigError) as caught:
        read_options(Serial, given)
    assert list(caught.value.mistakes) == mistakes
