"""Any bytes: the driver's way from the line to a telegram never fails, and makes no telegram up.

The full count is that of ``-m soak``. ``BUSGATE_SEED=N`` repeats a run.
"""

import logging
import os
import random
from collections import Counter

import pytest
from busgate_enocean.esp3 import Packet, framer
from busgate_enocean.hearing import Hearing
from busgate_enocean.options import DeviceOptions
from busgate_enocean.senders import Senders

from gateway.codec import encode
from gateway.testing.clocks import VirtualClock
from gateway.testing.faulty_streams import mutated

FULL, REDUCED = 100_000, 4_000
EEPS = (
    "F6-02-01 F6-05-02 F6-10-00 D5-00-01 A5-02-05 A5-04-01 A5-07-01 A5-11-02 A5-12-01 A5-20-01 A5-38-08 D2-01-0E "
    "D2-05-00"
).split()
SIZES = {0xF6: 1, 0xD5: 1, 0xA5: 4, 0xD4: 7}
COUNTS = [REDUCED, pytest.param(FULL, marks=pytest.mark.soak)]


@pytest.fixture
def chance():
    """From the environment, else a new one; it is printed."""
    seed = int(os.environ.get("BUSGATE_SEED") or random.SystemRandom().randrange(2**32))
    print(f"BUSGATE_SEED={seed}")
    return random.Random(seed)


@pytest.fixture
async def hearing(profiles):
    """Knows one sender of each profile: that of the first has the id 1."""
    devices = [DeviceOptions(id=f"{number:08X}", eep=eep) for number, eep in enumerate(EEPS, 1)]
    senders = Senders(profiles, devices, 50, {})
    return Hearing(profiles, senders, VirtualClock(), logging.getLogger("fuzz"))


def telegram(chance):
    """Data of a telegram of any kind, mostly from a known sender, and as often as not of its kind."""
    number = chance.randrange(1, len(EEPS) + 3)
    rorg = int((EEPS * 2)[number - 1][:2], 16)
    if chance.random() < 0.3:
        rorg = chance.choice((*SIZES, 0xD2, chance.randrange(256)))
    size = SIZES.get(rorg, chance.randrange(15))
    return bytes([rorg]) + chance.randbytes(size) + number.to_bytes(4, "big") + chance.randbytes(1)


@pytest.mark.parametrize("count", COUNTS)
async def test_any_content_becomes_a_telegram(count, chance, hearing):
    for _ in range(count):
        data = telegram(chance)
        heard = hearing.hear(Packet(1, data, chance.randbytes(chance.choice((0, 1, 5, 6, 7, 12)))))
        assert heard.device == data[-5:-1].hex().upper()
        assert heard.values or heard.kind == "teach-in"
        encode({name: list(quantity) for name, quantity in heard.values.items()})
        assert heard.rssi is None or -255 <= heard.rssi <= 0
    assert hearing.counts["telegrams"] == count
    assert hearing.counts["malformed"] == 0
    assert 0 < hearing.counts["undecoded"] < count


@pytest.mark.parametrize("count", COUNTS)
async def test_any_packet_is_survived(count, chance, hearing):
    for _ in range(count):
        hearing.hear(Packet(1, chance.randbytes(chance.randrange(1, 20)), chance.randbytes(chance.randrange(9))))
    counted = hearing.counts
    assert counted["telegrams"] + counted["malformed"] == count
    assert counted["malformed"] > 0


@pytest.mark.parametrize("count", COUNTS)
async def test_damage_of_up_to_eight_bits_in_a_row_never_makes_a_telegram(count, chance, hearing, paper):
    """A CRC of 8 bits finds each such burst; and the next telegram is heard."""
    one = framer(0.02)
    for number in range(count):
        frame = paper.packet(1, telegram(chance), b"\x01\xff\xff\xff\xff\x40\x00")
        at = chance.randrange(8 * len(frame) - 8)
        flipped = int.from_bytes(frame, "big") ^ chance.randrange(1, 256) << at
        spoilt = flipped.to_bytes(len(frame), "big")
        following = paper.packet(1, telegram(chance))
        found = (
            one.feed(spoilt, 10.0 * number) + one.feed(b"", 10.0 * number + 5) + one.feed(following, 10.0 * number + 6)
        )
        assert found[-1] == following
        assert all(len(false) < len(frame) for false in found[:-1])  # by chance there may be a packet within


@pytest.mark.parametrize("count", COUNTS)
async def test_worse_damage_passes_no_more_often_than_the_checksum_lets_it(count, chance, hearing, paper):
    """One in 256 by its nature. Of a row of fifty packets the undamaged ones are all heard, if nothing hides them."""
    one = framer(0.02)
    false = lost = intact = 0
    for now in range(0, 10 * (count // 50), 10):
        sent, kept, stream = [], [], b""
        for _ in range(50):
            frame = paper.packet(1, telegram(chance), b"\x01\xff\xff\xff\xff\x40\x00")
            sent.append(frame)
            if chance.random() < 0.2:
                kept.append(frame)
            else:
                frame = mutated(frame, chance)
            stream += frame
        found = one.feed(stream, now) + one.feed(b"", now + 5)
        for frame in found:
            hearing.hear(Packet.of(frame))
        false += sum((Counter(found) - Counter(sent)).values())
        lost += sum((Counter(kept) - Counter(found)).values())
        intact += len(kept)
    assert false <= count * 2 / 256
    assert lost <= 3 + count * 2 / 256
    assert intact > count / 10
