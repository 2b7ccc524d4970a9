"""The store as the doctor sees it: any backend, and what a backend says of itself."""

import random
from pathlib import Path

import pytest

from gateway.doctor import Finding
from gateway.doctor.store import check_store
from gateway.errors import StoreError
from gateway.locations import DOCTOR, Locations
from gateway.path import Path as StorePath
from gateway.runner.error_log import ErrorLog
from gateway.store.memory import MemoryServer, MemoryStore
from gateway.store.sqlite.damage import DamageReport
from gateway.store.sqlite.diagnosis import LITTLE, TOO_LITTLE, diagnose
from gateway.testing.clocks import VirtualClock

ROOT = "1 0 8:1 / / rw - ext4 /dev/root rw\n"


class OpinionatedStore(MemoryStore):
    """A backend with something to say."""

    said: list[Finding] | StoreError = []

    async def diagnose(self, writes=()):
        if isinstance(self.said, StoreError):
            raise self.said
        return self.said


@pytest.fixture
async def store():
    async with OpinionatedStore(MemoryServer(), clock=VirtualClock(), random=random.Random(1), node="n1") as store:
        yield store


def check(store):
    return check_store(store, "memory:", Locations(), "n1")


async def test_a_store_that_works_keeps_nothing_of_it(store):
    (found,) = await check(store)
    assert (found.check, found.level, found.subject) == ("store", "ok", "memory:")
    assert [entry async for entry in store.tree(DOCTOR)] == []


async def test_one_that_is_out_of_reach_meanwhile(store):
    store.cut()
    (found, *_) = await check(store)
    assert found.level == "problem"
    assert "not written" in found.message


async def test_a_slow_one_and_one_that_hangs(store):
    store.faults.delay = 0.3
    (found,) = await check(store)
    assert (found.level, "took" in found.message) == ("warning", True)
    store.faults.delay = 30.0
    (found, *_) = await check(store)
    assert (found.level, "longer than 10 s" in found.message) == ("problem", True)


async def test_the_backend_has_its_say(store):
    mine = Finding("store", "warning", "nats-1", "its clock is off")
    store.said = [mine]
    assert (await check(store))[1:] == [mine]
    store.said = StoreError("permission denied")
    assert "it can't be examined: permission denied" in (await check(store))[1].message


async def test_open_errors_are_counted(store):
    log = ErrorLog(store, Locations(), "n1")
    await log.record("run", StorePath("a"), "first\nsecond line")
    await log.flush()
    found = (await check(store))[-1]
    assert (found.level, found.advice) == ("warning", "busgate errors")
    assert found.message == "1 open error, the last one: first"


class TestFile:
    @pytest.fixture
    def file(self, tmp_path):
        (tmp_path / "store.db").write_bytes(bytes(3 * 2**20))
        (tmp_path / "store.db-wal").write_bytes(bytes(2**20))
        return tmp_path / "store.db"

    @pytest.mark.parametrize(("free", "level"), [
        (LITTLE, "ok"), (LITTLE - 4096, "warning"), (TOO_LITTLE, "warning"), (TOO_LITTLE - 4096, "problem"),
    ])  # fmt: skip
    def test_room_on_its_disk(self, file, free, level):
        (found,) = diagnose(file, ROOT, free, None)
        assert found.level == level
        assert found.message.startswith("4.0 MiB on ext4, which has ")
        assert bool(found.advice) == (level != "ok")

    @pytest.mark.parametrize("kind", ["tmpfs", "overlay"])
    def test_a_place_that_does_not_last(self, file, kind):
        found = list(diagnose(file, f"{ROOT}2 1 0:5 / {file.parent} rw - {kind} none rw\n", LITTLE, None))
        assert (found[0].level, f"({kind})" in found[0].message) == ("warning", True)

    def test_damage_that_was_repaired(self, file):
        report = DamageReport(file, "bad page", Path("/aside"), 3, 1, (), complete=True)
        assert "was damaged (bad page)" in next(diagnose(file, ROOT, LITTLE, report)).message
