"""A disk that is full, a file that may not grow, a file that is gone: callers are told, nothing is lost, it heals."""

import subprocess
from random import Random

import anyio
import pytest

from gateway.clock import SystemClock
from gateway.errors import Detached
from gateway.path import P
from gateway.store.sqlite import SqliteStore

TOP = P("suite")
BIG = "x" * 100_000


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture
def small_disk(tmp_path):
    """A file system of 4 MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=4m", "busgate-test", disk], capture_output=True)
    if mounted.returncode:
        pytest.skip(f"a file system can't be mounted here: {mounted.stderr.decode().strip()}")
    yield disk
    subprocess.run(["umount", disk], check=True)


def opened(file):
    return SqliteStore(file, clock=SystemClock(), random=Random())


async def write_until_full(store, kept):
    for number in range(100):
        await store.set(TOP / number, BIG)
        kept[number] = BIG


async def test_a_full_disk_loses_nothing_and_heals(small_disk):
    kept: dict[int, str] = {}
    async with opened(small_disk / "store.db") as store:
        with pytest.raises(Detached, match="no space left"):
            await write_until_full(store, kept)
        assert store.link.state == "detached"
        with pytest.raises(Detached, match="no space left"):
            await store.set(TOP / "again", BIG)
        assert {entry.path[-1]: entry.value async for entry in store.tree(TOP)} == kept
        assert len(kept) > 5
    async with opened(small_disk / "store.db") as store:
        assert store.damage is None
        assert {entry.path[-1]: entry.value async for entry in store.tree(TOP)} == kept


async def test_a_store_on_a_full_disk_connects_when_there_is_space_again(small_disk):
    ballast = small_disk / "ballast"
    async with opened(small_disk / "store.db") as store, store.watch(TOP, fetch=False) as events:
        await anext(events)
        await store.set(TOP, "before")
        fill(ballast)
        with pytest.raises(Detached, match="no space left"):
            await write_until_full(store, {})
        detached = store.link
        ballast.unlink()
        with anyio.fail_after(30):
            assert (await store.wait_link(detached)).state == "connected"
        revision = await store.set(TOP, "after")
        with anyio.fail_after(30):
            while (await anext(events)).revision != revision:
                pass


def fill(ballast):
    with ballast.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(bytes(4096))
        except OSError:
            return


async def test_leases_survive_a_full_disk(small_disk):
    async with opened(small_disk / "store.db") as store, store.lease(1.0) as lease:
        await store.set(TOP / "bound", 1, lease=lease)
        ballast = small_disk / "ballast"
        fill(ballast)
        with pytest.raises(Detached):
            await write_until_full(store, {})
        first = lease.expires
        with anyio.fail_after(30):
            while lease.expires < first + 1.5:
                await store.clock.sleep(0.05)
        assert not lease.lost.is_set()
        ballast.unlink()


async def test_a_file_that_may_not_grow_is_told_and_heals(elsewhere):
    process = elsewhere("outgrow")
    told = await process.line()
    assert told["kind"] in {"Uncertain", "Detached"}
    assert "store.db" in told["error"]
    assert (told["link"], told["value"]) == ("detached", "before")
    assert (await process.line())["link"] == "connected"


async def test_a_file_that_is_gone_is_told_and_heals(tmp_path):
    file = tmp_path / "store.db"
    async with opened(file) as store:
        await store.set(TOP, "before")
        file.rename(tmp_path / "elsewhere.db")
        with pytest.raises(Detached, match="is gone or was replaced"):
            await store.set(TOP, "lost")
        detached = store.link
        assert detached.state == "detached"
        (tmp_path / "elsewhere.db").rename(file)
        with anyio.fail_after(30):
            assert (await store.wait_link(detached)).state == "connected"
        await store.set(TOP, "after")
    async with opened(file) as store:
        assert (await store.get(TOP)).value == "after"


async def test_a_file_that_goes_while_nobody_writes_is_noticed(tmp_path):
    file = tmp_path / "store.db"
    async with opened(file) as store:
        await store.set(TOP, 1)
        file.rename(tmp_path / "elsewhere.db")
        with anyio.fail_after(30):
            assert (await store.wait_link(store.link)).state == "detached"
        (tmp_path / "elsewhere.db").rename(file)
