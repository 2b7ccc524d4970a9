"""Hardware is opened for the moment, unless a running node has it."""

import random
from contextlib import asynccontextmanager

import anyio
import pytest
from pydantic import BaseModel

from gateway.abc import Driver, Interface
from gateway.config import InterfaceSection
from gateway.doctor.interfaces import OPENING, check_interfaces
from gateway.errors import InterfaceDown, NotFound
from gateway.testing.clocks import VirtualClock


class Options(BaseModel, extra="forbid"):
    trouble: str = ""


class Lamp(Driver):
    name = "lamp"
    options = Options
    opened: list[str] = []
    closed: list[str] = []

    @asynccontextmanager
    async def open(self, options, context):
        self.opened.append(context.name)
        match options.trouble:
            case "slow":
                await anyio.sleep_forever()
            case "down":
                raise InterfaceDown("nothing answers")
            case "bug":
                raise ZeroDivisionError("oh")
        try:
            yield Interface()
        finally:
            self.closed.append(context.name)


@pytest.fixture
def look():
    Lamp.opened.clear()
    Lamp.closed.clear()

    def find(name):
        if name != "lamp":
            raise NotFound(f"no driver {name!r}")
        return Lamp

    async def look(*troubles, running=None):
        interfaces = [
            InterfaceSection.model_validate({"bus": text, "driver": "lamp", "trouble": text}) for text in troubles
        ]
        return await check_interfaces(interfaces, find, running, clock=VirtualClock(), random=random.Random(1))

    return look


async def test_each_is_opened_and_given_back(look):
    one, two = await look("none", "down")
    assert (one.level, one.message) == ("ok", "it answers (driver lamp, bus none)")
    assert (two.level, two.subject) == ("problem", "down")
    assert "it is absent (driver lamp, bus down): nothing answers" in two.message
    assert "busgate bus scan down" in two.advice
    assert Lamp.closed == ["none"]


async def test_a_driver_that_crashes_is_named(look):
    (found,) = await look("bug")
    assert "it is failed" in found.message
    assert "driver 'lamp' crashed: ZeroDivisionError: oh" in found.message


async def test_one_that_never_opens_delays_no_longer_than_its_time(look):
    began = anyio.current_time()
    slow, well = await look("slow", "none")
    assert anyio.current_time() - began == pytest.approx(OPENING)
    assert slow.message.startswith("it doesn't answer")
    assert well.level == "ok"


async def test_what_a_running_node_has_is_not_opened(look):
    state = {"name": "x", "bus": "b", "driver": "lamp", "reason": "gone"}
    found = await look("none", running=[state | {"state": "up"}, state | {"state": "absent"}])
    assert [one.level for one in found] == ["ok", "problem"]
    assert "the running node has it up" in found[0].message
    assert Lamp.opened == []
