"""Commands on their way to the air: by which radio, how often, and what the sender hears of it."""

import anyio
import pytest

from gateway.abc import Permit
from gateway.errors import BusFault, ClaimLost, InterfaceDown, NoAirtime, NoSuchDevice, NotFound
from gateway.locations import Locations, Place
from gateway.path import P


def sources(house):
    return [one.source for one in house.ether.log]


async def test_the_own_radio_sends_what_nobody_hears_better(house):
    a, _ = await house.join("a", "stick"), await house.join("b", "stick")
    sent = await a.send(number=1)
    assert (sent["level"], sent["interface"]) == (2, "a/stick")
    assert house.ether.log[0].values == {"number": 1}


async def test_the_radio_that_hears_the_device_sends_it_wherever_it_is(house):
    a, _ = await house.join("a", "stick"), await house.join("b", "stick")
    house.hear("lamp", a_stick=-80.0, b_stick=-60.0)
    await anyio.sleep(1)
    sent = await a.send()
    assert (sent["level"], sent["interface"]) == (2, "b/stick")
    assert sources(house) == ["b/stick"]


async def test_a_little_better_is_not_enough(house):
    a, _ = await house.join("a", "stick"), await house.join("b", "stick")
    house.hear("lamp", a_stick=-70.0, b_stick=-65.0)
    await anyio.sleep(1)
    assert (await a.send())["interface"] == "a/stick"


async def test_another_node_is_used_while_the_own_radio_is_down(house):
    a, _ = await house.join("a", "stick"), await house.join("b", "stick")
    house.stick("a/stick").unplug()
    await anyio.sleep(1)
    assert (await a.send())["interface"] == "b/stick"


async def test_a_node_without_a_radio_sends_by_that_of_another(house):
    a, _ = await house.join("a"), await house.join("b", "stick")
    assert (await a.send())["interface"] == "b/stick"


async def test_a_node_that_has_just_started_waits_for_the_answers_to_its_greeting(house):
    b = await house.join("b", "stick")
    for delay in (0.0, 0.3):
        b.store.faults.delay = delay
        a = await house.join(f"a{delay}")
        assert (await a.send())["interface"] == "b/stick"


async def test_a_bus_that_nobody_has_is_named_and_waited_for_at_the_start_only(house):
    a = await house.join("a")
    why = r"bus 'rfx' is not up here, nor known of another node: no interface of node 'a' has the bus 'rfx'"
    for longest in (1.0, 0.0):
        began = anyio.current_time()
        with pytest.raises(InterfaceDown, match=why):
            await a.send()
        assert anyio.current_time() - began <= longest


async def test_only_commands_go_to_other_nodes(house):
    a, _ = await house.join("a"), await house.join("b", "stick")
    handle = a.interfaces.handle("rfx")
    for call in (
        handle.scan(),
        handle.read("lamp", "on"),
        handle.read_many([("lamp", "on")]),
        handle.write("lamp", "on", value=True),
        handle.probe(),
        handle.wait_up(),
    ):
        with pytest.raises(NotFound, match=r"no interface of node 'a' has the bus 'rfx' .*another node's radio"):
            await call
    assert handle.health() == {}


async def test_a_job_of_a_node_without_a_radio_sends_with_its_token(house):
    await house.join("b", "stick")
    a = await house.join("a")
    house.nodes["b"].runner.stop()
    await a.job("lamp", 'return (await _self.bus("rfx").send("lamp", "on"))["interface"]')
    await anyio.sleep(2)
    state = await a.store.get(Locations().states_of(Place("any", "default")) / "lamp")
    assert (state.value["end"], state.value["result"]) == ("finished", "b/stick")
    assert sources(house) == ["b/stick"]


async def test_a_repeatable_command_is_tried_twice_and_then_elsewhere(house):
    a, _ = await house.join("a", "stick"), await house.join("b", "stick")
    house.stick("a/stick").script = ["mute", "mute"]
    sent = await a.send()
    assert (sent["level"], sent["interface"]) == (2, "b/stick")
    assert sources(house) == ["a/stick", "a/stick", "b/stick"]
    first, second, third = house.ether.log
    assert 0.1 <= second.start - first.end <= 0.35
    assert third.start >= second.end


async def test_when_no_radio_says_that_it_has_sent_it_is_a_fault(house):
    a, _, _ = [await house.join(name, "stick") for name in "abc"]
    for stick in house.ether.sticks.values():
        stick.script = ["mute"] * 9
    with pytest.raises(BusFault, match="doesn't answer"):
        await a.send()
    assert len(house.ether.log) == 4
    assert len(set(sources(house))) == 2


async def test_what_may_not_be_repeated_is_unknown(house):
    a, _ = await house.join("a", "stick"), await house.join("b", "stick")
    house.stick("a/stick").script = ["mute"]
    sent = await a.send(command="toggle")
    assert (sent["level"], sent["interface"]) == ("unknown", "a/stick")
    assert sources(house) == ["a/stick"]


async def test_what_certainly_was_not_sent_goes_elsewhere_even_if_it_may_not_be_repeated(house):
    a, _ = await house.join("a", "stick"), await house.join("b", "stick")
    house.stick("a/stick").script = ["nak"]
    assert (await a.send(command="toggle"))["interface"] == "b/stick"
    assert sources(house) == ["b/stick"]


async def test_a_bound_device_is_reached_by_its_radio_or_not_at_all(house):
    a, _ = await house.join("a", "stick"), await house.join("b", "stick")
    house.hear("bound lamp", a_stick=-90.0, b_stick=-40.0)
    await anyio.sleep(1)
    assert (await a.send("bound lamp"))["interface"] == "a/stick"
    house.stick("a/stick").script = ["nak"]
    with pytest.raises(BusFault, match="no lock"):
        await a.send("bound lamp")
    house.stick("a/stick").unplug()
    await anyio.sleep(1)
    before = anyio.current_time()
    with pytest.raises(InterfaceDown, match="obeys only one transmitter"):
        await a.send("bound lamp")
    assert anyio.current_time() - before < 0.1
    assert sources(house) == ["a/stick"]


async def test_a_device_that_only_another_radio_knows(house):
    a, _ = await house.join("a", "stick"), await house.join("b", "stick")
    house.stick("a/stick").knows = {"heater"}
    assert (await a.send("bound lamp"))["interface"] == "b/stick"
    house.stick("b/stick").knows = set()
    with pytest.raises(NoSuchDevice):
        await a.send("bound lamp")


async def test_a_device_that_answers(house):
    a = await house.join("a", "stick")
    assert (await a.send("clever lamp"))["level"] == 3
    house.ether.clever = False
    before = anyio.current_time()
    assert (await a.send("clever lamp"))["level"] == 2
    assert anyio.current_time() - before == pytest.approx(2.08, abs=0.01)


async def test_a_driver_that_is_not_told_whether_it_was_sent(house):
    a = await house.join("a", "stick")
    house.stick("a/stick").script = ["written"]
    assert (await a.send())["level"] == 1


async def test_lost_requests_and_replies_are_sent_again_and_carried_out_once(house):
    a, b = await house.join("a", "stick"), await house.join("b", "stick")
    house.hear("lamp", a_stick=-90.0, b_stick=-40.0)
    await anyio.sleep(1)
    levels = []
    for number in range(200):
        for node in (a, b):
            node.store.faults.lost_request = 0.3
        try:
            levels.append((await a.send(command="toggle", number=number))["level"])
        except (InterfaceDown, BusFault) as error:
            levels.append("not sent" if error.unsent else "failed")
        for node in (a, b):
            node.store.faults.lost_request = 0.0
        await anyio.sleep(6)
    numbers = [one.values["number"] for one in house.ether.log]
    assert len(numbers) == len(set(numbers))
    assert {number for number, level in enumerate(levels) if level == 2} <= set(numbers)
    assert {number for number, level in enumerate(levels) if level == "not sent"}.isdisjoint(numbers)
    print({level: levels.count(level) for level in levels})
    assert levels.count(2) > 160


async def test_a_node_that_has_died_costs_a_repeatable_command_two_seconds(house):
    a, b = await house.join("a", "stick"), await house.join("b", "stick")
    house.hear("lamp", a_stick=-90.0, b_stick=-40.0)
    await anyio.sleep(1)
    b.kill()
    before = anyio.current_time()
    assert (await a.send())["interface"] == "a/stick"
    assert anyio.current_time() - before < 2
    before = anyio.current_time()
    assert (await a.send())["interface"] == "a/stick"
    assert anyio.current_time() - before < 0.1


async def test_an_order_that_is_held_up_is_void(house):
    a, _ = await house.join("a", "stick"), await house.join("b", "stick")
    house.hear("lamp", a_stick=-90.0, b_stick=-40.0)
    await anyio.sleep(1)
    house.stick("b/stick").takes = 1.5
    assert (await a.send())["interface"] == "a/stick"
    assert sources(house) == ["a/stick"]


async def test_a_revoked_handle_leaves_nothing_behind(house):
    a, _ = await house.join("a", "stick"), await house.join("b", "stick")
    house.hear("lamp", a_stick=-90.0, b_stick=-40.0)
    await anyio.sleep(1)
    house.stick("b/stick").takes = 0.5
    with anyio.move_on_after(0.2):
        await a.send()
    assert anyio.current_time() < 1.3
    await anyio.sleep(5)
    assert house.ether.log == []


class Refusal(Permit):
    def check(self, seconds):
        raise ClaimLost("it is lost")


async def test_a_permit_that_refuses_is_not_asked_elsewhere(house):
    a, _ = await house.join("a", "stick"), await house.join("b", "stick")
    with pytest.raises(ClaimLost, match="it is lost"):
        await a.send(permit=Refusal())
    house.hear("lamp", a_stick=-90.0, b_stick=-40.0)
    await anyio.sleep(1)
    with pytest.raises(ClaimLost, match="it is lost"):
        await a.send(permit=Refusal())
    assert house.ether.log == []


async def test_one_radio_transmits_one_command_at_a_time(house):
    a, b = await house.join("a", "stick"), await house.join("b", "stick")
    house.hear("lamp", a_stick=-40.0, b_stick=-90.0)
    await anyio.sleep(1)
    async with anyio.create_task_group() as tasks:
        for _ in range(4):
            tasks.start_soon(a.send)
            tasks.start_soon(b.send)
    assert sources(house) == ["a/stick"] * 8
    for one, other in zip(house.ether.log, house.ether.log[1:], strict=False):
        assert other.start >= one.end


async def test_airtime_runs_out_and_is_kept_over_a_restart(house):
    a = await house.join("a", "stick")
    house.stick("a/stick").airtime = 10.0
    for _ in range(3):
        await a.send()
    with pytest.raises(NoAirtime, match=r"'stick' has used up .* band 868.0: wait 3\d\d\d s") as caught:
        await a.send()
    assert 3500 < caught.value.wait < 3600
    a.kill()
    await anyio.sleep(5)
    b = await house.join("a", process="a again")
    with pytest.raises(NoAirtime):
        await b.send()
    await anyio.sleep(3600)
    await b.send()
    assert len(house.ether.log) == 4


async def test_without_airtime_another_radio_sends(house):
    a, _ = await house.join("a", "stick"), await house.join("b", "stick")
    for stick in house.ether.sticks.values():
        stick.airtime = 10.0
    for _ in range(6):
        await a.send()
    assert sources(house) == ["a/stick"] * 3 + ["b/stick"] * 3
    house.stick("a/stick").airtime = 3.0
    await a.send(urgent=True)
    assert house.ether.log[-1].values == {}


async def test_an_interface_has_a_duty_cycle_of_its_own(house):
    a = await house.join("a", "stick", options={"duty_cycle": {"868.0": 0.0001}})
    for _ in range(5):
        await a.send()
    with pytest.raises(NoAirtime):
        await a.send()


async def test_nothing_is_sent_before_the_airtime_is_known(house):
    a = await house.join("a", "stick")
    a.store.cut()
    with pytest.raises(BusFault, match="can't be accounted for"):
        await a.send()
    a.store.mend()
    await a.send()
    a.store.cut()
    assert (await a.send())["level"] == 2


async def test_a_record_that_can_not_be_read_counts_as_used_up(house):
    a = await house.join("a", "stick")
    await a.store.set(Locations().airtime + P("a.stick"), {"868.0": {"spent": "?"}})
    with pytest.raises(NoAirtime):
        await a.send()


async def test_an_echo_is_no_telegram(house):
    a, b = await house.join("a", "stick"), await house.join("b", "stick")
    got = []

    async def listen(node, *, task_status):
        async with node.radio.listen("rfx", node.name) as telegrams:
            task_status.started()
            async for entry, heard in telegrams:
                got.append((node.name, heard.reception.telegram.raw))
                await telegrams.took(entry)

    async with anyio.create_task_group() as tasks:
        await tasks.start(listen, a)
        await tasks.start(listen, b)
        await a.send()
        await anyio.sleep(2)
        assert got == []
        house.ether.tell(house.stick("b/stick"), "lamp", "lamp on")  # a real press of a real remote control
        await anyio.sleep(2)
        assert sorted(got) == [("a", b"lamp on"), ("b", b"lamp on")]
        tasks.cancel_scope.cancel()


async def test_a_scan_asks_all_radios_of_the_node(house):
    a = await house.join("a", "left", "right")
    handle = a.interfaces.handle("rfx")
    house.hear("lamp", a_left=-70.0)
    house.hear("lamp", a_left=-70.0)
    house.hear("door", a_right=-80.0)
    assert {(one.id, one.details["count"]) for one in await handle.scan()} == {("lamp", 2), ("door", 1)}
    house.stick("a/right").deaf = True
    assert [one.id for one in await handle.scan()] == ["lamp"]
    house.stick("a/left").deaf = True
    with pytest.raises(BusFault, match="no answer"):
        await handle.scan()
