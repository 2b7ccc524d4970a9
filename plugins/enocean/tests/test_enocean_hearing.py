"""What the driver makes of what a stick reports."""

import anyio
import pytest

from gateway.errors import InterfaceDown, NoSuchAttribute
from gateway.testing.faulty_streams import faulty_streams
from gateway.testing.lines import Link, links

SENSOR, PLUG = "0181B744", "0194E3B9"
WARM = "A5 00005508 0181B744 00"
ROCKER = "F6 50 00298979 30"


async def told(listener, count=1):
    with anyio.fail_after(5):
        return [await anext(listener) for _ in range(count)]


async def test_a_telegram_comes_to_all_who_listen(house, desk, paper):
    stick, bus = house
    async with bus.listen() as first, bus.listen() as second:
        await anyio.sleep(100)
        await stick.hear(WARM, rssi=71)
        (telegram,), (same,) = await told(first), await told(second)
    assert telegram is same
    assert (telegram.device, telegram.kind, telegram.rssi, telegram.battery) == (SENSOR, "A5-02-05", -71.0, None)
    assert telegram.values["TMP"] == (26.666667, "°C")
    assert telegram.heard == pytest.approx(desk.clock.lease_now())
    assert telegram.raw == paper.report(WARM, rssi=71)


async def test_receptions_of_one_telegram_have_one_key(house):
    """They differ in strength, count of subtelegrams and how often they were repeated."""
    stick, bus = house
    async with bus.listen() as listener:
        await stick.hear(ROCKER, rssi=60)
        await stick.hear("F6 50 00298979 31", rssi=82, subtelegrams=2)
        await stick.hear("F6 00 00298979 20")
        first, repeated, released = await told(listener, 3)
    assert first.key == repeated.key == bytes.fromhex("F6500029897930")
    assert released.key != first.key
    assert first.window == 0.15


async def test_a_contact_needs_no_profile(house):
    stick, bus = house
    async with bus.listen() as listener:
        await stick.hear("D5 09 01825DAB 00")
        (telegram,) = await told(listener)
    assert (telegram.kind, telegram.values["CO"].value) == ("D5-00-01", "closed")


async def test_without_optional_data_there_is_no_strength(house, paper):
    stick, bus = house
    async with bus.listen() as listener:
        await stick.port.send(paper.packet(1, bytes.fromhex(WARM)))
        (telegram,) = await told(listener)
    assert telegram.rssi is None
    assert telegram.values["TMP"].value == 26.666667


@pytest.mark.parametrize(
    "broken", ["A5 00005508 0181B744", "F6", "F6 00 00 00298979 30", "D5 01825DAB 00", "D2 0194E3B9"]
)
async def test_a_telegram_of_a_wrong_size_is_counted_and_costs_nothing_else(house, broken):
    stick, bus = house
    async with bus.listen() as listener:
        await stick.hear(broken)
        await stick.hear(WARM)
        (telegram,) = await told(listener)
    assert telegram.device == SENSOR
    assert bus.health()["malformed"] == 1


async def test_a_decoder_that_throws_costs_the_values_of_one_telegram(make_desk):
    desk = make_desk()
    smoke = {"id": "01020304", "eep": "F6-05-02"}
    async with desk.stick() as stick, desk.open(device=[smoke]) as bus, bus.listen() as listener:
        await stick.hear("F6 20 01020304 00")  # a value that the profile doesn't have: the library throws
        await stick.hear("F6 10 01020304 00")
        wrong, right = await told(listener, 2)
    assert (wrong.kind, wrong.values) == ("RPS", {"data": ("20", None)})
    assert (right.kind, right.values["SMO"].value) == ("F6-05-02", "Smoke Alarm ON")
    assert bus.health()["undecoded"] == 1


async def test_a_telegram_of_another_kind_than_the_profile_is_not_forced_into_it(house):
    stick, bus = house
    async with bus.listen() as listener:
        await stick.hear("D2 00005508 0181B744 00")
        (telegram,) = await told(listener)
    assert (telegram.kind, telegram.values) == ("VLD", {"data": ("00005508", None)})
    assert bus.health()["undecoded"] == 0


async def test_events_and_packets_of_other_kinds_are_counted(house, paper):
    stick, bus = house
    await stick.port.send(paper.packet(4, b"\x04\x01") + paper.packet(4, b"\x01") + paper.packet(0x0A, b"\x21\x22"))
    await stick.port.send(paper.packet(2, b"\x00"))
    await anyio.sleep(1)
    health = bus.health()
    assert (health["restarts"], health["other_packets"], health["stray_responses"]) == (1, 2, 1)


async def test_a_scan_lists_who_was_heard_and_how_often(house, desk):
    stick, bus = house
    for seconds in (10, 20):
        await anyio.sleep(seconds)
        await stick.hear(WARM, rssi=50 + seconds)
        await stick.hear(ROCKER)
        await anyio.sleep(0.1)
    heard = desk.clock.now()
    found = {device.id: device for device in await bus.scan()}
    assert list(found) == [SENSOR, PLUG, "00298979"]
    sensor, plug, rocker = found.values()
    assert (sensor.kind, sensor.readable) == ("A5-02-05", ("TMP",))
    assert sensor.details == {
        "count": 2,
        "last": pytest.approx(heard, abs=0.2),
        "rssi": -70,
        "eep": "A5-02-05",
        "profile": "configured",
    }
    assert (plug.details["count"], plug.details["last"]) == (0, None)
    assert (rocker.kind, rocker.details["count"]) == ("RPS", 2)
    assert await bus.scan(alarmed=True) == []


async def test_who_was_silent_for_longest_is_forgotten(make_desk):
    desk = make_desk()
    known = {"id": SENSOR, "eep": "A5-02-05"}
    async with desk.stick() as stick, desk.open(device=[known], remember=3) as bus:
        for number in (1, 2, 3, 1, 4):
            await stick.hear(f"F6 50 0000000{number} 30")
        await anyio.sleep(1)
        assert [device.id[-1] for device in await bus.scan()] == ["4", "3", "1", "4"]
        assert bus.health()["forgotten"] == 1


async def test_a_read_gives_what_was_said_last(house, desk):
    stick, bus = house
    assert (await bus.read(SENSOR, "TMP")).quality == "absent"
    await stick.hear(WARM)
    await anyio.sleep(1)
    heard = desk.clock.now()
    for id_ in (SENSOR, "01:81:b7:44", "0x0181b744"):
        reading = await bus.read(id_, "TMP")
        assert (reading.value, reading.unit, reading.quality) == (26.666667, "°C", "ok")
        assert reading.time == pytest.approx(heard, abs=1.1)
    with pytest.raises(NoSuchAttribute, match=r"has no attribute 'HUM' \(there are: TMP\)"):
        await bus.read(SENSOR, "HUM")
    assert (await bus.read("kitchen", "TMP")).quality == "absent"
    await anyio.sleep(3601)
    late = await bus.read(SENSOR, "TMP")
    assert (late.value, late.quality, late.time) == (26.666667, "stale", reading.time)


@pytest.mark.parametrize("name", links(1))
async def test_telegrams_come_over_any_line(make_desk, name):
    """On a lossy one those that arrive."""
    desk = make_desk(links(1)[name]())
    async with desk.stick() as stick, desk.open() as bus, bus.listen() as listener:
        for number in range(50):
            await stick.hear(f"A5 0000{number:02X}08 0181B744 00")
            await anyio.sleep(0.1)
        await anyio.sleep(2)
        count = bus.health()["telegrams"]
        heard = [telegram.key[3] for telegram in await told(listener, count)]
    assert heard == sorted(set(heard))
    assert count == 50 if name != "lossy" else 25 < count < 50


class TestFaultyStreams:
    FRAMES = [WARM, ROCKER, "D2 040064 0194E3B9 00", "A5 08284680 018A7B30 00", "D5 09 01825DAB 00"]
    NAMES = [str(stream) for stream in faulty_streams([b"abc", b"defg"])]

    @pytest.mark.parametrize("name", NAMES)
    async def test_every_telegram_is_heard_and_no_other(self, name, make_desk, paper):
        frames = [paper.report(text) for text in self.FRAMES]
        (stream,) = (one for one in faulty_streams(frames) if str(one) == name)
        desk = make_desk()
        async with desk.stick() as stick, desk.open() as bus, bus.listen() as listener:
            await stream.play_to(stick.port, desk.clock.sleep)
            await anyio.sleep(3)
            found = [telegram.raw for telegram in await told(listener, bus.health()["telegrams"])]
            stream.check(found)
            health = bus.health()
            assert health["undecoded"] == health["malformed"] == 0
            await bus.probe()


async def test_listening_ends_when_the_stick_is_pulled(desk):
    """Each listener gets what was heard before, then why there is no more."""
    found = []

    async def listen(bus):
        with anyio.fail_after(100):
            async with bus.listen() as listener:
                await collect(listener)

    async def collect(listener):
        try:
            async for telegram in listener:
                found.append(telegram.device)
        except InterfaceDown as error:
            found.append(str(error))

    async with anyio.create_task_group() as tasks, desk.stick() as stick, desk.losing() as bus:
        tasks.start_soon(listen, bus)
        await anyio.sleep(1)
        await stick.hear(WARM)
        desk.lines.unplug(desk.url)
        await anyio.sleep(10)
    assert found == [SENSOR, "memory:stick was lost: it has been unplugged, or its driver has ended"]


async def test_a_slow_link_in_pieces(make_desk):
    desk = make_desk(Link(portion=1))
    async with desk.stick() as stick, desk.open() as bus, bus.listen() as listener:
        await stick.hear(WARM)
        assert (await told(listener))[0].device == SENSOR
