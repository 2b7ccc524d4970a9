"""Teach-in: senders say what they are, and are understood from then on."""

import logging

import anyio
import pytest

from gateway.errors import WriteRefused

#: Of the tests of the library ``enocean`` (MIT): a thermometer A5-02-05, and a plug D2-01-01 that waits for a response.
LEARN_4BS, WARM = "A5 08284680 018A7B30 00", "A5 00005508 018A7B30 00"
LEARN_UTE, STATUS = "D4 A0FF3E000101D2 0194E3B9 00", "D2 040064 0194E3B9 00"
#: The same plug wants to be forgotten: bits 5 and 4 of the first byte are 01 (EEP 2.6.8, 3.6).
DELETE_UTE = "D4 90FF3E000101D2 0194E3B9 00"
#: A 4BS teach-in without a profile: bit 7 of the last byte is 0.
LEARN_NOTHING = "A5 00000000 018A7B30 00"


@pytest.fixture
async def bus(desk):
    async with desk.stick() as stick, desk.open() as bus:
        bus.stick = stick
        yield bus


async def kinds(bus, *telegrams):
    """How each of them is understood."""
    found = []
    async with bus.listen() as listener:
        for text in telegrams:
            await bus.stick.hear(text)
            with anyio.fail_after(5):
                found.append((await anext(listener)).kind)
    return found


async def test_a_sender_is_understood_after_its_teach_in(bus, caplog):
    with caplog.at_level(logging.INFO):
        assert await kinds(bus, WARM, LEARN_4BS, WARM, LEARN_4BS) == ["4BS", "teach-in", "A5-02-05", "teach-in"]
    assert caplog.text.count("018A7B30 teaches that it is a A5-02-05") == 1
    (device,) = await bus.scan()
    assert (device.kind, device.details["profile"], device.details["manufacturer"]) == ("A5-02-05", "taught", 70)


async def test_ute_teaches_and_forgets(bus):
    assert await kinds(bus, STATUS, LEARN_UTE, STATUS, DELETE_UTE, STATUS) == [
        "VLD",
        "teach-in",
        "D2-01-01",
        "teach-in",
        "VLD",
    ]


async def test_a_contact_can_be_taught(bus):
    assert await kinds(bus, "D5 00 01825DAB 00", "D5 08 01825DAB 00") == ["teach-in", "D5-00-01"]


async def test_a_teach_in_without_a_profile_teaches_nothing(bus):
    assert await kinds(bus, LEARN_4BS, LEARN_NOTHING, WARM) == ["teach-in", "teach-in", "A5-02-05"]


async def test_a_profile_that_is_not_known_is_named_all_the_same(bus, caplog):
    with caplog.at_level(logging.INFO):
        assert await kinds(bus, "D4 A0FF3E000199D2 0194E3B9 00", STATUS) == ["teach-in", "VLD"]
    assert "D2-99-01, of which the telegrams come undecoded" in caplog.text
    assert (await bus.scan())[0].kind == "D2-99-01"


async def test_the_configuration_holds_against_a_teach_in(desk):
    other = {"id": "018A7B30", "eep": "A5-02-13"}
    async with desk.stick() as stick, desk.open(device=[other]) as bus:
        bus.stick = stick
        assert await kinds(bus, LEARN_4BS, WARM) == ["teach-in", "A5-02-13"]


async def test_what_was_learnt_survives_a_stick_that_is_replugged(desk):
    found = []
    for telegrams in ([LEARN_4BS, WARM], [WARM], [WARM]):
        async with desk.stick() as stick, desk.open() as bus:
            bus.stick = stick
            found += await kinds(bus, *telegrams)
    assert found == ["teach-in", "A5-02-05", "A5-02-05", "A5-02-05"]


async def test_what_is_learnt_is_bounded(desk):
    """Of twenty the last five are kept, in this opening and over it."""
    async with desk.stick() as stick, desk.open(remember=5) as bus:
        for number in range(20):
            await stick.hear(f"A5 08284680 000000{number:02X} 00")
        await anyio.sleep(1)
        assert [int(device.id, 16) for device in await bus.scan()] == [15, 16, 17, 18, 19]
    async with desk.stick() as stick, desk.open(remember=5) as bus:
        bus.stick = stick
        assert await kinds(bus, "A5 00005508 0000000E 00", "A5 00005508 0000000F 00") == ["4BS", "A5-02-05"]


async def test_a_device_that_asks_is_accepted_when_told_so(bus, paper):
    await kinds(bus, STATUS)
    with pytest.raises(WriteRefused, match="has not asked to be taught in"):
        await bus.send("0194E3B9", "accept", {})
    await kinds(bus, LEARN_UTE)
    assert await bus.send("0194E3B9", "accept", {}) == 2
    kind, data, optional = bus.stick.packets[-1]
    # accepted, in both directions; the rest as it was asked (EEP 2.6.8, 3.6.2)
    assert (kind, data.hex()) == (1, f"d491ff3e000101d2{paper.base:08x}00")
    assert optional.hex() == "030194e3b9ff00"
    meaning = bus.transmission("0194E3B9", "accept", {})
    assert (meaning.repeatable, meaning.bound) == (False, True)
