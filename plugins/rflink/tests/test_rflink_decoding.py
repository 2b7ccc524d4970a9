"""Lines become telegrams: what rflink finds in its own published samples, in the words of busgate."""

import pytest
from busgate_rflink.decoding import decode, key
from busgate_rflink.lines import body, is_banner, report, settings, version, whole
from rflink.parser import decode_packet, serialize_packet_id

THEIRS = {
    "temperature": "temperature", "humidity": "humidity", "total_rain": "rain_total", "windspeed": "wind_speed",
    "windgusts": "wind_gust", "winddirection": "wind_direction", "barometric_pressure": "pressure",
    "windchill": "wind_chill", "average_windspeed": "wind_average", "doorbell_melody": "chime",
}  # fmt: skip


def decoded(text):
    telegram = decode(text.encode(), 5.0)
    assert telegram is not None, text
    return telegram


def test_all_samples_are_decoded(samples):
    assert len(samples) > 40
    found = 0
    for text in samples:
        telegram, theirs = decoded(text), decode_packet(text)
        assert telegram.device == serialize_packet_id(theirs), text
        assert telegram.kind == text.split(";")[2]
        assert (telegram.heard, telegram.raw, telegram.rssi) == (5.0, text.encode(), None)
        for name, ours in THEIRS.items():
            if name in theirs:
                assert telegram.values[ours].value == theirs[name], text
                found += 1
        if "command" in theirs:
            assert telegram.values["command"].value == theirs["command"].split("=")[0]
    assert found > 30


@pytest.mark.parametrize(
    ("text", "device", "values"),
    [
        (
            "20;e5;Oregon BTHR;ID=5a6d;TEMP=80be;HUM=40;BARO=03d7;BAT=LOW;",
            "oregonbthr_5a6d",
            {
                "temperature": (-19.0, "°C"),
                "humidity": (40, "%"),
                "pressure": (983, "hPa"),
                "battery_low": (True, None),
            },
        ),
        ("20;12;Pir;ID=aa66;PIR=ON;", "pir_aa66", {"pir": (True, None)}),
        (
            "20;04;NewKaku;ID=000007;SWITCH=2;CMD=SET_LEVEL=15;",
            "newkaku_000007_2",
            {"command": ("set_level", None), "level": (100, "%")},
        ),
        ("20;04;Ikea Koppla;ID=000080;SWITCH=0;CMD=ON;", "ikeakoppla_000080_0", {"command": ("on", None)}),
        (
            "20;6A;UPM/Esic;ID=1002;WINSP=0041;WINDIR=0001;",
            "upmesic_1002",
            {"wind_speed": (6.5, "km/h"), "wind_direction": (22.5, "°")},
        ),
    ],
)
def test_values(text, device, values):
    telegram = decoded(text)
    assert telegram.device == device
    assert telegram.values == values
    assert telegram.window == 0.25


def test_the_signal_strength_of_rflink32():
    telegram = decoded("20;2D;NewKaku;ID=0000c6c2;SWITCH=1;CMD=ON;RSSI=-072;")
    assert telegram.rssi == -72.0
    assert telegram.key == decoded("20;00;NewKaku;ID=c6c2;SWITCH=01;CMD=ON;RSSI=-050;").key
    assert telegram.key == decoded("20;00;newkaku;ID=0000C6C2;SWITCH=1;CMD=ON;").key
    assert telegram.key != decoded("20;2D;NewKaku;ID=0000c6c2;SWITCH=1;CMD=OFF;").key


def test_telegrams_that_differ_have_keys_that_differ(samples):
    assert len({decoded(text).key for text in samples}) == len(samples)
    assert key("Pir", ["ID=aa66", "PIR=ON", "BAT=OK"]) == key("Pir", ["ID=aa66", "PIR=ON", "BAT=LOW"])


@pytest.mark.parametrize(
    "text",
    [
        "20;00;Nodo RadioFrequencyLink - RFLink Gateway V1.1 - R48;",
        "20;D3;OK;",
        "20;D3;PONG;",
        "20;B5;STATUS;setRF433=ON;NodoNRF=OFF;",
        "20;75;DEBUG;Pulses=90;Pulses(uSec)=1200,2760,120;",
        "20;00;N20;00;Nodo RadioFrequencyLink;",
        "20;0A;NewKaku;ID=00c620;0B;NewKaku;ID=0000c6c2;SWITCH=1;CMD=ON;",
        "20;0A;NewKaku;ID=0000c6c2;SWI",
        "20;0A;NewKaku;CMD=ON;",
        "10;NewKaku;ID=0000c6c2;SWITCH=1;CMD=ON;",
        "20;ZZ;NewKaku;ID=0000c6c2;SWITCH=1;CMD=ON;",
        "",
        "\x00",
    ],
)
def test_what_comes_from_elsewhere_is_no_telegram(text):
    assert report(text) is None
    assert decode(text.encode(), 0.0) is None


@pytest.mark.parametrize(
    "text",
    [
        "20;0A;NewKaku;ID=;SWITCH=1;CMD=ON;",
        "20;0A;Kaku;SWITCH=1;CMD=ON;XID=4;ID=-;",
        "20;04;NewKaku;ID=000007;SWITCH=2;CMD=SET_LEVEL=z;",
    ],
)
def test_what_is_spoilt_raises(text):
    with pytest.raises(Exception, match=r".+"):
        decode(text.encode(), 0.0)


def test_numbers_that_are_none_are_left_out():
    assert decoded("20;0A;Cresta;ID=8001;LUX=ffffffffffffffffffff;HUM=xx;TEMP=00b0;").values == {
        "temperature": (17.6, "°C")
    }


def test_a_line_after_the_rest_of_another_is_whole(samples):
    for text in samples:
        line = text.encode()
        for rest in (b"", b"\xff\x00", line[:1], line[:-1], line, b"20;", b"20;4"):
            assert whole(rest + line) == line
    assert whole(b"noise") == b"noise"


def test_what_the_gateway_says_of_itself():
    assert body("20;99;VER=1.1;REV=48;BUILD=07;") == "VER=1.1;REV=48;BUILD=07"
    assert body("10;PING;") is None
    assert is_banner("Nodo RadioFrequencyLink - RFLink Gateway V1.1 - R46")
    assert version("Nodo RadioFrequencyLink - RFLink Gateway V1.1 - R46") == "1.1 R46"
    assert version("VER=1.1;REV=48;BUILD=07") == "1.1 R48"
    assert version("RFLink_ESP Gateway") == "RFLink_ESP Gateway"
    assert settings("STATUS;setRF433=ON;NodoNRF=OFF;MilightNRF=ON;setLivingColors=ON;setAnsluta=OFF;setGPIO=OFF") == {
        "rf433": True,
        "nodonrf": False,
        "milight": True,
        "livingcolors": True,
        "ansluta": False,
        "gpio": False,
    }
