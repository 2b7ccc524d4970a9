"""The driver on a simulated house: what it finds, reads and writes, and how it judges."""

import pytest

from gateway.errors import BusFault, NoSuchAttribute, NoSuchDevice, WriteRefused

ONE, TWO, THREE, FOUR = (f"28.00000000000{n}" for n in "1234")
HUB, HUB_BEHIND = "1F.0000000000A1", "1F.0000000000A2"
BUTTONS, RELAY, LATCHING, METER, COUNTER = (
    f"{code}.0000000000B{n}" for n, code in enumerate(("29", "3A", "12", "26", "1D"))
)


def device(id_, **keys):
    lines = [f"{name} = {value!r}".replace("'", '"').replace("True", "true") for name, value in keys.items()]
    return "\n".join(["[[device]]", 'bus = "attic"', f'id = "{id_}"', *lines, ""])


def thermometers(*temperatures):
    return "".join(device(id_, temperature=t) for id_, t in zip((ONE, TWO, THREE, FOUR), temperatures, strict=False))


async def test_a_scan_finds_hubs_parasites_aliases_and_channels(lived_in):
    devices = (
        device(ONE, alias="Küche")
        + device(TWO, channel=1, power="parasite")
        + device(HUB)
        + device(HUB_BEHIND, under=f"{HUB}:aux")
        + device(THREE, under=f"{HUB}:main")
        + device(FOUR, under=f"{HUB_BEHIND}:main")
    )
    async with lived_in(devices, channels=2) as (_, bus):
        found = {device.id: device for device in await bus.scan()}
        assert set(found) == {ONE, TWO, THREE, FOUR, HUB, HUB_BEHIND}
        assert found[ONE].kind == "DS18B20"
        assert "temperature" in found[ONE].readable
        assert "temphigh" in found[ONE].writable
        assert found[ONE].details == {
            "channel": "bus.0",
            "family": "28",
            "power": "external",
            "path": f"/bus.0/{ONE}",
            "alias": "Küche",
            "simultaneous": True,
        }
        assert (found[TWO].details["channel"], found[TWO].details["power"]) == ("bus.1", "parasite")
        assert found[THREE].details["path"] == f"/bus.0/{HUB}/main/{THREE}"
        assert found[FOUR].details["path"] == f"/bus.0/{HUB}/aux/{HUB_BEHIND}/main/{FOUR}"
        readings = await bus.read_many([(id_, "temperature") for id_ in ("Küche", TWO, THREE, FOUR)])
        assert [(r.value, r.unit, r.quality) for r in readings] == [(20.0, "°C", "ok")] * 4


async def test_many_thermometers_convert_at_the_same_time(lived_in):
    async with lived_in(thermometers(21.5, 0.0, -10.0625, 84.5)) as (house, bus):
        readings = await bus.read_many([(id_, "temperature") for id_ in (ONE, TWO, THREE, FOUR)])
        assert [r.value for r in readings] == [21.5, 0.0, -10.0625, 84.5]
        assert house.traffic["attic"].requests["WRITE"] == 1


async def test_a_channel_of_its_own_converts_meanwhile(lived_in):
    devices = (
        device(ONE, temperature=1) + device(TWO, temperature=2, channel=1) + device(THREE, temperature=3, channel=1)
    )
    async with lived_in(devices, channels=2) as (house, bus):
        readings = await bus.read_many([(id_, "temperature") for id_ in (THREE, ONE, TWO)])
        assert [r.value for r in readings] == [3.0, 1.0, 2.0]
        assert house.traffic["attic"].requests["WRITE"] == 1


async def test_a_read_is_fresh_unless_the_cache_will_do(lived_in):
    async with lived_in(thermometers(21.0)) as (house, bus):
        assert (await bus.read(ONE, "temperature")).value == 21.0
        assert (await bus.read(ONE, "cached/temperature")).value == 21.0
        house.device(ONE).set("temperature", 22.0)
        assert (await bus.read(ONE, "cached/temperature")).value == 21.0
        assert (await bus.read(ONE, "temperature")).value == 22.0


async def test_what_never_changes_comes_from_the_cache(lived_in):
    async with lived_in(thermometers(21.0)) as (house, bus):
        assert (await bus.read(ONE, "temphigh")).value == 75.0
        before = house.traffic["attic"].transactions
        assert (await bus.read(ONE, "temphigh")).value == 75.0
        assert (await bus.read(ONE, "type")).value == "DS18B20"
        assert house.traffic["attic"].transactions == before
        assert (await bus.read(ONE, "uncached/temphigh")).value == 75.0
        assert house.traffic["attic"].transactions > before


async def test_all_inputs_of_a_switch_are_one_read(lived_in):
    async with lived_in(device(BUTTONS, sensed_3=0)) as (house, bus):
        await bus.scan()
        before = house.traffic["attic"].requests["READ"]
        readings = await bus.read_many([(BUTTONS, f"sensed.{n}") for n in range(8)])
        assert [r.value for r in readings] == [True, True, True, False, True, True, True, True]
        assert house.traffic["attic"].requests["READ"] == before + 1


async def test_battery_monitor_and_counter(lived_in):
    async with lived_in(device(METER, temperature=25.0, humidity=60, vdd=5.0) + device(COUNTER, counter_b=7)) as (
        _,
        bus,
    ):
        names = ["temperature", "HIH4000/humidity", "VDD", "VAD"]
        temperature, humidity, vdd, vad = await bus.read_many([(METER, name) for name in names])
        assert temperature.value == pytest.approx(25.0, abs=0.04)
        assert humidity.value == pytest.approx(60, abs=0.5)
        assert (humidity.unit, vdd.unit, vad.unit) == ("%", "V", "V")
        assert vdd.value == 5.0
        assert (await bus.read(COUNTER, "counter.B")).value == 7
        assert (await bus.read(COUNTER, "counter.ALL")).value == "0,7"


async def test_an_attribute_outside_of_the_table_is_asked_of_the_server(lived_in):
    async with lived_in(device(COUNTER, counter_a=5)) as (_, bus):
        assert (await bus.read(COUNTER, "pages/count.14")).value == 5
        assert (await bus.read(COUNTER, "pages/page.0")).value == "00" * 32


async def test_an_unknown_attribute_is_named(lived_in):
    async with lived_in(thermometers(21.0)) as (_, bus):
        with pytest.raises(
            NoSuchAttribute, match=r"28.000000000001 \(DS18B20\) has no attribute 'temprature' .*temperature"
        ):
            await bus.read(ONE, "temprature")
        wrong, right = await bus.read_many([(ONE, "temprature"), (ONE, "temperature")])
        assert (wrong.quality, wrong.value, right.value) == ("absent", None, 21.0)


@pytest.mark.parametrize("name", ["28.AAAAAAAAAAAA", "nobody", "", "../settings", "x" * 5000])
async def test_a_device_that_was_never_there_is_absent(lived_in, name):
    async with lived_in(thermometers(21.0)) as (_, bus):
        reading = await bus.read(name, "temperature")
        assert (reading.quality, reading.value) == ("absent", None)
        with pytest.raises(NoSuchDevice, match="no device"):
            await bus.write(name, "temphigh", 30)


async def test_a_device_that_is_looked_for_in_vain_does_not_keep_the_bus_busy(lived_in):
    async with lived_in(thermometers(21.0)) as (house, bus):
        for _ in range(5):
            await bus.read("28.AAAAAAAAAAAA", "temperature")
        assert house.traffic["attic"].requests["DIRALLSLASH"] <= 3


@pytest.mark.parametrize("company", [True, False])
async def test_a_device_that_goes_is_stale_then_absent_and_comes_back(lived_in, company):
    async with lived_in(thermometers(21.0, 5.0)) as (house, bus):
        wanted = [(ONE, "temperature")] + [(TWO, "temperature")] * company
        await bus.read_many(wanted)
        fault = await house.fault("unplug", target=ONE)
        readings = [(await bus.read_many(wanted))[0] for _ in range(4)]
        assert [(r.quality, r.value) for r in readings] == [
            ("stale", 21.0),
            ("stale", 21.0),
            ("absent", None),
            ("absent", None),
        ]
        assert readings[0].time == readings[1].time < readings[2].time
        await house.end_fault(fault)
        house.device(ONE).set("temperature", 23.0)
        await bus.scan()
        back = (await bus.read_many(wanted))[0]
        assert (back.quality, back.value) == ("ok", 23.0)


async def test_a_wrong_checksum_is_told_from_an_absent_device(lived_in):
    async with lived_in(thermometers(21.0)) as (house, bus):
        await bus.read(ONE, "temperature")
        fault = await house.fault("bad_crc", target=ONE)
        assert [(await bus.read(ONE, "temperature")).quality for _ in range(4)] == ["stale", "stale", "crc", "crc"]
        await house.end_fault(fault)
        assert (await bus.read(ONE, "temperature")).quality == "ok"


@pytest.mark.parametrize(("code", "quality"), [(-5, "bus_error"), (-22, "crc"), (-44, "bus_error")])
async def test_errors_of_a_device_have_their_quality(lived_in, code, quality):
    async with lived_in(thermometers(21.0, 22.0)) as (house, bus):
        await bus.scan()
        await house.fault("error", target=ONE, code=code)
        one, two = await bus.read_many([(ONE, "temperature"), (TWO, "temperature")])
        assert (one.quality, one.value, two.quality) == (quality, None, "ok")


async def test_a_device_that_moves_to_another_channel_is_followed(lived_in):
    async with lived_in(thermometers(21.0), channels=2) as (house, bus):
        await bus.read(ONE, "temperature")
        house.remove_device(ONE)
        house.add_device(bus="attic", id=ONE, channel=1, temperature=22.0)
        readings = [await bus.read(ONE, "temperature") for _ in range(3)]
        assert readings[-1].value == 22.0
        assert {r.quality for r in readings} <= {"stale", "ok"}


@pytest.mark.parametrize("company", [True, False])
async def test_85_after_power_on_is_suspect(lived_in, company):
    async with lived_in(thermometers(21.0, 22.0)) as (house, bus):
        wanted = [(ONE, "temperature")] + [(TWO, "temperature")] * company
        await bus.read_many(wanted)
        fault = await house.fault("stuck_85", target=ONE)
        for _ in range(2):
            reading = (await bus.read_many(wanted))[0]
            assert (reading.quality, reading.value) == ("suspect", 85.0)
        await house.end_fault(fault)
        assert (await bus.read_many(wanted))[0].quality == "ok"


async def test_85_of_a_sensor_that_just_lost_its_supply_once_is_measured_again(lived_in):
    async with lived_in(thermometers(21.0, 22.0)) as (house, bus):
        await bus.read_many([(ONE, "temperature"), (TWO, "temperature")])
        await house.fault("power_cycle", target=ONE)
        assert (await bus.read(ONE, "latesttemp")).quality == "suspect"
        assert (await bus.read(ONE, "temperature")).value == 21.0


async def test_real_85_degrees_are_believed(lived_in):
    async with lived_in(thermometers(80.0, 85.0)) as (house, bus):
        await bus.read(ONE, "temperature")
        house.device(ONE).set("temperature", 85.0)
        gradual, sudden = await bus.read_many([(ONE, "temperature"), (TWO, "temperature")])
        assert (gradual.quality, gradual.value) == ("ok", 85.0)
        assert (sudden.quality, sudden.value) == ("ok", 85.0)  # byte 6 of the scratchpad says that it has converted


async def test_a_ds18s20_at_a_sudden_85_stays_suspect(lived_in):
    async with lived_in(device("10.000000000001", temperature=85.0)) as (_, bus):
        reading = await bus.read("10.000000000001", "temperature")
        assert (reading.quality, reading.value) == ("suspect", 85.0)


async def test_a_write_is_read_back(lived_in):
    async with lived_in(device(BUTTONS) + device(RELAY) + device(LATCHING) + thermometers(21.0)) as (house, bus):
        for id_, name, value in [
            (BUTTONS, "PIO.3", True),
            (BUTTONS, "PIO.BYTE", 5),
            (BUTTONS, "set_alarm", 133333333),
            (RELAY, "PIO.A", 1),
            (RELAY, "PIO.ALL", [False, True]),
            (LATCHING, "PIO.B", "on"),
            (LATCHING, "set_alarm", "311"),
            (ONE, "temphigh", 30),
            (ONE, "tempres", 9),
            (BUTTONS, "por", False),
            (BUTTONS, "latch.BYTE", 0),
        ]:
            await bus.write(id_, name, value)
        assert (await bus.read(RELAY, "PIO.ALL")).value == "0,1"
        assert (await bus.read(BUTTONS, "uncached/PIO.BYTE")).value == 5
        assert house.device(ONE).conversion_seconds() == 0.09375


@pytest.mark.parametrize(
    ("id_", "name", "value", "error", "told"),
    [
        (BUTTONS, "sensed.0", 1, WriteRefused, "sensed.0 of 29.0000000000B0 is read-only"),
        (BUTTONS, "PIO.0", "maybe", WriteRefused, "PIO.0 can't be 'maybe': it takes true or false"),
        (BUTTONS, "PIO.9", 1, NoSuchAttribute, "has no attribute 'PIO.9'"),
        (ONE, "temperature", 5, WriteRefused, "read-only"),
        (ONE, "tempres", 13, WriteRefused, "tempres of 28.000000000001 can't be 13"),
        (ONE, "type", "x", WriteRefused, "read-only"),
        ("29.0000000000B7", "PIO.0", 1, NoSuchDevice, "did you mean 29.0000000000B0"),
    ],
)
async def test_a_write_that_can_not_be_is_refused_in_words(lived_in, id_, name, value, error, told):
    async with lived_in(device(BUTTONS) + thermometers(21.0)) as (_, bus):
        with pytest.raises(error, match=told):
            await bus.write(id_, name, value)


async def test_a_write_to_a_device_that_has_gone(lived_in):
    async with lived_in(device(BUTTONS) + thermometers(21.0)) as (house, bus):
        await bus.scan()
        await house.fault("unplug", target=BUTTONS)
        with pytest.raises((NoSuchDevice, BusFault), match=BUTTONS):
            await bus.write(BUTTONS, "PIO.0", 1)


async def test_a_write_with_a_wrong_checksum_is_a_fault_of_the_bus(lived_in):
    async with lived_in(device(BUTTONS)) as (house, bus):
        await bus.scan()
        await house.fault("bad_crc", target=BUTTONS)
        with pytest.raises(BusFault, match=BUTTONS) as error:
            await bus.write(BUTTONS, "PIO.0", 1)
        assert error.value.quality == "crc"


async def test_only_those_with_something_to_say_are_alarmed(lived_in):
    devices = device(BUTTONS) + device(LATCHING) + device(HUB) + device("29.0000000000C1", under=f"{HUB}:aux")
    async with lived_in(devices) as (house, bus):
        await bus.scan()
        for id_ in (BUTTONS, "29.0000000000C1"):
            await bus.write(id_, "set_alarm", 133333333)
            await bus.write(id_, "por", 0)
            await bus.write(id_, "latch.BYTE", 0)
        await bus.write(LATCHING, "set_alarm", 311)
        await bus.write(LATCHING, "latch.BYTE", 0)
        assert await bus.scan(alarmed=True) == []
        for id_ in (BUTTONS, "29.0000000000C1"):
            house.device(id_).set("sensed_2", 0)
            house.device(id_).set("sensed_2", 1)
        assert {device.id for device in await bus.scan(alarmed=True)} == {BUTTONS, "29.0000000000C1"}
        assert (await bus.read(BUTTONS, "latch.2")).value is True
        assert (await bus.read(BUTTONS, "sensed.2")).value is True


async def test_health_counts_what_the_bus_has_seen(lived_in):
    async with lived_in(thermometers(21.0)) as (house, bus):
        await bus.scan()
        await house.fault("bad_crc", target=ONE)
        await bus.read(ONE, "temperature")
        await bus.scan()
        health = bus.health()
        assert (health["channels"], health["devices"]) == (1, 1)
        assert health["CRC8_errors"] > 0
        assert health["bus_reads"] == 1
        assert health["slowest_read"] > 0
        assert health["connections"] == 2
        assert health["reconnects"] == 0
        await house.end_fault(await house.fault("restart", target="attic", duration=60))
        await bus.read(ONE, "temperature")
        assert bus.health()["reconnects"] == 1
