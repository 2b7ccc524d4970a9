"""Mutated frames: no framer fails, and each finds just what a plain search through the whole stream finds.

The full count is a million frames for each framer: ``make fuzz``. ``BUSGATE_SEED=N`` repeats a run.
"""

import os
import random
from collections import Counter

import pytest

from gateway.testing.faulty_streams import mutated

FULL = 1_000_000
REDUCED = 20_000
#: The share of frames of which the first byte happens to be what the frame before it, cut off, still lacks.
ABSORBED = 0.0003
#: Frames in one stream; a silence ends it.
TOGETHER = 50


@pytest.fixture
def seed():
    """From the environment, else a new one; it is printed."""
    seed = int(os.environ.get("BUSGATE_SEED") or random.SystemRandom().randrange(2**32))
    print(f"BUSGATE_SEED={seed}")
    return seed


def test_mutated_frames(form, seed):
    fuzz(form, seed, REDUCED)


@pytest.mark.soak
def test_a_million_mutated_frames(form, seed):
    fuzz(form, seed, FULL)


def fuzz(form, seed, count):
    chance = random.Random(seed)
    framer = form.framer()
    fed = found_all = false = lost = 0
    for now in range(0, 10 * count // TOGETHER, 10):
        stream, sent, intact = bad_stream(form, chance)
        found = [frame for piece in torn(stream, chance) for frame in framer.feed(piece, now)]
        found += framer.feed(b"", now + 5)
        assert framer.pending == 0
        assert found == form.search(stream)
        fed += len(stream)
        found_all += len(found)
        false += sum((Counter(found) - Counter(sent)).values())
        lost += sum((Counter(intact) - Counter(found)).values())
    counted = framer.counters
    assert counted["framed_bytes"] + counted["thrown_away"] == fed
    assert counted["frames"] == found_all
    if form.checked:
        assert false <= 2 * form.slip * count, "false telegrams"
        assert lost <= (2 * form.slip + ABSORBED) * count, "frames that arrived intact"


def bad_stream(form, chance):
    """Frames of which most are spoilt, with noise between some; the frames; those that arrive intact."""
    parts, sent, intact = [], [], []
    for _ in range(TOGETHER):
        sent.append(form.make(chance))
        parts.append(form.wire(sent[-1]))
        if chance.random() < 0.2:
            intact.append(sent[-1])
        else:
            parts[-1] = mutated(parts[-1], chance)
        if chance.random() < 0.1:
            parts.append(chance.randbytes(chance.randrange(9)))
    return b"".join(parts), sent, intact


def torn(stream, chance):
    place = 0
    while place < len(stream):
        size = chance.choice((1, 2, 7, 62, 1024))
        yield stream[place : place + size]
        place += size


def test_a_single_burst_is_always_noticed_by_the_checksum(formats, seed):
    """A CRC of 8 bits finds each burst of at most 8: what is damaged so never comes out changed."""
    form = formats["ESP3"]
    chance = random.Random(seed)
    for _ in range(REDUCED):
        frame = form.make(chance)
        place = chance.randrange(len(frame))
        spoilt = frame[:place] + bytes([frame[place] ^ chance.randrange(1, 256)]) + frame[place + 1 :]
        framer = form.framer()
        found = framer.feed(spoilt, 0.0) + framer.feed(b"", 10.0)
        assert all(len(one) < len(frame) for one in found)  # by chance there may be one within
        following = form.make(chance)
        assert following in framer.feed(following, 20.0)


def test_the_plain_search_itself_finds_what_it_should(form):
    stream = b"".join(map(form.wire, form.frames))
    assert form.search(stream) == list(form.frames)
    assert form.search(stream[:-1]) == list(form.frames[:-1])
