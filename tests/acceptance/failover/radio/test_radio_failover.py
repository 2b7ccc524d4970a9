"""The receiver that has the job dies, or its stick is pulled: what a living receiver hears is dealt with, and once."""

import signal

import pytest

#: Seconds for which each run gets telegrams before something happens to it.
LIFE = 6.0
#: Seconds for which it has each telegram in hand, so that some are when it is killed.
IN_HAND = 0.03


async def begin(radios, names, pause=0):
    """Nodes with their job, and telegrams; returns what the first run told."""
    await radios.start(*names)
    began = await radios.job(pause)
    radios.cluster.tasks.start_soon(radios.mind_halts)
    await radios.cluster.tasks.start(radios.press_on)
    return began


async def live(radios, run, seconds):
    """Let a run get telegrams until it is so old."""
    told = radios.cluster.told
    await radios.cluster.until(lambda: any(one.run == run.run and one.number for one in told), "the run gets telegrams")
    await radios.cluster.pass_time(max(0.0, run.at + seconds - radios.now()))


async def kill_holders(radios, names, times, seconds):
    """Kill whoever has the job; the killed start again meanwhile. Returns the seconds to the next run's first line."""
    took = []
    began = await begin(radios, names, IN_HAND)
    for kills in range(times):
        await live(radios, began, seconds)
        killed = radios.cluster.nodes[began.node].send(signal.SIGKILL)
        radios.ends(began.node)
        following = await radios.cluster.next_run(kills + 1, f"a run after kill {kills} of {began.node}")
        took.append(following.at - killed)
        await radios.start(began.node)
        began = following
    await live(radios, began, 1.0)
    await radios.settled()
    return took


async def check_kills(radios, names, times, seconds):
    took = await kill_holders(radios, names, times, seconds)
    print(radios.summary())
    print(f"from the kill to the first line elsewhere: {radios.cluster.distribution(took)}")
    assert radios.lost() == []
    assert max(radios.twice().values(), default=0) <= 1


async def test_a_kill_loses_no_telegram(radios):
    await check_kills(radios, "ab", 5, LIFE)


@pytest.mark.soak
async def test_many_kills_lose_no_telegram(radios):
    await check_kills(radios, "abc", 30, LIFE)


async def pull_sticks(radios, names, times, seconds):
    """Pull the stick of whoever has the job, and plug it in again. Returns the seconds to the next run's first line."""
    took = []
    began = await begin(radios, names)
    for pulls in range(times):
        await live(radios, began, seconds)
        lines = len(radios.cluster.nodes[began.node].lines)
        await radios.house.unplug(began.node)
        radios.ends(began.node)
        following = await radios.cluster.next_run(pulls + 1, f"a run elsewhere than on {began.node}")
        took.append(following.at - radios.gone[-1])
        await radios.house.plug(began.node)
        await radios.hears(began.node, lines)
        began = following
    await live(radios, began, 1.0)
    await radios.settled()
    return took


async def check_pulls(radios, names, times, seconds):
    took = await pull_sticks(radios, names, times, seconds)
    print(radios.summary())
    print(f"from pulling the stick to the first line elsewhere: {radios.cluster.distribution(took)}")
    assert radios.lost() == []
    assert radios.twice() == {}


async def test_a_stick_that_is_pulled_loses_no_telegram(radios):
    await check_pulls(radios, "ab", 3, 1.0)


@pytest.mark.soak
async def test_many_sticks_that_are_pulled_lose_no_telegram(radios):
    await check_pulls(radios, "abc", 30, LIFE)
