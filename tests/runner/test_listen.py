"""Telegrams as stored code gets them: `_self.listen`, `TelegramMsg`, and the procedure `radio.receive`."""

from contextlib import asynccontextmanager
from dataclasses import replace

import anyio
import pytest

from gateway.bus.supervised import InterfaceSpec
from gateway.locations import Locations
from gateway.path import P
from gateway.radio import Radio
from gateway.radio.procedure import RECEIVE
from gateway.runner import SingleRunner
from gateway.values import Message, Quantity, Telegram

STICK = InterfaceSpec("stick", "rfx", "none")
LISTEN = """
await _self.listen("rfx")
seen = []
async for msg in _info:
    if isinstance(msg, _cls.TelegramMsg):
        what = [msg.bus, msg.device, msg.kind, msg.values["on"].value]
        seen.append([*what, msg.rssi, msg.battery, msg.raw, msg.replayed])
        await _self.set(_P("seen"), seen)
"""


@asynccontextmanager
async def with_radio(make_node):
    """A node with a stick; yields it and what makes the stick hear something."""
    async with make_node(registered=[RECEIVE]) as node, anyio.create_task_group() as tasks:
        radio = Radio(node.store, "n1")
        await tasks.start(radio.run)
        node.runner = SingleRunner(replace(node.context, radio=radio))

        def hear(content, device="ac:1", **more):
            values = {"on": Quantity(content), "temperature": Quantity(21.5, "°C")}
            now, key = node.clock.lease_now(), f"{device} {content}".encode()
            radio.hear(STICK, Telegram(device, "ac", values, now, key, 0.25, -60.0, 90, key, **more))

        async with node.running_runner():
            yield node, hear
        tasks.cancel_scope.cancel()


async def test_a_job_listens(make_node):
    async with with_radio(make_node) as (node, hear):
        await node.code("ears", LISTEN)
        await node.now("ears")
        await anyio.sleep(1)
        hear(True)
        await anyio.sleep(1)
        assert await node.value("seen") == [["rfx", "ac:1", "ac", True, -60.0, 90, b"ac:1 True", False]]


async def test_what_was_in_hand_comes_again_after_an_error(make_node):
    async with with_radio(make_node) as (node, hear):
        fail_once = LISTEN.replace(
            "        seen.append", '        if not msg.replayed: raise ValueError("at first")\n        seen.append'
        )
        await node.code("ears", fail_once)
        await node.now("ears", delay=5)
        await anyio.sleep(1)
        hear(True)
        await anyio.sleep(10)
        assert [one[-1] for one in await node.value("seen")] == [True]


async def test_what_was_in_hand_when_the_code_returned_is_dealt_with(make_node):
    once = 'await _self.listen("rfx")\nasync for msg in _info:\n    if isinstance(msg, _cls.TelegramMsg):\n'
    async with with_radio(make_node) as (node, hear):
        await node.code("ears", once + "        return msg.values['on'].value")
        await node.now("ears", repeat=1)
        await anyio.sleep(0.5)
        hear("first")
        await anyio.sleep(0.5)
        hear("second")
        await anyio.sleep(5)
        assert (await node.state("ears")).result == "second"
        assert (await node.state("ears")).runs == 3


async def test_many_telegrams_wait_for_a_slow_job_whatever_its_queue(make_node):
    slow = LISTEN.replace("        await _self.set", "        await anyio.sleep(0.1)\n        await _self.set")
    async with with_radio(make_node) as (node, hear):
        await node.code("ears", "import anyio" + slow)
        await node.now("ears", queue=1)
        await anyio.sleep(1)
        for number in range(100):
            hear(number)
        await anyio.sleep(20)
        assert [one[3] for one in await node.value("seen")] == list(range(100))


async def test_without_radio_it_is_told(make_node):
    async with make_node() as node, node.running_runner():
        await node.code("ears", LISTEN)
        await node.now("ears")
        await node.ended("ears")
        assert "this runner has no radio" in next(iter((await node.errors()).values())).message


async def test_radio_receive_stores_and_publishes(make_node):
    async with with_radio(make_node) as (node, hear), node.store.subscribe(P("radio")) as events:
        node.buses.switch("rfx", up=True)
        await node.now("receive", "radio.receive", bus="rfx")
        await anyio.sleep(1)
        hear(True)
        with anyio.fail_after(10):
            message = await anext(events)
        assert isinstance(message, Message)
        assert (message.topic, message.value["values"]["on"]) == (
            P("radio.rfx") / "ac:1",
            {"value": True, "unit": None},
        )
        await anyio.sleep(3)
        hear(False, device="ac:2")
        await anyio.sleep(1)
        place = P("radio.rfx") / "ac:1"
        reading = (await node.store.get(place / "temperature")).value
        assert (reading["value"], reading["unit"], reading["quality"], reading["source"]) == (
            21.5,
            "°C",
            "ok",
            "n1/stick",
        )
        assert (await node.store.get(place / "battery")).value["value"] == 90
        assert (await node.store.get(place / "link")).value == {"n1/stick": -60.0}
        errors = Locations().errors
        assert not [entry async for entry in node.store.tree(errors)]


@pytest.mark.parametrize("name", ["bus", "device", "kind", "values", "rssi", "battery", "time", "raw", "heard", "age"])
async def test_every_field_is_there(make_node, name):
    code = LISTEN.replace("seen.append(", "seen.append(repr(msg.FIELD) or ".replace("FIELD", name))
    async with with_radio(make_node) as (node, hear):
        await node.code("ears", code)
        await node.now("ears")
        await anyio.sleep(1)
        hear(True)
        await anyio.sleep(1)
        assert len(await node.value("seen")) == 1
