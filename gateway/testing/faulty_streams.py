"""What serial lines do to frames, for testing a framer or a whole driver.

::

    FRAMES = [bytes.fromhex("0d00000100..."), ...]     # real ones, of your hardware

    @pytest.mark.parametrize("stream", faulty_streams(FRAMES), ids=str)
    def test_framing(stream):
        stream.check(stream.play(MyFramer().feed))
"""

from __future__ import annotations

from dataclasses import dataclass, field
from random import Random
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from anyio.abc import ByteSendStream

MEBIBYTE: Final = 2**20


@dataclass(frozen=True, slots=True)
class FaultyStream:
    """Frames as they come off a bad line.

    ``pieces`` are pairs of the silence before a piece, in seconds, and its bytes. ``frames`` are what is to be found in
    it. ``noisy``: there are other bytes, too, in which a format without a checksum may see further frames.
    """

    name: str
    pieces: tuple[tuple[float, bytes], ...]
    frames: tuple[bytes, ...]
    noisy: bool = False
    seed: int | None = field(default=None, compare=False)

    def __str__(self) -> str:
        return self.name if self.seed is None else f"{self.name} (seed {self.seed})"

    def play(self, feed: Callable[[bytes, float], Iterable[Any]]) -> list[Any]:
        """Feed all of it to a framer, then silence; return all that it has found."""
        now = 1000.0
        found: list[Any] = []
        for silence, data in self.pieces:
            now += silence
            found += feed(data, now)
        return found + list(feed(b"", now + 3600))

    async def play_to(self, stream: ByteSendStream, sleep: Callable[[float], Awaitable[None]]) -> None:
        """Send all of it into a line, such as a :class:`gateway.testing.lines.MemoryPort`, with its silences."""
        for silence, data in self.pieces:
            if silence:
                await sleep(silence)
            if data:
                await stream.send(data)

    def check(self, found: Sequence[Any], *, checked: bool = True) -> None:
        """Fail unless just the frames were found, in order.

        Args:
            checked: False for a format without a checksum: what is found before the frames of a noisy stream counts
                for nothing, if only the frames follow.
        """
        if self.noisy and not checked:
            found = found[len(found) - len(self.frames) :]
        assert list(found) == list(self.frames), f"{self}: found {list(found)}, wanted {list(self.frames)}"


def faulty_streams(
    frames: Sequence[bytes], *, wire: Callable[[bytes], bytes] = bytes, silence: float = 1.0, seed: int = 1
) -> list[FaultyStream]:
    """The ways in which frames arrive, good and bad.

    Args:
        frames: several, as the framer gives them; of different sizes, if there are such.
        wire: how a frame goes over the line, where the framer takes something off it, as the end of a line.
        silence: seconds between a disturbance and the frames after it; longer than the framer's gap.
        seed: of where a stream is torn.
    """
    random = Random(seed)
    sent = [wire(frame) for frame in frames]
    together = b"".join(sent)
    every = bytes(range(256))

    def stream(name: str, *pieces: tuple[float, bytes], noisy: bool = False, seed: int | None = None) -> FaultyStream:
        return FaultyStream(name, pieces, tuple(frames), noisy, seed)

    def after(noise: bytes) -> tuple[tuple[float, bytes], ...]:
        return ((0.0, noise), *((silence, each) for each in sent))

    return [
        stream("frame by frame", *((silence, each) for each in sent)),
        stream("merged", (0.0, together)),
        stream("byte by byte", *((0.0, bytes([byte])) for byte in together)),
        stream("torn", *_torn(together, random), seed=seed),
        stream("empty pieces", *((0.0, data) for each in sent for data in (b"", each, b""))),
        stream("noise before", *after(random.randbytes(7)), noisy=True, seed=seed),
        stream("half a frame before", *after(sent[0][: len(sent[0]) // 2]), noisy=True),
        stream("the end of a frame before", *after(sent[0][len(sent[0]) // 2 :]), noisy=True),
        stream("1 MiB without a delimiter", *after(b"\0" * MEBIBYTE), noisy=True),
        stream("1 MiB of noise", *after(random.randbytes(MEBIBYTE)), noisy=True, seed=seed),
        stream("every byte value", *after(every), noisy=True),
        stream("every byte value, one at a time", *((0.0, bytes([n])) for n in every), *after(b""), noisy=True),
        stream("noise byte by byte with silences", *((silence, bytes([n])) for n in every), *after(b""), noisy=True),
    ]


def _torn(data: bytes, random: Random) -> list[tuple[float, bytes]]:
    """Cut at random places."""
    places = sorted(random.sample(range(1, len(data)), min(len(data) - 1, 2 + len(data) // 8)))
    return [(0.0, data[start:end]) for start, end in zip([0, *places], [*places, len(data)], strict=True)]


def mutated(data: bytes, random: Random) -> bytes:
    """The data with one thing wrong: a bit, a byte, bytes lost, doubled, inserted, swapped, or cut off."""
    place = random.randrange(len(data))
    end = min(len(data), place + random.randint(1, 4))
    match random.randrange(7):
        case 0:
            return data[:place] + bytes([data[place] ^ 1 << random.randrange(8)]) + data[place + 1 :]
        case 1:
            return data[:place] + random.randbytes(1) + data[place + 1 :]
        case 2:
            return data[:place] + data[end:]
        case 3:
            return data[:end] + data[place:]
        case 4:
            return data[:place] + random.randbytes(end - place) + data[place:]
        case 5:
            return data[:place] + data[place:end][::-1] + data[end:]
        case _:
            return data[:place]
