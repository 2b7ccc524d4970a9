"""The shared air: loss, copies, collisions, strength; what the log tells; the same seed, the same bytes."""

import math

import anyio
import pytest

from hwsim import House
from hwsim.radio.judgement import heard_by_anybody, simultaneous

TWO_STICKS = """
[[bus]]
name = "attic"
kind = "rfxtrx"
[[bus]]
name = "cellar"
kind = "rfxtrx"
"""
REMOTE = """
[[device]]
kind = "remote"
name = "hall"
code = "ac"
id = "00AB12CD"
"""
STICKS = {"attic", "cellar"}
ON = bytes.fromhex("0B1100 07 00C0FFEE 01 01 00 00")


def losses(house):
    """Part of the telegrams that each of the two missed, and both."""
    log = house.air.log
    missed = {name: sum(name not in entry.heard_by for entry in log) / len(log) for name in STICKS}
    return missed["attic"], missed["cellar"], 1 - len(heard_by_anybody(log, STICKS)) / len(log)


@pytest.mark.parametrize("count", [1000, pytest.param(20_000, marks=pytest.mark.soak)])
async def test_two_receivers_with_five_percent_loss_each(started, frames_of, count):
    house = House.parse("[air]\nloss = 0.05\n" + TWO_STICKS + REMOTE)
    async with house.running(ptys=False):
        hosts = [await started(house, name) for name in sorted(STICKS)]
        for _ in range(count):
            await house.press("hall", "on")
            await anyio.sleep(0.5)
        attic, cellar, both = losses(house)
        slack = 4 / math.sqrt(count)
        assert abs(attic - 0.05) < slack * math.sqrt(0.05)
        assert abs(cellar - 0.05) < slack * math.sqrt(0.05)
        assert abs(both - 0.0025) < slack * math.sqrt(0.0025)
        for host, missed in zip(hosts, (attic, cellar), strict=True):
            assert len(frames_of(host.take())) == round(count * (1 - missed)), "one report for each telegram heard"
        assert house.time.now() > 0.8 * count, "seconds that nobody has waited"


async def test_each_copy_can_be_lost_for_itself(started):
    house = House.parse("[air]\ncopy_loss = 0.5\n" + TWO_STICKS + REMOTE)
    async with house.running(ptys=False):
        await started(house, "attic")
        for _ in range(400):
            await house.press("hall", "on")
        receptions = [entry.receptions["attic"] for entry in house.air.log]
        assert 2.3 < sum(reception.heard for reception in receptions) / 400 < 2.7, "of five"
        assert 0.01 < sum(not reception.heard for reception in receptions) / 400 < 0.06, "1/32 is expected"
        later = [entry.receptions["attic"].first_at - entry.began for entry in house.air.log if entry.heard_by]
        assert {round(when, 3) for when in later} == {0.067, 0.144, 0.221, 0.298, 0.375}


async def test_a_stick_may_report_each_copy(started, frames_of):
    house = House.parse(TWO_STICKS + "every_copy = true\n" + REMOTE)
    async with house.running(ptys=False):
        attic, cellar = [await started(house, name) for name in ("attic", "cellar")]
        await house.press("hall", "on")
        await anyio.sleep(0.1)
        assert len(frames_of(attic.take())) == 1
        frames = frames_of(cellar.take())
        assert len(frames) == 5
        assert [frame[3] for frame in frames] == [0, 1, 2, 3, 4]


async def test_a_button_that_is_held_sends_more_copies():
    house = House.parse(TWO_STICKS + REMOTE)
    async with house.running(ptys=False):
        assert (await house.press("hall", "on")).copies == 5
        held = await house.press("hall", "on", hold=2.0)
        assert held.copies == 27
        assert held.ended - held.began == pytest.approx(2.0, abs=0.08)


SECOND = REMOTE.replace('"hall"', '"stairs"').replace("00AB12CD", "00AB12CE")


async def both_press(house, delay=0.01):
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(house.press, "hall", "on")
        await anyio.sleep(delay)
        tasks.start_soon(house.press, "stairs", "on")


async def test_telegrams_that_overlap_destroy_each_other(started):
    house = House.parse(TWO_STICKS + REMOTE + SECOND)
    async with house.running(ptys=False):
        host = await started(house, "attic")
        await both_press(house)
        assert host.take() == b""
        for entry in house.air.log:
            assert entry.receptions["attic"].missed == {"collision": 5}
            assert entry.heard_by == []


async def test_the_last_copies_of_the_second_survive(started, frames_of):
    house = House.parse(TWO_STICKS + REMOTE + SECOND)
    async with house.running(ptys=False):
        host = await started(house, "attic")
        await both_press(house, delay=0.2)
        await anyio.sleep(0.1)
        assert len(frames_of(host.take())) == 2
        assert [entry.receptions["attic"].missed["collision"] for entry in house.air.log] == [3, 3]


async def test_copies_of_two_telegrams_may_mix(started, frames_of):
    short = REMOTE.replace('"ac"', '"arc"').replace("00AB12CD", "E")
    house = House.parse(TWO_STICKS + short + short.replace('"hall"', '"stairs"').replace('"E"', '"F"'))
    house.air.climate.capture = 0.0
    house.air.climate.jitter = 0.0
    async with house.running(ptys=False):
        host = await started(house, "attic")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(house.press, "hall", "on")
            await anyio.sleep(0.02)
            tasks.start_soon(house.press, "stairs", "on")
        await anyio.sleep(0.1)
        assert [entry.receptions["attic"].heard for entry in house.air.log] == [5, 5]
        assert len(frames_of(host.take())) == 2, "each is reported once"


async def test_a_house_with_sticks_can_run_again(started, frames_of):
    house = House.parse(TWO_STICKS + REMOTE)
    for _ in range(2):
        async with house.running(ptys=False):
            host = await started(house, "attic")
            await house.press("hall", "on")
            await anyio.sleep(0.1)
            assert len(frames_of(host.take())) == 1


async def test_the_stronger_one_is_heard_where_it_is_stronger(started, frames_of):
    strengths = "rssi = { attic = -50, cellar = -90 }\n"
    house = House.parse(TWO_STICKS + REMOTE + strengths + SECOND)
    async with house.running(ptys=False):
        attic, cellar = [await started(house, name) for name in ("attic", "cellar")]
        await both_press(house)
        await anyio.sleep(0.1)
        assert [frame[4:8].hex() for frame in frames_of(attic.take())] == ["00ab12cd"]
        assert [frame[4:8].hex() for frame in frames_of(cellar.take())] == ["00ab12ce"]


async def test_other_bands_do_not_collide(hosts, started, frames_of):
    house = House.parse(
        TWO_STICKS
        + REMOTE
        + '[[bus]]\nname = "dolphin"\nkind = "enocean"\n'
        + '[[device]]\nkind = "remote"\nname = "stairs"\ncode = "rps"\nid = "01020304"\n'
    )
    async with house.running(ptys=False):
        host, dolphin = await started(house, "attic"), await hosts(house, "dolphin")
        await anyio.sleep(1)
        dolphin.take()
        await both_press(house)
        await anyio.sleep(0.2)
        assert len(frames_of(host.take())) == 1
        assert dolphin.take().count(b"\x55\x00\x07\x07\x01") == 2, "pressed and released"
        assert "dolphin" not in house.air.log[0].receptions


async def test_who_sends_hears_nothing(started, frames_of):
    house = House.parse(TWO_STICKS + REMOTE)
    async with house.running(ptys=False):
        attic, cellar = [await started(house, name) for name in ("attic", "cellar")]
        assert await attic.ask(ON) == bytes.fromhex("04 02 01 07 00")
        assert [frame[4:8] for frame in frames_of(cellar.take())] == [ON[4:8]], "the other one overhears it"
        assert "attic" not in house.air.log[-1].receptions
        await attic.stream.send(ON)
        await anyio.sleep(0.05)
        await house.press("hall", "on")
        assert house.air.log[-1].receptions["attic"].missed["not listening"] >= 4


async def test_sticks_of_two_kinds_hear_each_other(hosts, started):
    house = House.parse(TWO_STICKS + '[[bus]]\nname = "link"\nkind = "rflink"\n')
    async with house.running(ptys=False):
        attic, link = await started(house, "attic"), await hosts(house, "link")
        await anyio.sleep(2)
        link.take()
        await attic.ask(ON)
        assert link.take() == b"20;01;NewKaku;ID=00c0ffee;SWITCH=0;CMD=ON;\r\n"
        await link.ask(b"10;NewKaku;c0ffee;2;7;\r\n")
        assert attic.take()[:-1] == bytes.fromhex("0B 11 00 00 00 C0 FF EE 03 02 07")


async def test_strength_is_in_the_reports_and_scatters(started, frames_of):
    strengths = "rssi = { attic = -60, cellar = -100 }\n"
    house = House.parse(TWO_STICKS + REMOTE + strengths)
    async with house.running(ptys=False):
        attic, cellar = [await started(house, name) for name in ("attic", "cellar")]
        for _ in range(300):
            await house.press("hall", "on")
        await anyio.sleep(0.1)
        strong, weak = [[8 * (frame[-1] >> 4) - 120 for frame in frames_of(host.take())] for host in (attic, cellar)]
        assert -62 < sum(strong) / 300 < -58
        assert -102 < sum(weak) / 300 < -98
        assert len(set(strong)) > 1


async def test_what_is_too_weak_is_not_heard(started):
    house = House.parse(TWO_STICKS + REMOTE + "rssi = { cellar = -130 }\n")
    async with house.running(ptys=False):
        for name in STICKS:
            await started(house, name)
        entry = await house.press("hall", "on")
        assert entry.heard_by == ["attic"]
        assert entry.receptions["cellar"].missed == {"too weak": 5}


async def test_an_order_waits_for_a_quiet_moment(started):
    house = House.parse(TWO_STICKS + REMOTE)
    async with house.running(ptys=False):
        attic = await started(house, "attic")
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(house.press, "hall", "on")
            await anyio.sleep(0.02)
            await attic.stream.send(ON)
        await anyio.sleep(1)
        remote, stick = house.air.log
        assert 0.02 < stick.began - remote.ended < 0.03, "the pauses between copies are too short"
        assert simultaneous(house.air.log, {"hall", "attic"}) == []


async def test_the_log_shows_two_transmitters_at_once(started):
    house = House.parse(TWO_STICKS)
    async with house.running(ptys=False):
        hosts = [await started(house, name) for name in sorted(STICKS)]
        await hosts[0].ask(ON)
        await hosts[1].ask(ON)
        assert len(house.air.log) == 2
        assert simultaneous(house.air.log, STICKS) == []
        for host in hosts:
            await host.stream.send(ON)
        await anyio.sleep(1)
        assert len(simultaneous(house.air.log, STICKS)) == 1
        assert simultaneous(house.air.log, {"attic"}) == []


BUSY = (
    "[air]\nloss = 0.1\ncopy_loss = 0.2\n"
    + TWO_STICKS
    + '[[bus]]\nname = "link"\nkind = "rflink"\n[[bus]]\nname = "dolphin"\nkind = "enocean"\n'
    + "".join(
        f'[[device]]\nkind = "weather"\nname = "w{n}"\ncode = "oregon"\nid = "{n}A01"\ninterval = {7 + n}\n'
        f'temperature = {{ curve = "walk", mean = 12, swing = 9 }}\n'
        for n in range(1, 7)
    )
    + '[[device]]\nkind = "weather"\nname = "bath"\ncode = "4bs"\nid = "0180AB01"\ninterval = 3\n'
    + '[[fault]]\nkind = "garbled"\ntarget = "attic"\nat = 100\nfor = 100\n'
    + '[[fault]]\nkind = "noise"\ntarget = "link"\nat = 50\nevery = 20\n'
)


async def run_busy(hosts, started, seed):
    """What four hosts got within ten minutes, byte by byte, with the times."""
    house = House.parse(f"seed = {seed}\n" + BUSY)
    async with house.running(ptys=False):
        all_hosts = [await started(house, name) for name in ("attic", "cellar")]
        all_hosts += [await hosts(house, name) for name in ("link", "dolphin")]
        await anyio.sleep(300)
        return [[(round(when, 6), data) for when, data in host.got] for host in all_hosts]


async def test_the_same_seed_gives_the_same_bytes_at_the_same_times(hosts, started):
    first = await run_busy(hosts, started, 1)
    assert min(len(portions) for portions in first) > 50
    assert await run_busy(hosts, started, 1) == first
    assert await run_busy(hosts, started, 2) != first


async def test_a_day_of_weather_takes_no_time(started, frames_of):
    weather = '[[device]]\nkind = "weather"\nname = "garden"\ncode = "oregon"\nid = "1A2D"\n'
    curve = 'temperature = { curve = "day", mean = 10, swing = 15 }\n'
    house = House.parse(TWO_STICKS + weather + curve)
    async with house.running(ptys=False):
        host = await started(house, "attic")
        await anyio.sleep(86400)
        frames = frames_of(host.take())
        assert len(frames) == 2160
        tenths = [((frame[6] & 0x7F) << 8 | frame[7]) * (-1 if frame[6] & 0x80 else 1) for frame in frames]
        assert min(tenths) == -50
        assert max(tenths) == 250
