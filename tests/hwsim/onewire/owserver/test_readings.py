"""What clients read and write of each family, and how long it takes, over the protocol in virtual time."""

import anyio
import pytest

from hwsim import House

HOUSE = """
seed = 1
[[bus]]
name = "b"
channels = 2
[[device]]
bus = "b"
id = "28.000000000001"
temperature = 21.5
[[device]]
bus = "b"
id = "28.000000000002"
temperature = -10.0625
power = "parasite"
channel = 1
[[device]]
bus = "b"
id = "22.000000000003"
temperature = 19.0
[[device]]
bus = "b"
id = "10.000000000004"
temperature = 4.25
[[device]]
bus = "b"
id = "29.000000000005"
[[device]]
bus = "b"
id = "3A.000000000006"
[[device]]
bus = "b"
id = "12.000000000007"
[[device]]
bus = "b"
id = "26.000000000008"
temperature = 22.0
humidity = 55.0
vdd = 5.0
[[device]]
bus = "b"
id = "1D.000000000009"
counter_a = 1234
counter_b = 5678
[[device]]
bus = "b"
id = "1F.00000000000A"
[[device]]
bus = "b"
id = "28.00000000000B"
under = "1F.00000000000A:main"
temperature = 33.0
[[device]]
bus = "b"
id = "28.00000000000C"
under = "1F.00000000000A:aux"
temperature = 44.0
"""
A, PARASITE, S, COUPLER = "28.000000000001", "28.000000000002", "29.000000000005", "1F.00000000000A"


@pytest.fixture
async def house():
    house = House.parse(HOUSE)
    async with house.running():
        yield house


@pytest.fixture
async def client(house, connect):
    return await connect(house.url("b"))


class Stopwatch:
    def __enter__(self):
        self.began = anyio.current_time()
        return self

    def __exit__(self, *_):
        self.seconds = round(anyio.current_time() - self.began, 3)


@pytest.mark.parametrize(
    ("path", "text"),
    [
        (f"/{A}/temperature", "21.5"),
        ("/28000000000001/temperature", "21.5"),
        (f"/bus.1/{PARASITE}/temperature", "-10.0625"),
        ("/22.000000000003/temperature", "19"),
        ("/10.000000000004/temperature", "4.25"),
        (f"/{A}/temperature9", "21.5"),
        (f"/{A}/fasttemp", "21.5"),
        (f"/{A}/latesttemp", "85"),
        (f"/{A}/power", "1"),
        (f"/{PARASITE}/power", "0"),
        (f"/{A}/tempres", "12"),
        (f"/{A}/temphigh", "75"),
        (f"/{A}/type", "DS18B20"),
        (f"/{A}/family", "28"),
        (f"/{A}/id", "000000000001"),
        (f"/{A}/r_id", "010000000000"),
        (f"/{A}/address", "2800000000000140"),
        (f"/{A}/crc8", "40"),
        (f"/{COUPLER}/main/28.00000000000B/temperature", "33"),
        (f"/uncached/bus.0/{COUPLER}/aux/28.00000000000C/temperature", "44"),
        (f"/{S}/sensed.ALL", "1,1,1,1,1,1,1,1"),
        (f"/{S}/PIO.BYTE", "0"),
        (f"/{S}/latch.0", "0"),
        (f"/{S}/por", "1"),
        ("/3A.000000000006/sensed.BYTE", "3"),
        ("/3A.000000000006/PIO.ALL", "0,0"),
        ("/12.000000000007/channels", "2"),
        ("/12.000000000007/set_alarm", "331"),
        ("/12.000000000007/TAI8570/pressure", -2),
        ("/26.000000000008/temperature", "22"),
        ("/26.000000000008/VDD", "5"),
        ("/26.000000000008/HIH4000/humidity", "55.0938"),
        ("/26.000000000008/humidity", "55.0938"),
        ("/26.000000000008/MultiSensor/type", "MS-T"),
        ("/1D.000000000009/counter.ALL", "1234,        5678"),
        ("/1D.000000000009/counter.B", "5678"),
        ("/1D.000000000009/mincount", "1234"),
        ("/1D.000000000009/pages/count.0", "4294967295"),
        (f"/{COUPLER}/branch.ALL", "0,0"),
        (f"/{COUPLER}/control", "0"),
        ("/settings/timeout/volatile", "15"),
        ("/system/configuration/version", "3.2p4"),
        ("/structure/28/temperature", "t,000000,000001,ro,000012,v,"),
        ("/structure/29/PIO.ALL", "y,-000001,000008,rw,000015,s,"),
        ("/structure/1D/pages/page.ALL", "b,-000001,000016,rw,000512,v,"),
        ("/28.0000000000FF/temperature", -1),
        ("/28.00000000000B/temperature", -1),
        (f"/{A}/nothing", -1),
        (f"/{A}", -21),
        (f"/{S}/LCD_H/clear", -95),
    ],
)
async def test_reading(client, path, text):
    assert await client.read(path) == text


async def test_the_most_read_text_of_all(client):
    texts = (await client.read("/settings/return_codes/text.ALL")).split(",")
    assert len(texts) == 211
    assert texts[1] == "Startup - command line parameters invalid"


@pytest.mark.parametrize(
    ("path", "seconds"),
    [
        (f"/{A}/temperature", 0.76),
        (f"/{A}/temperature11", 0.41),
        (f"/{A}/temperature9", 0.11),
        (f"/{PARASITE}/temperature", 1.0),
        (f"/{PARASITE}/temperature9", 0.11),
        ("/26.000000000008/temperature", 0.01),
        (f"/{A}/latesttemp", 0.0),
    ],
)
async def test_how_long_a_reading_takes(client, path, seconds):
    with Stopwatch() as watch:
        assert isinstance(await client.read(f"/uncached{path}"), str)
    assert watch.seconds == pytest.approx(seconds, abs=0.001)


@pytest.mark.parametrize(
    ("fault", "options", "seconds", "text"),
    [
        ("stuck_85", {}, 1.52, "85"),
        ("brown_out", {}, 3.02, "85"),
        ("bad_crc", {}, 0.0, -22),
        ("slow_conversion", {"factor": 1.5}, 3.62, "21.5"),
        ("slow_conversion", {"factor": 3.0}, 3.62, "85"),
    ],
)
async def test_three_passes_of_a_sick_thermometer(house, client, fault, options, seconds, text):
    await house.fault(fault, target=A, **options)
    with Stopwatch() as watch:
        assert await client.read(f"/uncached/{A}/temperature") == text
    assert watch.seconds == pytest.approx(seconds, abs=0.02)


async def test_an_honest_85_takes_three_conversions(house, client):
    house.device(A).set("temperature", 85)
    with Stopwatch() as watch:
        assert await client.read(f"/{A}/temperature") == "85"
    assert watch.seconds == pytest.approx(3.02, abs=0.02)
    assert house.traffic["b"].conversions == 3


async def test_bad_checksums_are_counted(house, client):
    await house.fault("bad_crc", target=A)
    assert await client.read(f"/{A}/temperature") == -22
    assert await client.read("/statistics/errors/CRC8_errors") == "9"


async def test_values_are_cached_and_uncached_paths_are_not(house, client):
    assert await client.read(f"/{A}/temperature") == "21.5"
    house.device(A).set("temperature", 30)
    assert await client.read(f"/{A}/temperature") == "21.5"
    assert await client.read(f"/uncached/{A}/temperature") == "30"
    assert await client.read(f"/{A}/temperature") == "30", "an uncached reading refreshes the cache"
    house.device(A).set("temperature", 31)
    await anyio.sleep(15.1)
    assert await client.read(f"/{A}/temperature") == "31"


async def test_the_uncached_flag_does_the_same(house, client):
    assert await client.read(f"/{A}/temperature") == "21.5"
    house.device(A).set("temperature", 30)
    assert await client.read(f"/{A}/temperature", flags=0x126) == "30"


async def test_cache_times_can_be_changed_by_clients(house, client):
    assert await client.write("/settings/timeout/volatile", "2") == 0
    assert await client.read("/settings/timeout/volatile") == "2"
    await client.read(f"/{A}/temperature")
    house.device(A).set("temperature", 30)
    await anyio.sleep(2.1)
    assert await client.read(f"/{A}/temperature") == "30"


async def test_simultaneous_conversion_then_latesttemp(client):
    with Stopwatch() as watch:
        assert await client.write("/bus.0/simultaneous/temperature", "1") == 0
    assert watch.seconds == 0
    assert await client.read(f"/uncached/bus.0/{A}/latesttemp") == "85"
    await anyio.sleep(0.75)
    with Stopwatch() as watch:
        assert await client.read(f"/uncached/bus.0/{A}/latesttemp") == "21.5"
        assert await client.read("/uncached/bus.0/22.000000000003/latesttemp") == "19"
        assert await client.read("/uncached/bus.0/10.000000000004/latesttemp") == "4.25"
        assert await client.read("/uncached/bus.0/26.000000000008/latesttemp") == "22"
    assert watch.seconds == 0


async def test_a_cached_read_after_it_only_waits_for_the_rest(client):
    await client.write("/bus.0/simultaneous/temperature", "1")
    await anyio.sleep(1.2)
    with Stopwatch() as watch:
        assert await client.read(f"/{A}/temperature") == "21.5"
    assert watch.seconds == 0
    await client.write("/bus.0/simultaneous/temperature", "1")
    with Stopwatch() as watch:
        assert await client.read("/22.000000000003/temperature") == "19"
    assert watch.seconds == 1.0
    with Stopwatch() as watch:
        assert await client.read(f"/uncached/{A}/temperature") == "21.5"
    assert watch.seconds == 0.76, "uncached converts again"


async def test_it_makes_what_is_cached_old(house, client):
    assert await client.read(f"/{A}/temperature") == "21.5"
    house.device(A).set("temperature", 30)
    await anyio.sleep(1)
    await client.write("/simultaneous/temperature", "1")
    await anyio.sleep(1)
    assert await client.read(f"/{A}/temperature") == "30"


async def test_parasites_hold_the_wire_and_brown_out(client):
    with Stopwatch() as watch:
        assert await client.write("/bus.1/simultaneous/temperature", "1") == 0
    assert watch.seconds == 1.0
    assert await client.read(f"/uncached/bus.1/{PARASITE}/latesttemp") == "85"


async def test_behind_a_hub_it_does_nothing(client):
    path = f"/{COUPLER}/main"
    assert await client.write(f"{path}/simultaneous/temperature", "1") == 0
    await anyio.sleep(1)
    assert await client.read(f"{path}/28.00000000000B/latesttemp") == "85"
    assert await client.read(f"/uncached{path}/28.00000000000B/temperature") == "33"


async def test_a_conversion_holds_its_wire_and_no_other(house, connect, client):
    other = await connect(house.url("b"))
    took = {}

    async def timed(path):
        with Stopwatch() as watch:
            await other.read(path)
        took[path] = watch.seconds

    async with anyio.create_task_group() as tasks:
        tasks.start_soon(client.read, f"/uncached/bus.0/{A}/temperature")
        await anyio.sleep(0.1)
        await timed(f"/bus.0/{S}/sensed.BYTE")
        tasks.start_soon(client.read, f"/uncached/bus.0/{A}/temperature")
        await anyio.sleep(0.1)
        await timed(f"/bus.1/{PARASITE}/latesttemp")
        await timed(f"/bus.0/{A}/type")
    assert took == {
        f"/bus.0/{S}/sensed.BYTE": pytest.approx(0.66),
        f"/bus.1/{PARASITE}/latesttemp": 0,
        f"/bus.0/{A}/type": 0,
    }


async def test_a_wrong_wire_is_believed_and_fails(client):
    assert f"/bus.1/{A}/temperature" in await client.list(f"/bus.1/{A}")
    assert await client.read(f"/bus.1/{A}/temperature") == -22
    assert await client.read(f"/bus.7/{A}/temperature") == -1


async def test_a_device_that_goes_is_missed_late(house, client):
    assert await client.read(f"/{A}/temperature") == "21.5"
    house.device(A).connected = False
    assert await client.read(f"/{A}/temperature") == "21.5"
    assert await client.read(f"/uncached/{A}/temperature") == -2
    assert await client.read(f"/uncached/{A}/temperature") == -1
    house.device(A).connected = True
    assert await client.read(f"/uncached/{A}/temperature") == "21.5"


async def test_listings_are_cached_but_not_uncached_ones(house, client):
    assert f"/bus.0/{A}" in await client.list("/bus.0")
    house.device(A).connected = False
    assert f"/bus.0/{A}" in await client.list("/bus.0")
    assert f"/uncached/bus.0/{A}" not in await client.list("/uncached/bus.0")
    assert f"/bus.0/{A}" not in await client.list("/bus.0")


async def test_resolution_and_limits_are_kept_by_the_device(house, client):
    assert await client.write(f"/{A}/tempres", "9") == 0
    assert await client.write(f"/{A}/temphigh", "30.9") == 0
    assert await client.write(f"/{A}/templow", "-5") == 0
    house.device(A).power_cycle()
    assert await client.read(f"/uncached/{A}/tempres") == "9"
    assert await client.read(f"/uncached/{A}/temphigh") == "30"
    assert await client.read(f"/uncached/{A}/templow") == "-5"
    with Stopwatch() as watch:
        assert await client.read(f"/uncached/{A}/temperature") == "21.5"
    assert watch.seconds == 0.76  # with 12 bits, as the real one does it
    with Stopwatch() as watch:
        assert await client.read(f"/uncached/{A}/fasttemp") == "21.5"
    assert watch.seconds == 0.11


async def test_thermometers_in_alarm(house, client):
    for sensor, high, low in ((A, "30", "10"), ("22.000000000003", "30", "19")):
        await client.write(f"/{sensor}/temphigh", high)
        await client.write(f"/{sensor}/templow", low)
        await client.read(f"/{sensor}/temperature")
    alarms = await client.list("/uncached/bus.0/alarm")
    assert f"/uncached/bus.0/alarm/{A}" not in alarms
    assert "/uncached/bus.0/alarm/22.000000000003" in alarms
    assert await client.read("/alarm/22.000000000003/temperature") == "19"


async def test_buttons_with_latches_and_conditional_search(house, client):
    device = house.device(S)
    assert await client.write(f"/{S}/set_alarm", "133333333") == 0
    assert await client.read(f"/{S}/set_alarm") == "133333333"
    assert await client.write(f"/{S}/latch.BYTE", "0") == 0
    assert f"/alarm/{S}" not in await client.list("/alarm")
    device.set("sensed_2", 0)
    device.set("sensed_2", 1)
    assert f"/alarm/{S}" in await client.list("/alarm")
    assert await client.read(f"/uncached/{S}/latch.ALL") == "0,0,1,0,0,0,0,0"
    assert await client.read(f"/uncached/{S}/sensed.2") == "1"
    assert await client.write(f"/{S}/latch.2", "0") == 0
    assert await client.read(f"/{S}/latch.BYTE") == "0"
    assert f"/alarm/{S}" not in await client.list("/alarm")


@pytest.mark.parametrize("switch", [S, "3A.000000000006", "12.000000000007"])
async def test_outputs_conduct_when_written_1(client, switch):
    first = ".0" if switch == S else ".A"
    second = ".1" if switch == S else ".B"
    assert await client.write(f"/{switch}/PIO{first}", "1") == 0
    assert await client.write(f"/{switch}/PIO{second}", "yes") == 0
    assert await client.write(f"/{switch}/PIO{first}", "0") == 0
    assert await client.read(f"/{switch}/PIO.BYTE") == "2"
    assert await client.read(f"/uncached/{switch}/sensed{second}") == "0"
    assert await client.read(f"/uncached/{switch}/sensed{first}") == "1"


async def test_arrays_are_written_whole_or_not_at_all(client):
    assert await client.write(f"/{S}/PIO.ALL", "1,0,1,0,1,0,1,0") == 0
    assert await client.read(f"/{S}/PIO.BYTE") == "85"
    assert await client.write(f"/{S}/PIO.ALL", "1,0") == -22
    assert await client.write(f"/{S}/PIO.BYTE", "maybe") == -22
    assert await client.read(f"/{S}/PIO.BYTE") == "85"


@pytest.mark.parametrize(
    ("path", "data", "ret"),
    [
        (f"/{A}/temperature", "3", -95),
        (f"/{A}/temphigh", "abc", -22),
        (f"/{A}/temphigh", "", -22),
        (f"/{A}/tempres", "8", -22),
        (f"/{A}", "1", -21),
        (f"/{A}/nothing", "1", -1),
        ("/28.0000000000FF/temphigh", "1", -1),
        (f"/{COUPLER}/branch.BYTE", "3", -22),
        (f"/{S}/LCD_M/clear", "1", -22),
    ],
)
async def test_writes_that_fail(client, path, data, ret):
    assert await client.write(path, data) == ret


async def test_aliases_are_names_everywhere(client):
    assert await client.write(f"/{A}/alias", "küche") == 0
    assert await client.read("/küche/temperature") == "21.5"
    assert "/bus.0/küche" in await client.list("/bus.0")
    assert "/küche/temperature" in await client.list(f"/{A}")
    assert "=küche" in await client.read("/settings/alias/list")
    assert await client.write(f"/{A}/alias", "a/b") == -22


async def test_memory_is_written_in_parts(client):
    assert await client.write("/1D.000000000009/pages/page.3", "hello") == 0
    answer = await client.ask(2, b"/1D.000000000009/pages/page.3\0", size=5)
    assert answer.payload == b"hello"
    answer = await client.ask(2, b"/1D.000000000009/memory\0", size=3, offset=98)
    assert answer.payload == b"llo"


async def test_counters_wrap_and_mincount_goes_on(house, client):
    meter = house.device("1D.000000000009")
    assert await client.read("/uncached/1D.000000000009/mincount") == "1234"
    meter.set("counter_a", 2**32 + 7)
    meter.set("counter_b", 5688)
    assert await client.read("/uncached/1D.000000000009/counter.A") == "7"
    assert await client.read("/uncached/1D.000000000009/mincount") == "1244"


async def test_hub_branches_are_folders(client):
    path = f"/bus.0/{COUPLER}/main"
    listing = await client.list(path)
    assert listing[0] == f"{path}/28.00000000000B"
    assert f"{path}/28.00000000000C" not in listing
    assert await client.read(f"/bus.0/{COUPLER}/main/28.00000000000C/temperature") == -22
    assert await client.read(f"/{COUPLER}/main/28.00000000000C/temperature") == -1


async def test_branches_can_be_switched_by_hand(client):
    assert await client.write(f"/{COUPLER}/branch.BYTE", "2") == 0
    assert await client.read(f"/uncached/{COUPLER}/branch.ALL") == "0,1"
    assert await client.write(f"/{COUPLER}/clearevent", "1") == 0
    assert await client.read(f"/uncached/{COUPLER}/branch.ALL") == "0,0"
    assert await client.write(f"/{COUPLER}/control", "3") == 0
    assert await client.read(f"/uncached/{COUPLER}/control") == "3"
