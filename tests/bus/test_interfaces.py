"""Each interface is kept open by itself, whatever its hardware and its driver do."""

import anyio
import pytest

from gateway.bus.interfaces import Timing
from gateway.errors import ConfigError, InterfaceDown, NotFound


def states(interfaces):
    return {each["name"]: each["state"] for each in interfaces.snapshot()}


def reason(interfaces, name):
    (found,) = [each["reason"] for each in interfaces.snapshot() if each["name"] == name]
    return found


def is_(interfaces, name, state):
    return lambda: states(interfaces)[name] == state


async def test_an_interface_comes_up_and_is_closed_at_the_end(bench, settled):
    hardware = bench.add("left")
    async with bench.interfaces() as interfaces:
        assert states(interfaces) == {"left": "opening"}
        assert not interfaces.is_up("attic")
        await settled(interfaces, lambda: interfaces.is_up("attic"))
        (shown,) = interfaces.snapshot()
        health = shown.pop("health")
        assert shown == {
            "name": "left",
            "bus": "attic",
            "driver": "scripted",
            "state": "up",
            "reason": "",
            "since": bench.clock.now(),
        }
        assert health == {"asked": 1, "opens": 1, "losses": 0, "calls": 0, "faults": 0}
        assert hardware.open_now == 1
    assert hardware.open_now == 0
    assert not interfaces.is_up("attic")
    assert bench.errors == [("left", None)]


async def test_a_node_starts_without_its_hardware_and_opens_it_when_it_comes(bench, settled):
    hardware = bench.add("left")
    hardware.plugged = False
    async with bench.interfaces() as interfaces:
        await settled(interfaces, is_(interfaces, "left", "absent"))
        assert interfaces.explain("attic") == "interface 'left' is absent for 0 s: it has been unplugged"
        await anyio.sleep(600)
        assert interfaces.explain("attic") == "interface 'left' is absent for 600 s: it has been unplugged"
        assert 115 <= hardware.asked.count("open") <= 250  # each 2.5 to 5 s
        assert bench.errors == [("left", "it has been unplugged")]
        hardware.plugged = True
        await settled(interfaces, lambda: interfaces.is_up("attic"))
        assert bench.now() <= 606
        assert bench.errors[1:] == [("left", None)]


async def test_it_is_opened_at_once_when_its_device_reappears(bench, settled):
    hardware = bench.add("left")
    hardware.plugged = False
    async with bench.interfaces(timing=Timing(least_backoff=5)) as interfaces:
        await anyio.sleep(1)
        hardware.plugged = True
        interfaces.wake("left")
        await settled(interfaces, lambda: interfaces.is_up("attic"))
        assert bench.now() == 1
        with pytest.raises(NotFound, match=r"no interface 'lift' here \(there are: left\)"):
            interfaces.wake("lift")


async def test_a_lost_interface_is_back_in_less_than_half_a_second(bench, settled):
    hardware = bench.add("left")
    async with bench.interfaces() as interfaces:
        for _ in range(20):
            await settled(interfaces, lambda: interfaces.is_up("attic"))
            await anyio.sleep(6)
            hardware.unplug()
            await settled(interfaces, lambda: reason(interfaces, "left") == "lost: the line went dead")
            assert hardware.open_now == 0
            lost = bench.now()
            hardware.plugged = True
            await settled(interfaces, lambda: interfaces.is_up("attic"))
            assert 0.2 <= bench.now() - lost <= 0.4


async def test_one_that_is_lost_again_and_again_is_opened_ever_more_slowly(bench):
    hardware = bench.add("left")
    hardware.trouble["probe"] = ValueError("nonsense")
    async with bench.interfaces(timing=Timing(silence=0.1)):
        await anyio.sleep(100)
        assert 20 <= hardware.asked.count("open") <= 50


async def test_silent_hardware_is_probed_each_ten_seconds(bench):
    hardware = bench.add("left")
    async with bench.interfaces() as interfaces:
        await anyio.sleep(95)
        assert hardware.asked.count("probe") == 9
        handle = interfaces.handle("attic")
        for _ in range(20):
            await handle.read("t1", "value")
            await anyio.sleep(5)
        assert hardware.asked.count("probe") == 9


async def test_a_probe_that_finds_nothing_takes_it_down(bench, settled):
    hardware = bench.add("left")
    async with bench.interfaces() as interfaces:
        await settled(interfaces, lambda: interfaces.is_up("attic"))
        hardware.plugged = False
        await settled(interfaces, lambda: not interfaces.is_up("attic"))
        assert bench.now() == 10
        assert reason(interfaces, "left") == "lost: it has been unplugged"


async def test_a_probe_that_hangs_takes_it_down_and_back_up(bench, settled):
    hardware = bench.add("left")
    async with bench.interfaces() as interfaces:
        await settled(interfaces, lambda: interfaces.is_up("attic"))
        hardware.trouble["probe"] = anyio.Event()
        await settled(interfaces, lambda: not interfaces.is_up("attic"))
        assert bench.now() == 15
        assert reason(interfaces, "left") == "lost: no sign of life within 5 s"
        del hardware.trouble["probe"]
        await settled(interfaces, lambda: interfaces.is_up("attic"))
        assert bench.now() < 15.5


async def test_a_call_that_hangs_has_the_hardware_probed_at_its_bound(bench, settled):
    hardware = bench.add("left")
    async with bench.interfaces() as interfaces:
        handle = interfaces.handle("attic")
        await handle.wait_up()
        hardware.trouble["read"] = anyio.Event()
        reading = await handle.read("t1", "value")
        assert (reading.value, reading.quality, reading.source) == (None, "bus_error", "pi1/left")
        assert bench.now() == 30
        await anyio.sleep(1)
        assert hardware.asked.count("probe") == 1
        assert interfaces.is_up("attic")  # one dead device is not a dead interface
        hardware.trouble["probe"] = anyio.Event()
        await handle.read("t1", "value")
        await settled(interfaces, lambda: not interfaces.is_up("attic"))
        assert bench.now() == 66


async def test_an_open_that_hangs_delays_nobody(bench, settled):
    bench.add("left").trouble["open"] = anyio.Event()
    bench.add("right", bus="cellar")
    async with bench.interfaces() as interfaces:
        await settled(interfaces, lambda: interfaces.is_up("cellar"))
        assert bench.now() == 0
        await settled(interfaces, is_(interfaces, "left", "absent"))
        assert reason(interfaces, "left") == "not open within 30 s"
        assert bench.now() == 30


async def test_a_close_that_hangs_is_given_up(bench, settled):
    hardware = bench.add("left")
    async with bench.interfaces() as interfaces:
        await settled(interfaces, lambda: interfaces.is_up("attic"))
        hardware.trouble["close"] = anyio.Event()
        hardware.trouble["probe"] = InterfaceDown("dead")
        await settled(interfaces, lambda: not interfaces.is_up("attic"))
        hardware.trouble.pop("probe")
        await settled(interfaces, lambda: interfaces.is_up("attic"))
        assert 20 < bench.now() < 21
        del hardware.trouble["close"]


async def test_it_is_down_at_once_even_if_its_driver_ignores_being_cancelled(bench, settled):
    """A worker thread that hangs in a system call can't be cancelled."""
    hardware = bench.add("left")
    release = anyio.Event()
    async with bench.interfaces() as interfaces:
        await settled(interfaces, lambda: interfaces.is_up("attic"))
        hardware.trouble |= {"probe": InterfaceDown("dead"), "close": release, "stuck": True}
        await settled(interfaces, lambda: not interfaces.is_up("attic"))
        await anyio.sleep(100)
        assert hardware.asked.count("open") == 1
        with pytest.raises(InterfaceDown, match="'left' is opening for 100 s: lost: dead"):
            await interfaces.handle("attic").read("t1", "value")
        release.set()


@pytest.mark.parametrize("what", ["open", "probe", "close"])
async def test_a_crash_in_a_driver_is_contained_named_and_mended(bench, settled, what):
    hardware = bench.add("left")
    other = bench.add("right", bus="cellar")
    async with bench.interfaces() as interfaces:
        await settled(interfaces, lambda: interfaces.is_up("cellar"))
        await settled(interfaces, lambda: interfaces.is_up("attic"))
        hardware.trouble[what] = ZeroDivisionError("oh")
        hardware.unplug()
        hardware.plugged = True
        named = "driver 'scripted' crashed: ZeroDivisionError: oh"
        await settled(interfaces, lambda: named in reason(interfaces, "left"))
        assert states(interfaces) == {"left": "failed", "right": "up"}
        assert ("left", "oh") in bench.errors
        hardware.trouble.clear()
        await settled(interfaces, lambda: interfaces.is_up("attic"))
        assert other.asked.count("open") == 1


async def test_a_wrong_interface_fails_with_its_reason_and_the_rest_works(bench, settled):
    bench.add("good")
    bench.add("strange", driver="nosuch")
    bench.add("typo", portt="x")
    async with bench.interfaces() as interfaces:
        await settled(interfaces, lambda: interfaces.is_up("attic"))
        assert states(interfaces) == {"good": "up", "strange": "failed", "typo": "failed"}
        assert reason(interfaces, "strange") == "no driver 'nosuch'; install it: pip install busgate-nosuch"
        assert reason(interfaces, "typo") == "portt: unknown option (did you mean 'port'?)"
        await anyio.sleep(100)
        assert states(interfaces)["typo"] == "failed"


async def test_two_interfaces_of_one_name_are_refused(bench):
    bench.add("left")
    bench.add("left", bus="cellar")
    with pytest.raises(ConfigError, match="two interfaces have the name 'left'"):
        bench.interfaces()


async def test_an_unknown_bus_is_explained(bench):
    bench.add("left")
    async with bench.interfaces() as interfaces:
        assert interfaces.buses == ["attic"]
        assert interfaces.explain("roof") == "no interface of node 'pi1' has the bus 'roof' (buses here: attic)"
        with pytest.raises(NotFound, match="has the bus 'roof'"):
            interfaces.handle("roof")


@pytest.mark.parametrize("health", [ValueError("oh"), [{"port": object()}], [{1: {2}}], [None]])
async def test_health_that_is_no_plain_values_spoils_nothing(bench, settled, health):
    hardware = bench.add("left")
    async with bench.interfaces() as interfaces:
        await settled(interfaces, lambda: interfaces.is_up("attic"))
        hardware.trouble["health"] = health
        (shown,) = interfaces.snapshot()
        assert shown["health"]["opens"] == 1
        assert "driver crashed in health" in shown["health"]["error"]


async def test_a_report_that_fails_spoils_nothing(bench, settled, caplog):
    bench.add("left")
    bench.errors = None
    async with bench.interfaces() as interfaces:
        await settled(interfaces, lambda: interfaces.is_up("attic"))
        assert "the state could not be reported" in caplog.text


async def test_ending_the_node_is_no_error(bench, settled):
    bench.add("left").trouble["close"] = 1
    with anyio.CancelScope() as scope:
        async with bench.interfaces() as interfaces:
            await settled(interfaces, lambda: interfaces.is_up("attic"))
            scope.cancel()
            await anyio.sleep_forever()
    assert bench.errors == [("left", None)]
    assert not interfaces.is_up("attic")
    assert interfaces.snapshot()[0]["reason"] == "it is being closed"


async def test_a_driver_that_closes_the_interface_itself_is_opened_again(bench, settled):
    hardware = bench.add("left")
    hardware.trouble["quits"] = True
    async with bench.interfaces() as interfaces:
        await settled(interfaces, lambda: interfaces.is_up("attic"))
        hardware.unplug()
        hardware.plugged = True
        await settled(interfaces, lambda: reason(interfaces, "left") == "lost: its driver has closed it")
        await settled(interfaces, lambda: interfaces.is_up("attic"))
        assert bench.errors == [("left", None), ("left", "its driver has closed it"), ("left", None)]
