"""The named checks of the driver suite."""

from __future__ import annotations

import importlib.util
from statistics import median
from typing import TYPE_CHECKING, Any

import anyio
import pytest

from gateway.abc import MAX_WRITE_TIME
from gateway.bus.options import read_options
from gateway.codec import encode
from gateway.errors import BusgateError, ClaimLost, ConfigError, NoSuchAttribute, NoSuchDevice
from gateway.registrations import check_drivers
from gateway.testing.driver_suite.lives import Lives
from gateway.testing.driver_suite.measures import check_value, held, longest_gap, writes_at_once
from gateway.testing.permits import WatchedPermit

if TYPE_CHECKING:
    from gateway.testing.driver_suite.rig import Rig
    from gateway.values import Reading


@pytest.mark.anyio
class DriverSuite(Lives):
    """Subclass it as ``Test...`` and override the fixture ``rig``."""

    @pytest.fixture(params=[name for name in ("asyncio", "trio") if importlib.util.find_spec(name)])
    def anyio_backend(self, request: pytest.FixtureRequest) -> str:
        return str(request.param)

    @pytest.fixture
    def rig(self) -> Rig:
        raise NotImplementedError("override the fixture `rig`: see gateway.testing.driver_suite")

    async def test_it_can_be_registered(self, rig: Rig) -> None:
        assert check_drivers([[rig.driver]]) == [rig.driver]

    async def test_its_options_refuse_an_unknown_key(self, rig: Rig) -> None:
        with pytest.raises(ConfigError, match="no_such_option: unknown option"):
            read_options(rig.driver, {**rig.options, "no_such_option": 1})

    async def test_its_options_name_what_is_wrong(self, rig: Rig) -> None:
        for name, field in rig.driver.options.model_fields.items():
            if field.annotation is not Any:
                with pytest.raises(ConfigError, match=rf"^{field.alias or name}\b"):
                    read_options(rig.driver, {**rig.options, field.alias or name: object()})

    async def test_a_scan_lists_the_device(self, rig: Rig) -> None:
        async with self.opened(rig) as interface:
            devices = await interface.scan()
        ids = [device.id for device in devices]
        assert len(ids) == len(set(ids)), "a device is listed twice"
        assert rig.device in ids
        found = devices[ids.index(rig.device)]
        assert rig.attribute in found.readable
        if rig.writable:
            assert rig.writable[1] in devices[ids.index(rig.writable[0])].writable

    async def test_a_read_gives_a_finite_number(self, rig: Rig) -> None:
        async with self.opened(rig) as interface:
            check_value(await interface.read(rig.device, rig.attribute))

    async def test_read_many_answers_in_order(self, rig: Rig) -> None:
        known, missing = (rig.device, rig.attribute), (rig.missing, rig.attribute)
        unknown = (rig.device, "no_such_attribute")
        async with self.opened(rig) as interface:
            readings = await interface.read_many([known, missing, known, unknown])
            assert await interface.read_many([]) == []
        assert [reading.quality for reading in readings] == ["ok", "absent", "ok", "absent"]
        check_value(readings[0])
        check_value(readings[2])

    async def test_a_missing_device_reads_as_absent(self, rig: Rig) -> None:
        async with self.opened(rig) as interface:
            reading = await interface.read(rig.missing, rig.attribute)
        assert (reading.value, reading.quality) == (None, "absent")

    async def test_an_unknown_attribute_is_refused(self, rig: Rig) -> None:
        async with self.opened(rig) as interface:
            with pytest.raises(NoSuchAttribute):
                await interface.read(rig.device, "no_such_attribute")

    async def test_what_is_written_is_read_back(self, rig: Rig) -> None:
        device, attribute, values = self.writable(rig)
        async with self.opened(rig) as interface:
            for value in (*values, values[0]):
                await interface.write(device, attribute, value)
                assert (await interface.read(device, attribute)).value == value

    async def test_a_write_that_is_not_possible_is_refused(self, rig: Rig) -> None:
        device, attribute, values = rig.writable or (rig.device, "no_such_attribute", (0, 0))
        async with self.opened(rig) as interface:
            with pytest.raises(BusgateError):
                await interface.write(device, "no_such_attribute", values[0])
            with pytest.raises(NoSuchDevice if rig.writable else BusgateError):
                await interface.write(rig.missing, attribute, values[0])
            check_value(await interface.read(rig.device, rig.attribute))

    async def test_a_write_without_permit_is_not_made(self, rig: Rig) -> None:
        device, attribute, (old, new) = self.writable(rig)
        permit = WatchedPermit(grants=0)
        async with self.opened(rig) as interface:
            await interface.write(device, attribute, old)
            for _ in range(3):
                with pytest.raises(ClaimLost) as caught:
                    await interface.write(device, attribute, new, permit=permit)
                assert caught.value is permit.refusal, "a refusal must reach the caller as it was raised"
                assert (await interface.read(device, attribute)).value == old
            await interface.probe()
            await interface.write(device, attribute, new, permit=WatchedPermit())
            assert (await interface.read(device, attribute)).value == new

    async def test_a_write_declares_how_long_it_takes(self, rig: Rig) -> None:
        device, attribute, values = self.writable(rig)
        permit = WatchedPermit()
        async with self.opened(rig) as interface:
            for value in values:
                await interface.write(device, attribute, value, permit=permit)
        assert len(permit.asked) >= len(values), "each write must ask for its permit"
        for asking in permit.asked:
            assert 0 < asking.seconds <= MAX_WRITE_TIME

    async def test_a_write_asks_when_its_turn_has_come(self, rig: Rig) -> None:
        """However many wait, each is done within the time that it has declared: that begins when it asks."""
        device, attribute, values = self.writable(rig)
        count = 10
        async with self.opened(rig) as interface:
            while True:
                found, took = await writes_at_once(interface, device, attribute, values, count)
                declared = max(seconds for seconds, _ in found)
                if took >= 3 * declared or count == self.most_writes:
                    break
                count = min(self.most_writes, int(count * 3.5 * declared / took) + 1)
        lasted = median(lasted for _, lasted in found)  # one that was held up by a busy machine doesn't count
        assert lasted <= declared, f"one of {count} writes ended {lasted:.2f} s after asking for its permit"

    async def test_its_probe_finds_working_hardware_alive(self, rig: Rig) -> None:
        async with self.opened(rig) as interface:
            for _ in range(3):
                await interface.probe()

    async def test_its_health_is_plain_values(self, rig: Rig) -> None:
        async with self.opened(rig) as interface:
            await interface.read(rig.device, rig.attribute)
            health = interface.health()
        assert all(isinstance(name, str) for name in health)
        encode(health)

    async def test_it_works_on_after_a_cancelled_call(self, rig: Rig) -> None:
        async with self.opened(rig) as interface:
            for delay in (0, 0.001, 0.01, 0.1):
                for call in (interface.scan, interface.probe, lambda: interface.read(rig.device, rig.attribute)):
                    with self.within("a cancelled call to end"), anyio.move_on_after(delay):
                        await call()
            with self.within("a read after cancelled calls"):
                check_value(await interface.read(rig.device, rig.attribute))

    async def test_calls_can_be_concurrent(self, rig: Rig) -> None:
        readings: list[Reading] = []
        async with self.opened(rig) as interface:

            async def read() -> None:
                readings.append(await interface.read(rig.device, rig.attribute))

            async with anyio.create_task_group() as tasks:
                tasks.start_soon(interface.scan)
                for _ in range(20):
                    tasks.start_soon(read)
                tasks.start_soon(interface.probe)
        for reading in readings:
            check_value(reading)
        assert len(readings) == 20

    async def test_lost_hardware_is_noticed(self, rig: Rig) -> None:
        assert await self.lose(rig), "neither read nor probe raised InterfaceDown"

    async def test_hardware_that_is_away_can_not_be_opened(self, rig: Rig) -> None:
        await rig.unplug()
        assert await self.tried(rig) == "InterfaceDown"
        await rig.plug()

    async def test_it_opens_again_after_a_loss(self, rig: Rig) -> None:
        for _ in range(3):
            await self.lose(rig)
            await rig.plug()
            await self.eventually("opening it again", lambda: self.tried(rig), "open")

    async def test_closing_gives_everything_back(self, rig: Rig) -> None:
        await self.cycle(rig)  # what is made once for good may stay
        before = held()
        for _ in range(5):
            await self.cycle(rig)

        async def left() -> dict[str, int]:
            return {name: more for name, more in (held() - before).items() if not name.startswith(rig.own)}

        await self.eventually("giving back", left, {})

    async def test_it_never_blocks_the_event_loop(self, rig: Rig) -> None:
        gaps = [await longest_gap(lambda: self.cycle(rig)) for _ in range(3)]
        assert min(gaps) < self.longest_block, f"the event loop stood still for {min(gaps):.2f} s"
