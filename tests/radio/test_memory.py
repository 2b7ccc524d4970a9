"""Which receptions are one telegram: over clocks that differ, messages that come late, bursts and double presses."""

import heapq
import itertools
from random import Random

import pytest

from gateway.radio.clocks import SPAN, Clocks
from gateway.radio.memory import AGAIN, AT_ONCE, HORIZON, KNOWN, MOST, Memory
from gateway.radio.receptions import Reception
from gateway.values import Quantity, Telegram

WINDOW = 0.25


def reception(sender, number, heard=0.0, key=b"key", rssi=None, late=0.0):
    telegram = Telegram("ac:1", "switch", {"on": Quantity(True)}, heard, key, WINDOW, rssi, None, b"\x0b\x11")
    return Reception(sender, number, "rfx", f"{sender}/stick", telegram, late)


class TestMemory:
    def test_two_receivers_hear_one_telegram(self):
        memory = Memory()
        one = memory.receive(reception("a", 1, rssi=-60.0), 10.0, 10.0, own=True)
        other = memory.receive(reception("b", 1, rssi=-70.0), 10.1, 10.3, own=False)
        assert one is other
        assert one.heard == {"a/stick": -60.0, "b/stick": -70.0}

    def test_it_counts_when_it_was_heard_and_not_when_it_arrived(self):
        memory = Memory()
        first = memory.receive(reception("a", 1), 10.0, 10.0, own=True)
        second = memory.receive(reception("a", 2), 10.35, 10.35, own=True)
        assert first is not second
        assert memory.receive(reception("b", 1), 10.01, 13.0, own=False) is first
        assert memory.receive(reception("b", 2), 10.36, 13.0, own=False) is second

    def test_what_was_read_late_belongs_to_what_it_may_be_of(self):
        memory = Memory()
        first = memory.receive(reception("a", 1), 10.0, 10.0, own=True)
        assert memory.receive(reception("b", 1, late=0.5), 10.6, 10.6, own=False) is first
        assert (first.time, first.late) == (10.0, 0.0)
        assert memory.receive(reception("b", 2, late=0.1), 10.6, 10.6, own=False) is not first

    def test_it_is_known_better_when_another_receiver_was_not_late(self):
        memory = Memory()
        first = memory.receive(reception("b", 1, late=0.5), 10.6, 10.6, own=False)
        assert memory.receive(reception("a", 1), 10.2, 10.7, own=True) is first
        assert (first.time, first.late) == (10.2, 0.0)
        assert memory.receive(reception("a", 2), 10.55, 10.7, own=True) is not first

    def test_taken_by_somebody_who_read_it_late(self):
        memory = Memory()
        memory.receive(reception("a", 1), 10.0, 10.0, own=True)
        memory.know("job", 0.0)
        memory.take("job", [("b", 1)], b"key", WINDOW, 10.6, 10.7, late=0.5)
        assert memory.untaken("job", 11.0) == []

    def test_an_echo_that_was_read_late(self):
        memory = Memory()
        memory.expect(b"key", 10.0, 10.2)
        assert memory.receive(reception("a", 1, late=0.6), 10.8, 10.8, own=True).echo
        assert not memory.receive(reception("a", 2, late=0.6), 12.0, 12.0, own=True).echo

    def test_what_a_slow_consumer_lets_wait_is_sent_again_little_by_little(self):
        memory = Memory()
        memory.know("job", 0.0)
        for number in range(3 * AT_ONCE):
            memory.receive(reception("a", number, key=b"%d" % number), 10.0, 10.0, own=True)
        found = [memory.again(10.0 + AGAIN + look / 100) for look in range(4)]
        assert [len(some) for some in found] == [AT_ONCE, AT_ONCE, AT_ONCE, 0]
        assert [one.number for some in found for one in some] == list(range(3 * AT_ONCE))

    def test_other_content_is_another_telegram(self):
        memory = Memory()
        one = memory.receive(reception("a", 1), 10.0, 10.0, own=True)
        assert memory.receive(reception("a", 2, key=b"other"), 10.0, 10.0, own=True) is not one

    def test_a_reception_sent_again_is_recognised(self):
        memory = Memory()
        one = memory.receive(reception("a", 1), 10.0, 10.0, own=False)
        assert memory.receive(reception("a", 1), 12.0, 39.0, own=False) is one

    def test_what_was_taken_elsewhere_is_not_open_here(self):
        memory = Memory()
        memory.know("job", 0.0)
        memory.receive(reception("a", 1), 10.0, 10.0, own=True)
        memory.receive(reception("a", 2), 11.0, 11.0, own=True)
        memory.take("job", [("a", 1)], b"key", WINDOW, 10.0, 11.5)
        assert [entry.time for entry in memory.untaken("job", 12.0)] == [11.0]

    def test_taken_before_it_was_heard_of(self):
        memory = Memory()
        memory.take("job", [("b", 7)], b"key", WINDOW, 10.0, 10.1)
        entry = memory.receive(reception("a", 1), 10.05, 10.2, own=True)
        assert "job" in entry.taken
        assert memory.untaken("job", 11.0) == []

    def test_a_new_consumer_does_not_get_what_was_heard_before(self):
        memory = Memory()
        memory.receive(reception("a", 1), 10.0, 10.0, own=True)
        memory.know("job", 11.0)
        memory.receive(reception("a", 2), 12.0, 12.0, own=True)
        assert [entry.time for entry in memory.untaken("job", 13.0)] == [12.0]

    def test_own_receptions_are_sent_again_until_they_are_taken(self):
        memory = Memory()
        memory.know("job", 0.0)
        memory.receive(reception("a", 1), 10.0, 10.0, own=True)
        assert memory.again(10.0) == []
        assert [one.number for one in memory.again(10.0 + AGAIN)] == [1]
        assert memory.again(10.1 + AGAIN) == []
        assert [one.number for one in memory.again(10.0 + 3 * AGAIN)] == [1]
        memory.take("job", [("a", 1)], b"key", WINDOW, 10.0, 12.0)
        assert memory.again(20.0) == []

    def test_nothing_is_sent_again_for_ever_nor_for_nobody(self):
        memory = Memory()
        memory.receive(reception("a", 1), 10.0, 10.0, own=True)
        assert memory.again(11.0) == []
        memory.know("job", 0.0)
        assert memory.again(10.0 + HORIZON) == []
        memory.receive(reception("a", 2), 70.0, 70.0, own=True)
        assert memory.again(0.1 + KNOWN) == []

    def test_it_is_bounded(self):
        memory = Memory()
        for number in range(MOST + 10):
            memory.receive(reception("a", number, key=b"%d" % number), 1.0, 1.0, own=True)
        assert memory.evicted == 10


class TestClocks:
    def test_the_quickest_message_tells_the_difference(self):
        clocks = Clocks()
        for sent, late in ((100.0, 0.3), (101.0, 0.002), (102.0, 1.0)):
            clocks.note("a", sent, sent + 5000.0 + late)
        assert clocks.ours("a", 102.0) == pytest.approx(5102.002)

    def test_it_follows_a_clock_that_drifts(self):
        clocks = Clocks()
        for second in range(1000):
            clocks.note("a", second * 1.0001, float(second))
        assert clocks.ours("a", 999 * 1.0001) == pytest.approx(999.0, abs=SPAN * 2e-4)

    def test_senders_are_forgotten(self):
        clocks = Clocks()
        clocks.note("a", 1.0, 1.0)
        clocks.forget(2.0)
        with pytest.raises(KeyError):
            clocks.ours("a", 1.0)


def presses(random, count):
    """Telegrams of 40 remotes, one in 5 s; each tenth is pressed again 350 ms later."""
    time = 0.0
    for number in range(count):
        time += random.expovariate(0.2)
        key = b"remote %d" % random.randrange(40)
        yield time, key, number
        if random.random() < 0.1:
            yield time + 0.35, key, -number - 1


def test_two_receivers_with_losses_late_messages_and_foreign_clocks():
    """5 % loss at each receiver: 0.25 % are heard by neither; the clock of one is 5 s off, its messages come late."""
    seed, count = 1, 100_000
    random, memory, clocks = Random(seed), Memory(), Clocks()
    arrivals: list[tuple[float, int, float, Reception]] = []
    sequence, sent = itertools.count(), 0
    heard_by_any = 0
    for time, key, _ in presses(random, int(count / 1.1)):
        sent += 1
        heard = False
        for sender, offset in (("a", 0.0), ("b", 5.0)):
            if random.random() < 0.05:
                continue
            heard = True
            at = time + random.uniform(0.0, 0.016)
            late = random.uniform(0.2, 1.0) if sender == "b" and random.random() < 0.05 else random.uniform(0.001, 0.01)
            one = reception(sender, next(sequence), at + offset, key)
            heapq.heappush(arrivals, (at + (late if sender == "b" else 0.0), one.number, offset, one))
        heard_by_any += heard
    handled = 0
    while arrivals:
        arrived, _, offset, one = heapq.heappop(arrivals)
        own = one.sender == "a"
        if not own:
            clocks.note(one.sender, one.telegram.heard, arrived)
        time = one.telegram.heard if own else clocks.ours(one.sender, one.telegram.heard)
        entry = memory.receive(one, time, arrived, own=own)
        if not entry.taken:
            handled += 1
            entry.taken.add("job")
    lost = 1 - handled / sent
    print(f"seed {seed}: {sent} sent, {heard_by_any} heard by any, {handled} handled, lost {lost:.3%}")
    assert lost < 0.004
    assert handled - heard_by_any <= sent / 10_000
