"""Commands: their telegrams, what they mean on the air, and what a stick may answer."""

import anyio
import pytest
from busgate_enocean.stick import RESPONSE_TIME, WRITE_TIME

from gateway.abc import MAX_WRITE_TIME
from gateway.errors import BusFault, ClaimLost, InterfaceDown, NoSuchDevice, Unsupported, WriteRefused
from gateway.testing.permits import WatchedPermit

DEVICES = [
    {"id": "0194E3B9", "eep": "D2-01-0E", "sender": 3},
    {"id": "0194E3C0", "eep": "D2-05-00"},
    {"id": "00000001", "eep": "A5-38-08", "sender": 127},
    {"id": "00000002", "eep": "F6-02-01", "sender": 1},
    {"id": "00000003", "eep": "A5-20-01", "sender": 2},
    {"id": "00000004", "eep": "D5-00-01"},
]
PLUG = "0194E3B9"
BASE = 0xFF9E5500
EVERYBODY = "ffffffff"


@pytest.fixture
async def house(desk):
    async with desk.stick() as stick, desk.open(device=DEVICES) as bus:
        stick.packets.clear()
        stick.times.clear()
        yield stick, bus


# The bytes were put together by hand from EEP 2.6.8; the first and the fourth stand in the library's tests, too.
TELEGRAMS = [
    (PLUG, "on", {}, "d2 011e64", 3, "00", "0194e3b9"),
    (PLUG, "off", {"channel": 1}, "d2 010100", 3, "00", "0194e3b9"),
    (PLUG, "level", {"level": 40}, "d2 011e28", 3, "00", "0194e3b9"),
    (PLUG, "query", {"channel": 2}, "d2 0302", 3, "00", "0194e3b9"),
    (PLUG, "set", {"CMD": 1, "DV": 0, "IO": 30, "OV": 100}, "d2 011e64", 3, "00", "0194e3b9"),
    ("0194E3C0", "position", {"position": 50, "angle": 10}, "d2 320a0001", 0, "00", "0194e3c0"),
    ("0194E3C0", "position", {"position": 0}, "d2 007f0001", 0, "00", "0194e3c0"),
    ("0194E3C0", "stop", {}, "d2 02", 0, "00", "0194e3c0"),
    ("0194E3C0", "query", {}, "d2 03", 0, "00", "0194e3c0"),
    ("00000001", "on", {}, "a5 01000009", 127, "00", EVERYBODY),
    ("00000001", "off", {}, "a5 01000008", 127, "00", EVERYBODY),
    ("00000001", "level", {"level": 60, "ramp": 5}, "a5 023c050d", 127, "00", EVERYBODY),
    ("00000001", "level", {"level": 0}, "a5 0200000c", 127, "00", EVERYBODY),
    ("00000002", "press", {"button": "ao"}, "f6 30", 1, "30", EVERYBODY),
    ("00000002", "release", {}, "f6 00", 1, "20", EVERYBODY),
    ("00000003", "set", {"SP": 50, "SB": True}, None, 2, "00", EVERYBODY),
    ("00000003", "teach", {}, "a5 800fff80", 2, "00", EVERYBODY),
    ("00000004", "set", {"CO": "closed"}, "d5 09", 0, "00", EVERYBODY),
    ("00000004", "teach", {}, "d5 00", 0, "00", EVERYBODY),
]


@pytest.mark.parametrize(("device", "command", "values", "content", "offset", "status", "to"), TELEGRAMS)
async def test_a_command_is_a_telegram(device, command, values, content, offset, status, to, house):
    stick, bus = house
    meaning = bus.transmission(device, command, values)
    assert stick.packets == []
    assert await bus.send(device, command, values) == 2
    ((kind, data, optional),) = stick.packets
    assert kind == 1
    if content:
        assert data[:-5].hex() == content.replace(" ", "")
    assert data[-5:].hex() == f"{BASE + offset:08x}{status}"
    assert optional.hex() == f"03{to}ff00"  # to send: three subtelegrams, strength FF, no security (ESP3, 2.1)
    assert meaning.key == data
    assert (meaning.airtime, meaning.band, meaning.bound) == (pytest.approx(0.0036), "868.0", True)


@pytest.mark.parametrize(
    ("device", "command", "values", "repeatable", "answers"),
    [
        (PLUG, "on", {}, True, True),
        ("0194E3C0", "position", {"position": 5}, True, False),
        ("0194E3C0", "query", {}, True, True),
        ("00000001", "level", {"level": 5}, True, False),
        ("00000002", "press", {"button": "AI"}, False, False),
        ("00000002", "release", {}, True, False),
        ("00000002", "set", {"EB": 1}, False, False),
        ("00000003", "set", {"SP": 5}, True, False),
    ],
)
async def test_a_transmission_says_what_may_be_repeated_and_what_is_answered(
    device, command, values, repeatable, answers, house
):
    meaning = house[1].transmission(device, command, values)
    assert (meaning.repeatable, meaning.answers) == (repeatable, answers)


@pytest.mark.parametrize(
    ("device", "command", "values", "error", "why"),
    [
        ("0194E3B8", "on", {}, NoSuchDevice, r"did you mean 0194E3B9\?.*configure it"),
        ("lamp", "on", {}, NoSuchDevice, "no device 'lamp'"),
        (
            PLUG,
            "toggle",
            {},
            Unsupported,
            r"D2-01-0E\) has no command 'toggle' \(there are: on, off, level, query, set\)",
        ),
        ("00000003", "on", {}, Unsupported, r"there are: set, teach"),
        (PLUG, "on", {"level": 3}, WriteRefused, r"on has no value level \(it takes channel\)"),
        (PLUG, "level", {}, WriteRefused, "level should be from 0 to 100 %, not None"),
        (PLUG, "level", {"level": 101}, WriteRefused, "from 0 to 100"),
        (PLUG, "on", {"channel": 40}, WriteRefused, "IO should be one of"),
        (PLUG, "query", {"channel": 31}, WriteRefused, r"channel should be from 0 to 30 \(all\), not 31"),
        ("00000002", "press", {"button": "C"}, WriteRefused, "button should be one of AI, AO, BI, BO, not 'C'"),
        ("00000002", "release", {"button": "AI"}, WriteRefused, "it takes none"),
        ("00000003", "set", {"SP": 200}, WriteRefused, "SP should be from 0 to 100 %"),
    ],
)
async def test_what_can_not_be_sent_is_refused_before_it_costs_anything(device, command, values, error, why, house):
    stick, bus = house
    permit = WatchedPermit(grants=0)
    with pytest.raises(error, match=why):
        await bus.send(device, command, values, permit=permit)
    with pytest.raises(error, match=why):
        bus.transmission(device, command, values)
    assert stick.packets == []
    assert permit.asked == []


async def test_a_sender_of_which_no_profile_is_known_takes_no_commands(house):
    stick, bus = house
    await stick.hear("F6 50 00298979 30")
    await anyio.sleep(1)
    with pytest.raises(Unsupported, match="its profile isn't known; configure it"):
        await bus.send("00298979", "on", {})


@pytest.mark.parametrize(
    ("code", "error", "why"),
    [
        (1, BusFault, "has not sent it: RET_ERROR"),
        (2, WriteRefused, "refuses to send it: RET_NOT_SUPPORTED"),
        (3, WriteRefused, "RET_WRONG_PARAM"),
        (4, WriteRefused, "RET_OPERATION_DENIED"),
        (5, WriteRefused, "RET_LOCK_SET"),
        (6, BusFault, "RET_BUFFER_TO_SMALL"),
        (7, BusFault, "RET_NO_FREE_BUFFER"),
        (0x90, BusFault, "return code 144"),
    ],
)
async def test_what_the_stick_says_is_passed_on(code, error, why, house):
    stick, bus = house
    stick.codes = [code]
    with pytest.raises(error, match=why):
        await bus.send(PLUG, "on", {})
    assert await bus.send(PLUG, "on", {}) == 2


async def test_a_lost_response_leaves_it_open_whether_it_was_sent(house):
    stick, bus = house
    stick.codes = [None]
    began = anyio.current_time()
    assert await bus.send(PLUG, "on", {}) == 1
    assert anyio.current_time() - began == pytest.approx(RESPONSE_TIME)
    assert bus.health()["unanswered"] == 1
    assert await bus.send(PLUG, "off", {}) == 2
    assert [data[3] for data in stick.sent] == [100, 0], "nothing is repeated by itself"


async def test_a_late_response_is_not_taken_for_that_of_the_next_command(house):
    stick, bus = house
    stick.late = RESPONSE_TIME + 0.1
    stick.codes = [0]
    assert await bus.send(PLUG, "on", {}) == 1
    stick.late = 0
    stick.codes = [1]
    with pytest.raises(BusFault, match="RET_ERROR"):
        await bus.send(PLUG, "off", {})
    assert bus.health()["stray_responses"] == 1


async def test_a_stick_that_never_responds_is_given_up(house):
    stick, bus = house
    stick.mute = 1000
    assert await bus.send(PLUG, "on", {}) == 1
    with pytest.raises(InterfaceDown, match="doesn't answer any more") as caught:
        await bus.send(PLUG, "off", {})
    assert caught.value.unsent
    assert [data[3] for data in stick.sent] == [100]


async def test_commands_at_once_go_out_one_after_the_other(house):
    """A next one begins only when the stick has responded to the one before."""
    stick, bus = house
    stick.late = 0.1
    async with anyio.create_task_group() as tasks:
        for channel in range(5):
            tasks.start_soon(bus.send, PLUG, "on", {"channel": channel})
        tasks.start_soon(bus.probe)
    gaps = [later - earlier for earlier, later in zip(stick.times, stick.times[1:], strict=False)]
    assert sorted(data[2] for data in stick.sent) == [0, 1, 2, 3, 4]
    assert len(gaps) == 5
    assert all(gap >= 0.0999 for gap in gaps)


async def test_telegrams_come_in_while_a_command_waits(house):
    stick, bus = house
    stick.codes = [None]
    async with bus.listen() as listener, anyio.create_task_group() as tasks:
        tasks.start_soon(bus.send, PLUG, "on", {})
        await anyio.sleep(0.1)
        await stick.hear("F6 50 00298979 30")
        with anyio.fail_after(0.1):
            assert (await anext(listener)).device == "00298979"


async def test_a_cancelled_command_does_not_confuse_the_next(house):
    stick, bus = house
    stick.codes = [None, 0, 3]
    for delay in (0, 0.1):
        with anyio.move_on_after(delay):
            await bus.send(PLUG, "on", {})
    assert await bus.send(PLUG, "off", {}) == 2
    with pytest.raises(WriteRefused):
        await bus.send(PLUG, "on", {})


class TestPermit:
    async def test_it_is_asked_once_with_a_time_that_the_hardware_keeps(self, house):
        permit = WatchedPermit()
        await house[1].send(PLUG, "on", {}, permit=permit)
        assert [asked.seconds for asked in permit.asked] == [WRITE_TIME]
        assert WRITE_TIME <= MAX_WRITE_TIME

    async def test_without_it_nothing_goes_out(self, house):
        stick, bus = house
        for _ in range(3):
            permit = WatchedPermit(grants=0)
            with pytest.raises(ClaimLost) as caught:
                await bus.send(PLUG, "on", {}, permit=permit)
            assert caught.value is permit.refusal
        assert stick.packets == []
        assert await bus.send(PLUG, "on", {}) == 2

    async def test_it_is_asked_when_the_turn_has_come(self, house):
        stick, bus = house
        stick.codes = [None]
        permit = WatchedPermit()
        refused = []

        async def second():
            try:
                await bus.send(PLUG, "off", {}, permit=permit)
            except ClaimLost as error:
                refused.append(error)

        async with anyio.create_task_group() as tasks:
            tasks.start_soon(bus.send, PLUG, "on", {})
            await anyio.sleep(0.1)
            tasks.start_soon(second)
            await anyio.sleep(0.2)
            assert permit.asked == []
            permit.withdraw()
        assert refused == [permit.refusal]
        assert [data[3] for data in stick.sent] == [100]
        assert await bus.send(PLUG, "on", {}) == 2
