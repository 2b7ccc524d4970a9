"""The driver on a gateway in memory: handshake, hearing, sending, one thing after the other."""

import anyio
import pytest

from gateway.abc import MAX_WRITE_TIME
from gateway.errors import ClaimLost, InterfaceDown, NoSuchAttribute, WriteRefused
from gateway.testing.lines import links
from gateway.testing.permits import WatchedPermit

LAMP = "newkaku_0000c6c2_1"
CLIMATE = b"20;b3;Oregon TempHygro;ID=1a2d;TEMP=00dd;HUM=43;BAT=OK;"


async def test_the_handshake_waits_for_the_banner(bench):
    began = anyio.current_time()
    async with bench.opened() as interface:
        assert 1.6 <= anyio.current_time() - began < 2
        assert bench.board.port.spec.baudrate == 57600
        assert bench.board.got == ["10;PING;", "10;VERSION;"]
        assert interface.health()["version"] == "1.1 R48"
        assert interface.health()["restarts"] == 0
    assert bench.board.port.spec is None


async def test_a_board_that_does_not_restart_is_asked(bench):
    bench.board.boot = None
    bench.board.version = None
    async with bench.opened() as interface:
        assert bench.board.got == ["10;PING;", "10;VERSION;"]
        assert interface.health()["version"] == ""


async def test_a_board_that_is_slow_to_start_is_asked_again(bench):
    bench.board.boot = 4.0
    async with bench.opened() as interface:
        assert interface.health()["version"] == "1.1 R48"


async def test_only_modules_that_are_not_as_they_should_be_are_switched(bench, caplog):
    async with bench.opened(protocols={"gpio": True, "milight": True, "nodonrf": False, "ble": True}) as interface:
        assert bench.board.got[2:] == ["10;STATUS;", "10;setGPIO=ON;", "10;setBLE=ON;"]
        assert interface.health()["modules"]["gpio"] is True
    assert "can't switch ble" in caplog.text


@pytest.mark.parametrize("name", ["perfect", "byte by byte", "delayed"])
async def test_hearing_and_sending_over_any_line(benches, on, name):
    async with benches(links(7)[name]()) as bench, bench.opened() as interface, interface.listen() as telegrams:
        for _ in range(5):
            await bench.board.hear(on)
            telegram = await anext(telegrams)
            assert (telegram.device, telegram.values["command"].value) == (LAMP, "on")
            assert telegram.raw == on
            assert await interface.send(LAMP, "off", {}) == 2
        assert bench.board.sent == ["10;newkaku;0000c6c2;1;off;"] * 5


async def test_scan_lists_who_was_heard(bench, on):
    async with bench.opened() as interface:
        assert await interface.scan() == []
        await bench.board.hear(on, CLIMATE, on[:-1] + b";RSSI=-072;")
        now = bench.context.clock.now()
        thermometer, remote = await interface.scan()
        assert await interface.scan(alarmed=True) == []
    assert (remote.id, remote.kind, remote.readable) == (LAMP, "NewKaku", ("command",))
    assert remote.details == {"count": 2, "last": remote.details["last"], "rssi": -72.0}
    assert now - 1 < remote.details["last"] <= now
    assert thermometer.details == {"count": 1, "last": thermometer.details["last"]}


async def test_the_list_is_bounded_and_forgets_who_was_silent_longest(bench, on):
    async with bench.opened(remember=40) as interface:
        await bench.board.hear(on)
        for number in range(40):
            await bench.board.port.send(b"20;3B;NewKaku;ID=%08x;SWITCH=2;CMD=ON;\r\n" % number)
        await anyio.sleep(1)
        ids = [device.id for device in await interface.scan()]
    assert len(ids) == 40
    assert LAMP not in ids


async def test_read_gives_what_a_device_has_said_last(bench):
    async with bench.opened() as interface:
        await bench.board.hear(CLIMATE)
        reading = await interface.read("oregontemphygro_1a2d", "temperature")
        assert (reading.value, reading.unit, reading.quality) == (22.1, "°C", "ok")
        await anyio.sleep(3700)
        old = await interface.read("oregontemphygro_1a2d", "temperature")
        assert (old.value, old.quality, old.time) == (22.1, "stale", reading.time)
        assert (await interface.read(LAMP, "command")).quality == "absent"
        with pytest.raises(NoSuchAttribute, match="humidity"):
            await interface.read("oregontemphygro_1a2d", "pressure")


async def test_a_line_that_can_not_be_decoded_costs_nothing_else(bench, on):
    spoilt = b"20;04;NewKaku;ID=000007;SWITCH=2;CMD=SET_LEVEL=z;", b"20;0A;\xff\xfe;ID=1;", b"20;75;DEBUG;Pulses=90;"
    async with bench.opened() as interface, interface.listen() as telegrams:
        await bench.board.hear(*spoilt, on)
        assert (await anext(telegrams)).device == LAMP
        health = interface.health()
    assert (health["telegrams"], health["undecoded"]) == (1, 3)


async def test_two_commands_at_once_go_out_one_after_the_other(bench):
    results = []
    async with bench.opened() as interface, anyio.create_task_group() as tasks:

        async def send(command):
            results.append((command, await interface.send(LAMP, command, {}), anyio.current_time()))

        for command in ("on", "off"):
            tasks.start_soon(send, command)
    assert sorted(result[:2] for result in results) == [("off", 2), ("on", 2)]
    assert bench.board.times[-1] - bench.board.times[-2] >= bench.board.takes


async def test_a_lost_acknowledgement_is_told_as_written(bench):
    bench.board.answer = None
    async with bench.opened() as interface:
        began = anyio.current_time()
        assert await interface.send(LAMP, "on", {}) == 1
        assert anyio.current_time() - began == pytest.approx(2.0, abs=0.1)
        bench.board.answer = "OK"
        assert await interface.send(LAMP, "off", {}) == 2
        assert interface.health()["unacknowledged"] == 1
    assert bench.board.got[2:] == ["10;newkaku;0000c6c2;1;on;", "10;PING;", "10;newkaku;0000c6c2;1;off;"]


async def test_an_ok_that_comes_late_is_taken_for_no_other(bench):
    bench.board.takes = 2.5
    async with bench.opened() as interface:
        assert await interface.send(LAMP, "on", {}) == 1
        bench.board.takes, bench.board.answer = 0.3, "CMD UNKNOWN"
        with pytest.raises(WriteRefused):
            await interface.send(LAMP, "off", {})


async def test_what_the_gateway_does_not_know_is_an_error(bench):
    bench.board.answer = "CMD UNKNOWN"
    async with bench.opened() as interface:
        with pytest.raises(WriteRefused, match="doesn't know '10;newkaku;0000c6c2;1;explode;'"):
            await interface.send(LAMP, "explode", {})
        bench.board.answer = "OK"
        assert await interface.send(LAMP, "on", {}) == 2


async def test_the_permit_is_asked_when_the_turn_has_come(bench):
    first, second = WatchedPermit(), WatchedPermit()
    async with bench.opened() as interface, anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: interface.send(LAMP, "on", {}, permit=first))
        await anyio.sleep(0.01)
        tasks.start_soon(lambda: interface.send(LAMP, "off", {}, permit=second))
        await anyio.sleep(0.2)
        assert (len(first.asked), len(second.asked)) == (1, 0)
        await anyio.sleep(0.2)
        assert len(second.asked) == 1
    assert 28 * 10 / 57600 < first.asked[0].seconds < MAX_WRITE_TIME / 5


async def test_without_permit_nothing_goes_out_and_the_driver_goes_on(bench):
    permit = WatchedPermit(grants=0)
    async with bench.opened() as interface:
        with pytest.raises(ClaimLost) as caught:
            await interface.send(LAMP, "on", {}, permit=permit)
        assert caught.value is permit.refusal
        assert bench.board.sent == []
        assert await interface.send(LAMP, "on", {}) == 2


async def test_after_a_cancelled_command_the_next_one_gets_its_own_answer(bench):
    bench.board.takes = 1.0
    async with bench.opened() as interface:
        with anyio.move_on_after(0.3):
            await interface.send(LAMP, "on", {})
        bench.board.answer = "CMD UNKNOWN"
        with pytest.raises(WriteRefused):
            await interface.send(LAMP, "off", {})
    assert bench.board.sent == ["10;newkaku;0000c6c2;1;on;", "10;newkaku;0000c6c2;1;off;"]


async def test_a_restart_while_it_is_open_is_noticed(bench, on):
    bench.board.answer = None
    async with bench.opened() as interface, interface.listen() as telegrams, anyio.create_task_group() as tasks:
        tasks.start_soon(interface.send, LAMP, "on", {})
        await anyio.sleep(0.1)
        bench.board.restart(1.0)
        await anyio.sleep(1.1)
        assert interface.health()["restarts"] == 1
        assert interface.health()["unacknowledged"] == 1  # told at once: it has forgotten the command
        await bench.board.hear(on)
        assert (await anext(telegrams)).device == LAMP
        bench.board.answer = "OK"
        assert await interface.send(LAMP, "off", {}) == 2


async def test_a_command_that_is_cancelled_while_its_bytes_leave_goes_out_whole(bench):
    bench.slow_down()
    async with bench.opened() as interface:
        with anyio.move_on_after(0.004):
            await interface.send(LAMP, "on", {})
        assert await interface.send(LAMP, "off", {}) == 2
    assert bench.board.sent == ["10;newkaku;0000c6c2;1;on;", "10;newkaku;0000c6c2;1;off;"]


async def test_a_probe_is_cheap_and_repeatable(bench):
    async with bench.opened() as interface:
        for _ in range(3):
            await interface.probe()
    assert bench.board.got[2:] == ["10;PING;"] * 3


async def test_a_gateway_that_hangs_fails_its_probe_within_five_seconds(bench):
    async with bench.opened() as interface:
        bench.board.alive = False
        began = anyio.current_time()
        with pytest.raises(InterfaceDown, match="no answer to 2 PINGs"):
            await interface.probe()
        assert anyio.current_time() - began < 5


async def test_a_gateway_that_hangs_is_noticed_by_the_next_command_but_one(bench):
    async with bench.opened() as interface:
        bench.board.alive = False
        assert await interface.send(LAMP, "on", {}) == 1
        with pytest.raises(InterfaceDown, match="no answer any more") as caught:
            await interface.send(LAMP, "on", {})
        assert caught.value.unsent


async def test_a_gateway_with_many_commands_is_alive(bench):
    bench.board.takes = 1.0
    async with bench.opened() as interface, anyio.create_task_group() as tasks:
        for _ in range(10):
            tasks.start_soon(interface.send, LAMP, "on", {})
        await anyio.sleep(0.1)
        with anyio.fail_after(4.5):
            await interface.probe()


async def test_an_unplugged_gateway_is_noticed_by_everybody(bench, on):
    bench.board.answer = None
    noticed: list[str] = []

    async def send():
        with pytest.raises(InterfaceDown, match="was lost"):
            await interface.send(LAMP, "on", {})
        noticed.append("sender")

    async def live():
        await bench.board.hear(on)
        with anyio.CancelScope(shield=True):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(send)
                await anyio.sleep(0.1)
                bench.lines.unplug("memory:rflink")
            assert (await anext(telegrams)).device == LAMP
            with pytest.raises(InterfaceDown):
                await anext(telegrams)
            noticed.append("listener")
        await anyio.sleep(1)

    with pytest.raises(InterfaceDown, match="was lost"):
        async with bench.opened() as interface, interface.listen() as telegrams:
            await live()
    assert noticed == ["sender", "listener"]


async def test_nothing_but_silence_is_no_gateway(bench):
    bench.board.alive = False
    with pytest.raises(InterfaceDown, match="is an RFLink gateway there"):
        async with bench.opened():
            pass
    assert bench.board.port.spec is None


async def test_a_port_that_is_lost_during_the_handshake_is_told_at_once(bench):
    async with anyio.create_task_group() as tasks:

        async def pull():
            await anyio.sleep(0.5)
            bench.lines.unplug("memory:rflink")

        tasks.start_soon(pull)
        with pytest.raises(InterfaceDown, match="was lost"):
            async with bench.opened():
                pass
        assert anyio.current_time() < 1
