"""Days of a house with 200 sensors and two radio sticks, in which things go wrong all the time: nothing is lost."""

import os
from random import Random

import pytest

#: Simulated hours.
SHORT, LONG = 6, 72


async def lived(long_house, load, wall, hours, seed):
    """Live through the hours, tell what happened, and judge it."""
    async with long_house(seed) as house:
        await house.live(1)
        before = load()
        await house.live(hours - 1)
        after = load()
        errors = await house.node.errors()
    faults = sum(house.spells.count.values())
    print(f"\nseed {seed} (BUSGATE_SEED={seed}): {hours} h in {wall():.1f} s")
    print(f"{house.readings} readings, {house.telegrams} telegrams heard,", end=" ")
    print(f"{house.unheard} by no stick that was well, {house.doubled} twice, the second time by one that was not")
    print(f"{faults} faults: {dict(house.spells.count)}")
    print(f"after 1 h: {before}\nat the end: {after}")
    assert house.wrong == []
    assert [str(one.place) for one in errors if one.subsystem != "interface"] == []
    assert house.readings >= 200 * 11 * hours
    assert abs(after.tasks - before.tasks) <= 10
    assert after.objects <= before.objects * 1.1 + 2000
    assert after.memory <= before.memory + 20


async def test_hours(long_house, load, wall):
    await lived(long_house, load, wall, SHORT, int(os.environ.get("BUSGATE_SEED", "1")))


@pytest.mark.soak
async def test_three_days(long_house, load, wall):
    await lived(long_house, load, wall, LONG, int(os.environ.get("BUSGATE_SEED", "") or Random().getrandbits(32)))
