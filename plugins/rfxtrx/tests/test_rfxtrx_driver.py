"""The driver on a stick in memory: handshake, hearing, sending, one thing after the other."""

import anyio
import pytest

from gateway.abc import MAX_WRITE_TIME
from gateway.errors import BusFault, ClaimLost, InterfaceDown, NoSuchAttribute, Unsupported, WriteRefused
from gateway.testing.lines import links
from gateway.testing.permits import WatchedPermit

LAMP = "11_0_0ab12cd:3"


async def test_the_handshake(bench):
    bench.stick.before_reset = bytes.fromhex("0b11002a00ab12cd03")  # half of what it was at
    async with bench.opened() as interface:
        assert bench.stick.port.spec.baudrate == 38400
        assert [packet[4] for packet in bench.stick.got] == [0x00, 0x02, 0x07]
        assert bench.stick.got[0] == bytes.fromhex("0d00000000000000000000000000")
        assert bench.stick.times[1] - bench.stick.times[0] == pytest.approx(0.5, abs=0.01)
        health = interface.health()
    assert (health["firmware"], health["frequency"]) == (0x5E, "433.92MHz")
    assert health["modes"] == ["ac", "arc", "hideki", "lacrosse", "oregon", "x10"]
    assert bench.stick.port.spec is None


async def test_receiving_modes_are_set_when_they_are_given(bench, caplog):
    bench.stick.can = bytes([0x00, 0xFF, 0xFF, 0x00])
    async with bench.opened(protocols=["ac", "oregon", "keeloq"]) as interface:
        assert [packet[4] for packet in bench.stick.got] == [0x00, 0x02, 0x03, 0x07]
        assert bench.stick.got[2].hex() == "0d00000203531c" + "00002401" + "000000"
        assert interface.health()["modes"] == ["ac", "oregon"]
    assert "does not receive keeloq" in caplog.text


async def test_an_old_firmware_answers_shorter_and_needs_no_start(bench):
    bench.stick.long = False
    async with bench.opened() as interface:
        assert interface.health()["frequency"] == "433.92MHz"


@pytest.mark.parametrize("name", ["perfect", "byte by byte", "delayed"])
async def test_hearing_and_sending_over_any_line(benches, ac_on, name):
    async with benches(links(7)[name]()) as bench, bench.opened() as interface, interface.listen() as telegrams:
        for _ in range(5):
            await bench.stick.hear(ac_on)
            telegram = await anext(telegrams)
            assert (telegram.device, telegram.values["command"].value) == (LAMP, "on")
            assert telegram.raw == ac_on
            assert await interface.send(LAMP, "off", {}) == 2
        assert len(bench.stick.sent) == 5


async def test_scan_lists_who_was_heard(bench, ac_on):
    async with bench.opened() as interface:
        assert await interface.scan() == []
        await bench.stick.hear(ac_on, bytes.fromhex("0a52012a96038141600379"), ac_on)
        now = bench.context.clock.now()
        thermometer, remote = await interface.scan()
        assert await interface.scan(alarmed=True) == []
    assert (remote.id, remote.kind, remote.readable, remote.details["count"]) == (LAMP, "AC", ("command",), 2)
    assert now - 1 < remote.details["last"] <= now
    assert thermometer.details == {"count": 1, "last": thermometer.details["last"], "rssi": -64.0, "battery": 100}


async def test_the_list_is_bounded_and_forgets_who_was_silent_longest(bench, ac_on):
    async with bench.opened(remember=40) as interface:
        await bench.stick.hear(ac_on)
        for number in range(40):
            packet = bytearray(ac_on)
            packet[5:7] = number.to_bytes(2)
            await bench.stick.port.send(bytes(packet))
        await anyio.sleep(1)
        ids = [device.id for device in await interface.scan()]
    assert len(ids) == 40
    assert LAMP not in ids


async def test_read_gives_what_a_device_has_said_last(bench):
    async with bench.opened() as interface:
        await bench.stick.hear(bytes.fromhex("0a52012a96038141600379"))
        reading = await interface.read("52_1_96:03", "temperature")
        assert (reading.value, reading.unit, reading.quality) == (-32.1, "°C", "ok")
        await anyio.sleep(3700)
        old = await interface.read("52_1_96:03", "temperature")
        assert (old.value, old.quality, old.time) == (-32.1, "stale", reading.time)
        assert (await interface.read(LAMP, "command")).quality == "absent"
        with pytest.raises(NoSuchAttribute, match="humidity"):
            await interface.read("52_1_96:03", "pressure")


async def test_a_packet_that_can_not_be_decoded_costs_nothing_else(bench, ac_on):
    bad = bytes.fromhex("0710002a99990170")  # a house code that is none: pyRFXtrx raises KeyError
    async with bench.opened() as interface, interface.listen() as telegrams:
        await bench.stick.hear(bad, bytes.fromhex("084000000000000070"), ac_on)
        assert (await anext(telegrams)).device == LAMP
        health = interface.health()
    assert (health["telegrams"], health["undecoded"]) == (1, 2)


async def test_two_commands_at_once_go_out_one_after_the_other(bench):
    results = []

    async def send(command):
        results.append(await interface.send(LAMP, command, {}))

    async with bench.opened() as interface, anyio.create_task_group() as tasks:
        for command in ("on", "off", "on", "off"):
            tasks.start_soon(send, command)
    assert results == [2, 2, 2, 2]
    assert bench.stick.most_transmitting == 1
    sequences = [packet[3] for packet in bench.stick.sent]
    assert len(set(sequences)) == 4
    assert 0 not in sequences


async def test_sequence_numbers_go_round(bench):
    bench.stick.takes = 0.0
    async with bench.opened() as interface:
        for _ in range(300):
            assert await interface.send(LAMP, "on", {}) == 2
    sequences = [packet[3] for packet in bench.stick.sent]
    assert set(sequences) == set(range(1, 256))


async def test_a_lost_acknowledgement_is_told_as_written(bench):
    bench.stick.ack = None
    async with bench.opened() as interface:
        began = anyio.current_time()
        assert await interface.send(LAMP, "on", {}) == 1
        assert anyio.current_time() - began == pytest.approx(2.0, abs=0.1)
        bench.stick.ack = 0x00
        assert await interface.send(LAMP, "off", {}) == 2
        assert interface.health()["unacknowledged"] == 1


async def test_an_acknowledgement_that_comes_late_is_taken_for_no_other(bench):
    bench.stick.takes = 3.0
    async with bench.opened() as interface:
        assert await interface.send(LAMP, "on", {}) == 1
        bench.stick.takes, bench.stick.ack = 1.5, 0x02
        with pytest.raises(BusFault, match="no lock"):
            await interface.send(LAMP, "off", {})
        assert interface.health()["late"] == 1


@pytest.mark.parametrize(
    ("code", "error", "match"),
    [(2, BusFault, "no lock on the frequency"), (3, WriteRefused, "refuses that id"), (9, BusFault, "code 9")],
)
async def test_what_the_stick_refuses_is_an_error(bench, code, error, match):
    bench.stick.ack = code
    async with bench.opened() as interface:
        with pytest.raises(error, match=match):
            await interface.send(LAMP, "on", {})
        bench.stick.ack = 1  # sent, after waiting for quiet air
        assert await interface.send(LAMP, "on", {}) == 2


async def test_a_command_that_the_firmware_does_not_know(bench):
    bench.stick.ack = None
    async with bench.opened() as interface, anyio.create_task_group() as tasks:

        async def refuse():
            await anyio.sleep(0.1)
            wrong = bytearray.fromhex("0d01ff00010253fa0c27000100" + "00")
            wrong[3] = bench.stick.sent[-1][3]
            await bench.stick.port.send(bytes(wrong))

        tasks.start_soon(refuse)
        with pytest.raises(Unsupported, match="firmware"):
            await interface.send("31_0_1234abcd:2", "up", {})


async def test_the_permit_is_asked_when_the_turn_has_come(bench):
    """The second command waits for the first one's acknowledgement, and is asked about after that."""
    first, second = WatchedPermit(), WatchedPermit()
    async with bench.opened() as interface, anyio.create_task_group() as tasks:
        tasks.start_soon(lambda: interface.send(LAMP, "on", {}, permit=first))
        await anyio.sleep(0.01)
        tasks.start_soon(lambda: interface.send(LAMP, "off", {}, permit=second))
        await anyio.sleep(0.05)
        assert (len(first.asked), len(second.asked)) == (1, 0)
        await anyio.sleep(0.1)
        assert len(second.asked) == 1
    assert 12 * 10 / 38400 < first.asked[0].seconds < MAX_WRITE_TIME / 5


async def test_without_permit_nothing_goes_out_and_the_driver_goes_on(bench):
    permit = WatchedPermit(grants=0)
    async with bench.opened() as interface:
        with pytest.raises(ClaimLost) as caught:
            await interface.send(LAMP, "on", {}, permit=permit)
        assert caught.value is permit.refusal
        assert bench.stick.sent == []
        assert await interface.send(LAMP, "on", {}) == 2


async def test_a_cancelled_command_keeps_the_next_one_waiting_until_it_is_over(bench):
    bench.stick.takes = 1.0
    async with bench.opened() as interface:
        with anyio.move_on_after(0.3):
            await interface.send(LAMP, "on", {})
        assert await interface.send(LAMP, "off", {}) == 2
    assert [packet[9] for packet in bench.stick.sent] == [1, 0]
    assert bench.stick.most_transmitting == 1


async def test_a_command_that_is_cancelled_at_once_goes_out_whole_or_not_at_all(benches):
    async with benches(links(7)["byte by byte"]()) as bench, bench.opened() as interface:
        for delay in (0, 0, 0.0001, 0.001):
            with anyio.move_on_after(delay):
                await interface.send(LAMP, "on", {})
        assert await interface.send(LAMP, "off", {}) == 2
        assert all(len(packet) == 12 for packet in bench.stick.sent)
        assert bench.stick.sent[-1][9] == 0


async def test_a_command_that_is_cancelled_while_its_bytes_leave_goes_out_whole(bench):
    bench.slow_down()
    async with bench.opened() as interface:
        with anyio.move_on_after(0.004):
            await interface.send(LAMP, "on", {})
        assert await interface.send(LAMP, "off", {}) == 2
    assert [len(packet) for packet in bench.stick.sent] == [12, 12]


async def test_a_probe_is_cheap_and_repeatable(bench):
    async with bench.opened() as interface:
        for _ in range(3):
            await interface.probe()
    assert [packet[4] for packet in bench.stick.got[3:]] == [0x02, 0x07] * 3


async def test_a_stick_that_has_forgotten_its_modes_is_opened_anew(bench):
    async with bench.opened(protocols=["ac"]) as interface:
        await interface.probe()
        bench.stick.modes = bytes([0x00, 0x0C, 0x27, 0x00])
        with pytest.raises(InterfaceDown, match="has restarted"):
            await interface.probe()


async def test_a_stick_that_hangs_fails_its_probe_within_five_seconds(bench):
    async with bench.opened() as interface:
        bench.stick.alive = False
        began = anyio.current_time()
        with pytest.raises(InterfaceDown, match="no answer to 2 requests"):
            await interface.probe()
        assert anyio.current_time() - began < 5


async def test_a_stick_with_many_commands_is_alive(bench):
    """The probe waits for its turn, and takes the acknowledgements meanwhile for signs of life."""
    bench.stick.takes = 1.0
    async with bench.opened() as interface, anyio.create_task_group() as tasks:
        for _ in range(10):
            tasks.start_soon(interface.send, LAMP, "on", {})
        await anyio.sleep(0.1)
        with anyio.fail_after(4.5):
            await interface.probe()


async def test_an_unplugged_stick_is_noticed_by_everybody(bench, ac_on):
    bench.stick.ack = None
    noticed: list[str] = []

    async def send():
        with pytest.raises(InterfaceDown, match="was lost"):
            await interface.send(LAMP, "on", {})
        noticed.append("sender")

    async def live():
        await bench.stick.hear(ac_on)
        with anyio.CancelScope(shield=True):
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(send)
                await anyio.sleep(0.1)
                bench.lines.unplug("memory:stick")
            assert (await anext(telegrams)).device == LAMP
            with pytest.raises(InterfaceDown):
                await anext(telegrams)
            noticed.append("listener")
        await anyio.sleep(1)

    with pytest.raises(InterfaceDown, match="was lost"):
        async with bench.opened() as interface, interface.listen() as telegrams:
            await live()
    assert noticed == ["sender", "listener"]


async def test_nothing_but_silence_is_no_stick(bench):
    bench.stick.alive = False
    with pytest.raises(InterfaceDown, match="is an RFXtrx there"):
        async with bench.opened():
            pass
    assert bench.stick.port.spec is None


async def test_a_lost_first_answer_is_asked_for_again(bench):
    bench.stick.alive = False
    async with anyio.create_task_group() as tasks:

        async def wake():
            await anyio.sleep(1.5)
            bench.stick.alive = True

        tasks.start_soon(wake)
        async with bench.opened() as interface:
            await interface.probe()
