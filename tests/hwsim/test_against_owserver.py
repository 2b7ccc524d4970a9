"""The same requests to a real owserver and to the simulator give the same header fields and payload lengths.

The real one plays a tester bus, whose values are made up but whose paths, lengths, return values and flags are real.
"""

import anyio
import anyio.to_thread
import pytest

from hwsim import House

pytestmark = pytest.mark.realpart

ERROR, NOP, READ, WRITE, DIR, SIZE, PRESENCE, DIRALL, GET, DIRALLSLASH, GETSLASH = range(11)
FAMILIES = "28,10,22,29,3A,12,26,1D,1F,42,3B,05,01,20"
PARTS = {"3B": "MAX31850"}
"""What the tester's device of a family is, where that is not the usual part."""

UNLIKE_A_TESTER = (
    "/alias",
    "/errata/",
    "/TAI8570/",
    "/MultiSensor/type",
    "/aux",
    "/main",
    "/settings/return_codes/",
    "/settings/timeout/uncached",
    "/simultaneous/single",
    "/statistics/return_codes/",
)
"""Values whose length is made up by the tester, and folders that it fills by other rules."""


@pytest.fixture(scope="module")
def anyio_backend():
    return "trio"


@pytest.fixture(scope="module")
async def real(start_owserver):
    port = await anyio.to_thread.run_sync(start_owserver, f"--tester={FAMILIES}")
    return f"owserver://127.0.0.1:{port}"


@pytest.fixture
async def both(real, connect):
    """A client of the real owserver, and one of a house with the same devices."""
    client = await connect(real)
    devices = [path.strip("/") for path in await client.list("/", flags=0x104)]
    assert len(devices) == len(FAMILIES.split(","))
    text = '[[bus]]\nname = "b"\nconversion_scale = 0\n'
    for device in devices:
        text += f'[[device]]\nbus = "b"\nid = "{device}"\n'
        if part := PARTS.get(device[:2]):
            text += f'part = "{part}"\n'
    house = House.parse(text)
    async with house.running():
        yield Pair(client, await connect(house.url("b")), [f"/{device}" for device in devices])


class Pair:
    """Two clients that ask the same."""

    def __init__(self, real, simulated, devices):
        self.real = real
        self.simulated = simulated
        self.devices = devices
        self.differences = []

    async def ask(self, kind, path=b"", **fields):
        """Ask both; notes where the answers differ. Returns that of the real one."""
        payload = path if isinstance(path, bytes) else path.encode() + b"\0"
        real, simulated = [await client.ask(kind, payload, **fields) for client in (self.real, self.simulated)]
        if shape(kind, real) != shape(kind, simulated):
            self.differences.append((kind, payload[:60], fields, real, simulated))
        return real

    def check(self):
        assert self.differences == []


def shape(kind, answer):
    """All that has to be the same."""
    if kind == DIR:
        *entries, last = answer
        return sorted((f.version, f.length, f.ret, f.flags, f.size, f.offset) for f in entries), last
    return answer.version, answer.length, answer.ret, answer.flags, answer.size, answer.offset


def device(pair, family):
    return next(path for path in pair.devices if path.startswith(f"/{family}."))


def entries(answer):
    return [path for path in answer.payload.rstrip(b"\0").decode().split(",") if path]


async def walk(pair, path, visit):
    """Visit all files in and below a folder of the real owserver."""
    listing = await pair.ask(DIRALLSLASH, path)
    for entry in entries(listing):
        if any(part in entry for part in UNLIKE_A_TESTER):
            continue
        if entry.endswith("/"):
            await walk(pair, entry.rstrip("/"), visit)
        else:
            await visit(entry)


@pytest.mark.parametrize("family", FAMILIES.split(","))
async def test_every_file_of_every_family(both, family):
    files = []

    async def visit(path):
        files.append(path)
        await both.ask(READ, path, size=8192)
        await both.ask(PRESENCE, path)
        await both.ask(READ, f"/uncached{path}", size=8192)

    await walk(both, device(both, family), visit)
    assert len(files) >= 9
    both.check()


@pytest.mark.parametrize("family", FAMILIES.split(","))
async def test_the_structure_of_every_family(both, family):
    seen = []

    async def visit(path):
        payload = path.encode() + b"\0"
        answers = [await client.ask(READ, payload, size=100) for client in (both.real, both.simulated)]
        assert answers[0] == answers[1], path
        seen.append(path)

    for path in entries(await both.ask(DIRALL, f"/structure/{family}")):
        answer = await both.ask(READ, path, size=100)
        if answer.ret > 0:
            await visit(path)
    assert len(seen) >= 10
    both.check()


@pytest.mark.parametrize(
    "area", ["/settings", "/system", "/statistics", "/simultaneous", "/bus.0/interface/statistics"]
)
async def test_the_folders_about_the_server(both, area):
    async def visit(path):
        await both.ask(READ, path, size=8192)

    await walk(both, f"/{area}", visit)
    both.check()


TOP = ["/", "", "/uncached", "/bus.0", "/bus.0/", "/uncached/bus.0", "/bus.0/uncached", "/text", "/Uncached", "/BUS.0"]


@pytest.mark.parametrize("flags", [0x106, 0x6, 0x104, 0x126, 0x10E, 0x116, 0x30106, 0x5000106])
async def test_listings(both, flags):
    sensor = device(both, "28")
    for path in [*TOP, sensor, f"/bus.0{sensor}", f"{sensor}/errata", "/bus.0/interface", "/simultaneous"]:
        for kind in (DIR, DIRALL, DIRALLSLASH, GET, GETSLASH):
            await both.ask(kind, path, flags=flags)
    both.check()


async def test_alarms(both):
    """A tester has none, so ours are silenced."""
    for path in both.devices:
        if path[1:3] in ("28", "22", "10", "42"):
            await both.simulated.write(f"{path}/temphigh", "125")
            await both.simulated.write(f"{path}/templow", "-55")
        elif path[1:3] in ("29", "12"):
            await both.simulated.write(f"{path}/set_alarm", "0")
        elif path[1:3] == "20":
            await both.simulated.write(f"{path}/set_alarm/high.ALL", "0,0,0,0")
    for path in ("/alarm", "/uncached/alarm", "/bus.0/alarm", "/alarm/alarm", f"/alarm{both.devices[0]}"):
        for kind in (DIR, DIRALL, DIRALLSLASH, GET, PRESENCE):
            await both.ask(kind, path)
    both.check()


@pytest.mark.parametrize(
    "path",
    [
        "{28}", "/{28}", "{28}/", "/28000000000000", "{28}.11", "{28}.99", "{28}/nothing", "{28}/errata/die/x",
        "{28}/temperature/", "{28}/temperature.ALL", "{28}/temperature.0", "{29}/PIO", "{29}/PIO.8", "{29}/PIO.A",
        "{29}/PIO.BYTE", "{3A}/PIO.C", "{1D}/counter.BYTE", "/28.999999999999", "/28.999999999999/temperature",
        "/bus.0/28.999999999999", "/bus.1", "/bus.1{28}", "/bus.0{28}/temperature", "/bus.0/bus.0", "/bus.", "/bus.x",
        "/bus.0/system", "/bus.0/settings", "/bus.0/statistics", "/bus.0/structure", "/interface", "/alarm/alarm",
        "/structure/99", "/structure/28x", "/structure/28", "/structure/28/temperature", "/structure/29/PIO",
        "/structure/29/PIO.3", "/structure/29/PIO.9", "/structure/28/temperature/", "/settings/none", "/nothing",
        "/text{28}/temperature", "/uncached{28}/temperature", "/alarm{28}/temperature", "/simultaneous/temperature",
        "/bus.0/simultaneous/temperature", "/bus.0/interface/statistics/locks", "/settings/timeout/volatile/x",
    ],
)  # fmt: skip
@pytest.mark.parametrize("kind", [READ, DIR, DIRALL, GET, PRESENCE])
async def test_paths(both, path, kind):
    for family in ("28", "29", "3A", "1D"):
        path = path.replace(f"{{{family}}}", device(both, family))
    await both.ask(kind, path, size=8192)
    both.check()


async def test_paths_that_are_no_text(both):
    await both.ask(READ, b"/\xff\xfe\0", size=100)
    await both.ask(READ, b"/" + b"a" * 5000 + b"\0", size=100)
    await both.ask(READ, device(both, "28").encode() + b"/type", size=100)
    both.check()


@pytest.mark.parametrize(
    ("size", "offset"),
    [
        *[(size, 0) for size in (-1, 0, 4, 15, 25, 65536, 100_000, 100_050, 100_051, 2**31 - 1)],
        *[(8192, offset) for offset in (-1, 3, 11, 12, 13, 600)],
        (5, 3),
    ],
)
async def test_parts_of_a_value(both, size, offset):
    names = (
        "{28}/temperature",
        "{28}/type",
        "{29}/PIO.ALL",
        "{29}/PIO.BYTE",
        "{1D}/pages/page.0",
        "{1D}/counter.ALL",
        "{20}/volt.ALL",
    )
    for path in names:
        family = path[1:3]
        name = path.replace(f"{{{family}}}", device(both, family))
        await both.ask(READ, name, size=size, offset=offset)
        await both.ask(GET, name, size=size, offset=offset)
    both.check()


@pytest.mark.parametrize(
    ("path", "data"),
    [
        ("{28}/temperature", b"3"),
        ("{28}/temperature", b"1" * 300),
        ("{28}/temphigh", b"30"),
        ("{28}/temphigh", b"abc"),
        ("{28}/temphigh", b""),
        ("{28}", b"1"),
        ("{28}/nothing", b"1"),
        ("{28}/errata", b"1"),
        ("{28}/alias", b"a/b"),
        ("{28}/alias", b""),
        ("{28}/alias", b"alarm"),
        ("{28}/temphigh", b"1e1"),
        ("{29}/PIO.0", b""),
        ("{29}/PIO.BYTE", b""),
        ("{29}/PIO.ALL", b""),
        ("{26}/date", b""),
        ("{26}/date", b"soon"),
        ("{1D}/pages/page.1", b""),
        ("{1D}/pages/page.1", b"abc"),
        ("{1D}/pages/page.1", b"a" * 40),
        ("{1D}/pages/page.ALL", b"abc"),
        ("{29}/PIO.0", b"1"),
        ("{29}/PIO.0", b"yes"),
        ("{29}/PIO.0", b"maybe"),
        ("{29}/PIO.ALL", b"1,0,1,0,1,0,1,0"),
        ("{29}/PIO.ALL", b"1,0"),
        ("{29}/PIO.BYTE", b"255"),
        ("{29}/PIO.BYTE", b"x"),
        ("{29}/sensed.0", b"1"),
        ("{42}/PIO.A", b"1"),
        ("{42}/latch.BYTE", b"0"),
        ("{42}/sensed.A", b"0"),
        ("{42}/temphigh", b"30"),
        ("{3B}/prog_addr", b"1"),
        ("{3B}/fault", b"1"),
        ("{05}/PIO", b"1"),
        ("{05}/PIO", b""),
        ("{05}/sensed", b"1"),
        ("{01}/type", b"1"),
        ("{20}/PIO.A", b"1"),
        ("{20}/PIO.ALL", b"1,0,1,0"),
        ("{20}/PIO.ALL", b"1,0"),
        ("{20}/PIO.BYTE", b"1"),
        ("{20}/volt.A", b"1"),
        ("{20}/power", b"1"),
        ("{20}/alarm/high.B", b"0"),
        ("{20}/set_alarm/volthigh.C", b"3.5"),
        ("{20}/set_alarm/volthigh.ALL", b"1,2,3,4"),
        ("{20}/set_alarm/unset", b"1"),
        ("{20}/pages/page.1", b"\x08\x0c"),
        ("{20}/pages/page.1", b""),
        ("/28.999999999999/temphigh", b"1"),
        ("/simultaneous/temperature", b"1"),
        ("/simultaneous/temperature", b"x"),
        ("/bus.0/simultaneous/temperature", b"1"),
        ("/settings/timeout/volatile", b"15"),
        ("/statistics/errors/CRC8_errors", b"0"),
        ("/structure/28/temphigh", b"0"),
        ("/structure", b"0"),
        ("/", b"0"),
    ],
)
async def test_writes(both, path, data):
    for family in FAMILIES.split(","):
        path = path.replace(f"{{{family}}}", device(both, family))
    await both.ask(WRITE, path.encode() + b"\0" + data, size=len(data))
    both.check()


@pytest.mark.parametrize("kind", [*range(12), 99, -1])
async def test_every_type_without_payload(both, kind):
    await both.ask(kind, b"", size=10)
    both.check()


@pytest.mark.parametrize("kind", [ERROR, NOP, SIZE, 11, 99, -1])
async def test_types_that_take_no_path(both, kind):
    await both.ask(kind, "/", size=10)
    both.check()


@pytest.mark.parametrize("kind", [NOP, READ, WRITE, DIR, PRESENCE, DIRALL, GET, DIRALLSLASH, GETSLASH, 99])
@pytest.mark.parametrize("path", ["{28}/temperature", "/28.999999999999", "/bus.0"])
async def test_without_persistence_the_connection_ends(both, kind, path):
    name = path.replace("{28}", device(both, "28")).encode() + b"\0"
    await both.ask(kind, name + b"1" if kind == WRITE else name, size=1 if kind == WRITE else 100, flags=0x102)
    both.check()
    for client in (both.real, both.simulated):
        with pytest.raises(anyio.EndOfStream):
            await client.stream.receive()


async def test_both_give_persistence_to_as_many(both, real, connect):
    granted = []
    await both.ask(NOP)
    for client in (both.real, both.simulated):
        host, port = client.stream.extra(anyio.abc.SocketAttribute.remote_address)
        clients = [await connect(f"owserver://{host}:{port}") for _ in range(22)]
        granted.append([(await one.ask(NOP)).flags & 4 for one in clients])
    assert granted[0] == granted[1]
    assert granted[0] == [4] * 19 + [0] * 3


async def test_versions_and_tokens(both):
    path = device(both, "28").encode() + b"/type\0"
    await both.ask(READ, path, size=100, version=7)
    for client in (both.real, both.simulated):
        await client.put(READ, path, size=100, version=0x10001)
        await client.stream.send(b"x" * 16)
        assert (await client.frame()).payload == b"DS18B20"
    await both.ask(NOP)
    both.check()


@pytest.mark.parametrize("length", [-1, 100_051])
async def test_impossible_lengths_end_the_connection(both, length):
    for client in (both.real, both.simulated):
        await client.stream.send(length_only(length))
        with pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
            await client.stream.receive()


def length_only(length):
    return bytes(4) + length.to_bytes(4, "big", signed=True) + READ.to_bytes(4, "big") + bytes(12)
