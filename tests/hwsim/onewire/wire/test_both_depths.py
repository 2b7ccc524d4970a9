"""One house at both depths: the real owserver on its wire and the imitated one tell the same of every device.

What may differ: what only a server knows of itself (statistics, settings, cache) and of aliases, which it keeps and no
device does; clocks that go on between two reads (`UNLIKE`); the `locator` of a DS2405, whose pin the real owserver
takes for an answer; and which branch of a hub is on after something behind it was asked.
"""

from __future__ import annotations

import pytest

from hwsim import House

pytestmark = pytest.mark.realpart

UNLIKE = ("/udate", "/date", "/pages/page.1", "/pages/page.ALL")
"""Properties of a DS2438 that hold its clock."""
HUB = "1F.00000000000F"
DEVICES = [
    ("28", {"temperature": 21.5}),
    ("28", {"temperature": -10.0625, "resolution": 9}),
    ("28", {"temperature": 33.3, "temphigh": 30, "templow": -5}),
    ("28", {"temperature": 12.3}),
    ("22", {"temperature": 19.9}),
    ("22", {"temperature": -55.0}),
    ("10", {"temperature": -4.25}),
    ("10", {"temperature": 24.1}),
    ("42", {"temperature": 17.3, "sensed_a": 0}),
    ("3B", {"temperature": 18.2, "address": 5}),
    ("3B", {"temperature": 18.2, "address": 6, "part": "MAX31826"}),
    ("3B", {"temperature": 18.2, "thermocouple": 333.25, "part": "MAX31850"}),
    ("29", {"sensed_0": 0}),
    ("29", {"sensed_7": 0}),
    ("29", {"power": "parasite"}),
    ("3A", {"sensed_a": 0}),
    ("3A", {}),
    ("12", {"sensed_b": 0}),
    ("12", {"power": "parasite"}),
    ("26", {"temperature": 22.22, "humidity": 50.0}),
    ("26", {"vad": 2.5, "vdd": 4.9}),
    ("26", {"vis": 0.1}),
    ("1D", {"counter_a": 1234, "counter_b": 5678}),
    ("1D", {"counter_a": 2**32 + 1}),
    ("20", {"volt_a": 1.0, "volt_b": 2.0, "volt_c": 2.5}),
    ("05", {}),
    ("01", {}),
    ("28", {"temperature": 44.4, "under": f"{HUB}:main"}),
    ("3A", {"sensed_b": 0, "under": f"{HUB}:aux"}),
]
SLOW = [("28", {"temperature": 12.3, "power": "parasite"}), ("28", {"temperature": 85.0})]
"""What owserver takes its time for."""
WRITES = {
    "28": {"temphigh": "30", "templow": "-7", "tempres": "10"},
    "10": {"temphigh": "31"},
    "42": {"PIO.A": "1", "tempres": "9"},
    "29": {"PIO.BYTE": "5", "set_alarm": "133000331", "latch.BYTE": "0", "por": "0", "strobe": "1"},
    "3A": {"PIO.ALL": "1,0"},
    "12": {"PIO.B": "1", "set_alarm": "311", "latch.BYTE": "0"},
    "26": {"IAD": "0", "offset": "7", "pages/page.3": "abcdefgh", "S3-R1-A/gain": "12.5", "disconnect/udate": "86400"},
    "1D": {"pages/page.3": "hello", "memory": "M" * 40, "mincount": "7"},
    "1F": {"control": "1"},
    "20": {"PIO.A": "1", "set_alarm/voltlow.B": "1.5", "power": "1"},
    "05": {"PIO": "1"},
}
"""By family: what is written to the first device of it, in this order, and is read back."""


def scenario(kind, devices):
    text = f'seed = 5\n[[bus]]\nname = "attic"\nkind = "{kind}"\nconversion_scale = 0\n'
    text += f'[[device]]\nbus = "attic"\nid = "{HUB}"\n'
    for number, (family, keys) in enumerate(devices):
        text += f'[[device]]\nbus = "attic"\nid = "{family}.{(number + 1) * 0x1EEF0000 % 2**48:012X}"\n'
        text += "".join(f'{name} = "{x}"\n' if isinstance(x, str) else f"{name} = {x}\n" for name, x in keys.items())
    return text


@pytest.fixture
def anyio_backend():
    return "trio"


class Pair:
    """A client of the real owserver, and one of the imitated."""

    def __init__(self, real, imitated, houses):
        self.real = real
        self.imitated = imitated
        self.houses = houses

    async def files(self, path="/uncached/bus.0"):
        """All files in and below a folder, which both must list alike."""
        real, imitated = [await client.list(path) for client in (self.real, self.imitated)]
        if path.endswith("/aux") and "/12." in path:
            assert real == imitated == -5  # a folder that only a hub could fill
            return []
        real, imitated = sorted(real), sorted(imitated)
        assert real == imitated, path
        found: list[str] = []
        for entry in real:
            if not entry.endswith(("/interface", "/simultaneous", "/alarm")):
                found += [entry] if await self.is_file(entry) else await self.files(entry)
        return found

    async def is_file(self, path):
        answer = await self.imitated.ask(7, path.encode() + b"\0")
        return answer.ret == -20

    async def differences(self, paths):
        """Where both say something else, and what."""
        found = []
        for path in paths:
            answers = [await client.ask(2, path.encode() + b"\0", size=8192) for client in (self.real, self.imitated)]
            said = [answer.payload if answer.ret >= 0 else answer.ret for answer in answers]
            if (
                said[0] != said[1]
                and not ("/26." in path and path.endswith(UNLIKE))
                and not ("/05." in path and path.endswith("locator"))
            ):
                found.append((path, *said))
        return found


@pytest.fixture
async def pair(request, drive, connect):
    devices = request.param
    wire, served = House.parse(scenario("ds2480b", devices)), House.parse(scenario("onewire", devices))
    async with wire.running(), served.running():
        yield Pair(await drive(wire), await connect(served.url("attic")), (wire, served))


ALL = pytest.mark.parametrize(
    "pair",
    [pytest.param(DEVICES, id="30"), pytest.param([*DEVICES, *SLOW], id="slow", marks=pytest.mark.soak)],
    indirect=True,
)


@ALL
async def test_every_property_reads_the_same(pair):
    files = await pair.files()
    assert len(files) > 1000
    assert await pair.differences(files) == []


@ALL
async def test_what_is_written_is_there_at_both(pair):
    refused, differences = [], []
    for family, values in WRITES.items():
        device = next(slave.id for slave in pair.houses[0].devices() if slave.id.startswith(family))
        for name, value in values.items():
            path = f"/uncached/bus.0/{device}/{name}"
            rets = [await client.write(path, value) for client in (pair.real, pair.imitated)]
            if rets != [0, 0]:
                refused.append((path, value, rets))
        differences += await pair.differences(await pair.files(f"/uncached/bus.0/{device}"))
    assert (refused, differences) == ([], [])
