"""Houses with radios in virtual time, and hosts that keep what they were told and when."""

from __future__ import annotations

import anyio
import pytest


def control(command, sequence=0, rest=bytes(9)):
    """An interface command of an RFXtrx."""
    return bytes([0x0D, 0, 0, sequence, command]) + rest


RESET, STATUS, START = control(0), control(2, 1), control(7, 3)


class Host:
    """Has a stick open; notes (house time, bytes) of each portion that comes."""

    def __init__(self, house, stream):
        self.house = house
        self.stream = stream
        self.got = []
        self.error = None

    async def listen(self):
        try:
            while True:
                data = await self.stream.receive()
                self.got.append((self.house.time.now(), data))
        except (anyio.BrokenResourceError, anyio.ClosedResourceError) as error:
            self.error = error

    @property
    def bytes(self):
        return b"".join(data for _, data in self.got)

    def take(self):
        """Everything since the last time, in one piece."""
        data = self.bytes
        self.got.clear()
        return data

    async def ask(self, data, wait=1.0):
        """Send something, and what comes within the next second."""
        self.take()
        await self.stream.send(data)
        await anyio.sleep(wait)
        return self.take()


@pytest.fixture
async def hosts():
    """Opens sticks of a running house; `open(house, name)` gives a listening Host."""
    async with anyio.create_task_group() as tasks:

        async def open_stick(house, name):
            host = Host(house, house.connect(name))
            tasks.start_soon(host.listen)
            return host

        yield open_stick
        tasks.cancel_scope.cancel()


@pytest.fixture
async def started(hosts):
    """Opens an RFXtrx and starts its receiver."""

    async def open_rfxtrx(house, name):
        host = await hosts(house, name)
        await anyio.sleep(0.5)
        await host.ask(RESET, 0.5)
        assert (await host.ask(START))[:5] == bytes([0x14, 1, 7, 3, 7])
        return host

    return open_rfxtrx


@pytest.fixture
def frames_of():
    """Cuts a row of whole RFXtrx frames."""

    def cut(data):
        frames = []
        while data:
            frames.append(data[: data[0] + 1])
            assert len(frames[-1]) == data[0] + 1, "torn"
            data = data[data[0] + 1 :]
        return frames

    return cut
