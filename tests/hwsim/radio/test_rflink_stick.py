"""An RFLink gateway as its host sees it; lines as in the RFLink Protocol Reference."""

import anyio
import pytest

from hwsim import House

STICK = '[[bus]]\nname = "link"\nkind = "rflink"\n'
REMOTE = '[[device]]\nkind = "remote"\nname = "hall"\ncode = "ac"\nid = "00C142"\nunit = 2\n'
BANNER = "20;00;Nodo RadioFrequencyLink - RFLink Gateway V1.1 - R48;"


@pytest.fixture
async def house():
    house = House.parse(STICK + REMOTE)
    async with house.running(ptys=False):
        yield house


@pytest.fixture
async def host(house, hosts):
    """After the banner."""
    host = await hosts(house, "link")
    await anyio.sleep(2)
    assert lines(host.take()) == [BANNER]
    return host


def lines(data):
    assert data == b"" or data.endswith(b"\r\n")
    return data.decode().split("\r\n")[:-1]


async def ask(host, line, wait=1.0):
    return lines(await host.ask(line.encode() + b"\r\n", wait))


@pytest.mark.parametrize(
    ("command", "answer"),
    [
        ("10;PING;", "PONG;"),
        ("10;ping;", "PONG;"),
        ("10;VERSION;", "VER=1.1;REV=48;BUILD=07;"),
        ("10;RFDEBUG=ON;", "RFDEBUG=ON;"),
        ("10;QRFDEBUG=OFF;", "QRFDEBUG=OFF;"),
        ("10;RTSCLEAN;", "OK;"),
        ("10;RTSRECCLEAN=9;", "OK;"),
        ("10;setGPIO=ON;", "setGPIO=ON;"),
        ("10;NewKaku;00c142;1;ON;", "OK;"),
        ("10;newkaku;0000c6c2;1;on;", "OK;"),
        ("10;NewKaku;128ac4d;1;12;", "OK;"),
        ("10;Kaku;00004d;1;OFF;", "OK;"),
        ("10;RTS;1a602a;0;ON;", "OK;"),
        ("10;RTS;1b602b;0123;PAIR;", "OK;"),
        ("10;Ikea Koppla;000080;0;ON;", "OK;"),
        ("10;MiLightv1;F746;00;3c00;ON;", "OK;"),
        ("10;Selectplus;001c33;", "OK;"),
        ("10;NewKaku;00c142;1;SIDEWAYS;", "CMD UNKNOWN;"),
        ("10;NewKaku;xyz;1;ON;", "CMD UNKNOWN;"),
        ("10;Nonsense;1;ON;", "CMD UNKNOWN;"),
        ("10;NONSENSE;", "CMD UNKNOWN;"),
    ],
)
async def test_commands_and_their_answers(host, command, answer):
    assert await ask(host, command) == [f"20;01;{answer}"]


async def test_the_status_names_what_is_switched_on(host):
    (status,) = await ask(host, "10;STATUS;")
    assert status.startswith("20;01;STATUS;setRF433=ON;NodoNRF=OFF;")


async def test_ok_comes_when_the_telegram_is_out(house, host):
    began = house.time.now()
    await host.stream.send(b"10;NewKaku;00c142;1;ON;\r\n")
    await anyio.sleep(1)
    (at, _), (entry,) = host.got[-1], house.air.log
    assert 0.36 < at - began < 0.42
    assert (entry.content.house, entry.content.unit, entry.content.command.value) == (0xC142, 1, "on")


async def test_reports_with_a_counter_that_wraps(house, host):
    for _ in range(257):
        await house.press("hall", "on")
    await anyio.sleep(0.1)
    reports = lines(host.take())
    assert reports[0] == "20;01;NewKaku;ID=0000c142;SWITCH=1;CMD=ON;"
    assert [report[3:5] for report in reports[253:257]] == ["FE", "FF", "00", "01"]


@pytest.mark.parametrize(
    ("action", "level", "command"),
    [("off", None, "OFF"), ("group_on", None, "ALLON"), ("group_off", None, "ALLOFF"), ("level", 14, "SET_LEVEL=14")],
)
async def test_each_button(house, host, action, level, command):
    await house.press("hall", action, level=level)
    await anyio.sleep(0.1)
    assert lines(host.take()) == [f"20;01;NewKaku;ID=0000c142;SWITCH=1;CMD={command};"]


async def test_temperatures_below_zero_have_the_high_bit(hosts):
    weather = (
        '[[device]]\nkind = "weather"\nname = "w"\ncode = "oregon"\nid = "1A2D"\ntemperature = -2.5\nhumidity = 40\n'
    )
    house = House.parse(STICK + weather)
    async with house.running(ptys=False):
        host = await hosts(house, "link")
        await anyio.sleep(50)
        host.take()
        await house.fault("battery_low", target="w")
        await house.press("w")
        await anyio.sleep(0.1)
        assert lines(host.take())[-1][6:] == "Oregon TempHygro;ID=1a2d;TEMP=8019;HUM=40;BAT=LOW;"


async def test_strength_at_the_end_as_rflink32(hosts):
    house = House.parse("[air]\njitter = 0\nrssi = -63\n" + STICK + "reports_rssi = true\n" + REMOTE)
    async with house.running(ptys=False):
        host = await hosts(house, "link")
        await anyio.sleep(2)
        host.take()
        await house.press("hall")
        await anyio.sleep(0.1)
        assert lines(host.take()) == ["20;01;NewKaku;ID=0000c142;SWITCH=1;CMD=ON;RSSI=-063;"]


async def test_a_reboot_is_deaf_and_begins_with_the_banner(house, host):
    await host.stream.send(b"10;REBOOT;\r\n10;PING;\r\n")
    await anyio.sleep(1)
    await house.press("hall", "on")
    assert host.take() == b""
    await anyio.sleep(1)
    assert lines(host.take()) == [BANNER]
    assert await ask(host, "10;PING;") == ["20;01;PONG;"]


async def test_opening_the_port_may_reset_it(hosts):
    house = House.parse(STICK + "reset_on_open = true\n")
    async with house.running(ptys=False):
        await anyio.sleep(5)
        for _ in range(2):
            host = await hosts(house, "link")
            assert await host.ask(b"10;PING;\r\n", 1.5) == b""
            await anyio.sleep(0.5)
            assert lines(host.take()) == [BANNER]
            await host.stream.aclose()
        assert house.stick("link").traffic.boots == 3


async def test_the_echo_command(host):
    assert await ask(host, "11;20;0B;NewKaku;ID=000005;SWITCH=2;CMD=ON;") == [
        "20;01;OK;",
        "20;02;NewKaku;ID=000005;SWITCH=2;CMD=ON;",
    ]


@pytest.mark.parametrize("rubbish", [b"hello\r\n", b"\xff\xfe\x00\r\n", b"\r\n\r\n", b"x" * 200 + b"\r\n"])
async def test_rubbish_is_passed_over(host, rubbish):
    await host.stream.send(rubbish)
    await anyio.sleep(0.1)
    assert (await ask(host, "10;PING;"))[-1].endswith("PONG;")


async def test_switched_off_it_hears_nothing(house, host):
    await ask(host, "10;setRF433=OFF;")
    await house.press("hall", "on")
    await anyio.sleep(0.1)
    assert host.take() == b""


@pytest.mark.parametrize(
    "line",
    [
        "20;2D;UPM/Esic;ID=0001;TEMP=00cf;HUM=16;BAT=OK;",
        "20;47;Cresta;ID=8001;WINDIR=0002;WINSP=0060;WINGS=0088;WINCHL=b0;",
        "20;46;Kaku;ID=44;SWITCH=4;CMD=OFF;",
        "20;AD;FA500;ID=0d00b900;SWITCH=0001;CMD=UNKOWN;",
        "20;04;NewKaku;ID=000007;SWITCH=2;CMD=SET_LEVEL=14;",
        "20;01;MiLightv1;ID=F746;SWITCH=00;RGBW=3c00;CMD=ON;",
        "20;08;SilvercrestDB;ID=04d6bb97;SWITCH=1;CMD=ON;CHIME=01;",
        "20;ba;Oregon UVN128/138;ID=ea7c;UV=0030;BAT=OK;",
    ],
)
async def test_published_reports(hosts, line):
    house = House.parse(STICK + f'[[device]]\nkind = "frame"\nname = "tape"\nstick = "rflink"\nframe = "{line}"\n')
    async with house.running(ptys=False):
        host = await hosts(house, "link")
        await anyio.sleep(2)
        host.take()
        await house.press("tape")
        await anyio.sleep(0.1)
        assert lines(host.take()) == [f"20;01{line[5:]}"]
