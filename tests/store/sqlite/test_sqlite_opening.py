"""Opening: places that can't hold a store, foreign and newer files, migrations."""

import os
import sqlite3
import tempfile
from pathlib import Path
from random import Random

import anyio
import anyio.lowlevel
import pytest

from gateway.clock import SystemClock
from gateway.errors import StoreUnusable
from gateway.path import P
from gateway.store.sqlite import SqliteStore
from gateway.store.sqlite.migration import SCHEMA, migrate, newest, version_of
from gateway.store.sqlite.place import NETWORK_FILE_SYSTEMS, file_system, prepare

TOP = P("suite")
NOBODY = 65534


@pytest.fixture
def anyio_backend():
    return "asyncio"


def opened(file):
    return SqliteStore(file, clock=SystemClock(), random=Random())


async def refusal(file):
    with pytest.raises(StoreUnusable) as caught:
        async with opened(file):
            pass
    assert str(file) in str(caught.value)
    return str(caught.value)


async def test_missing_directories_are_made(tmp_path):
    file = tmp_path / "a" / "b" / "store.db"
    async with opened(file) as store:
        await store.set(TOP, 1)
    assert file.exists()


async def test_a_directory_is_refused(tmp_path):
    assert "is a directory: name a file in it" in await refusal(tmp_path)


async def test_a_file_in_the_way_is_refused(tmp_path):
    (tmp_path / "file").write_text("")
    assert "can't be used" in await refusal(tmp_path / "file" / "store.db")


async def test_a_pipe_is_refused(tmp_path):
    os.mkfifo(tmp_path / "store.db")
    assert "no regular file" in await refusal(tmp_path / "store.db")


async def test_a_text_file_is_refused_and_left_alone(tmp_path):
    file = tmp_path / "notes.txt"
    file.write_text("not a database, but dear to its owner\n" * 100)
    assert "is no store of busgate" in await refusal(file)
    assert file.read_text() == "not a database, but dear to its owner\n" * 100


async def test_a_database_of_another_program_is_refused_and_left_alone(tmp_path):
    file = tmp_path / "other.db"
    connection = sqlite3.connect(file)
    connection.execute("CREATE TABLE entry (song)")
    connection.close()
    before = file.read_bytes()
    assert "is a database of another program" in await refusal(file)
    assert file.read_bytes() == before


@pytest.fixture
def open_folder():
    """A directory that every user can get into, unlike the one for temporary files of pytest."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder)


@pytest.mark.parametrize("what", ["file", "directory"])
async def test_what_is_read_only_is_refused(open_folder, elsewhere, what):
    file = open_folder / "folder" / "store.db"
    async with opened(file):
        pass
    file.chmod(0o444 if what == "file" else 0o666)
    file.parent.chmod(0o777 if what == "file" else 0o555)
    told = await elsewhere("open_only", NOBODY, file=file).line()
    file.parent.chmod(0o755)
    assert f"{file if what == 'file' else file.parent} is read-only for user id" in told["error"]
    assert "chmod" in told["error"]


@pytest.mark.parametrize("kind", ["nfs4", "cifs", "fuse.sshfs", "9p"])
def test_network_file_systems_are_known(kind):
    mounts = (
        "22 1 254:0 / / rw,relatime - ext4 /dev/vda rw\n"
        f"40 22 0:50 / /net/home\\040dir rw,relatime shared:5 - {kind} server:/export rw\n"
        "41 22 0:51 / /net/home\\040dir/local rw - tmpfs tmpfs rw\n"
    )
    assert file_system(Path("/net/home dir/store.db"), mounts) == kind
    assert kind in NETWORK_FILE_SYSTEMS
    assert file_system(Path("/net/home dir/local/store.db"), mounts) == "tmpfs"
    assert file_system(Path("/net/home directory/store.db"), mounts) == "ext4"


async def test_a_network_file_system_is_refused(tmp_path, monkeypatch):
    monkeypatch.setattr("gateway.store.sqlite.place.NETWORK_FILE_SYSTEMS", {mounted_as(tmp_path)})
    assert "network file system" in await refusal(tmp_path / "store.db")


def mounted_as(folder):
    return file_system(folder, Path("/proc/self/mountinfo").read_text())


async def test_a_link_and_its_target_are_one_store(tmp_path):
    (tmp_path / "link.db").symlink_to(tmp_path / "store.db")
    assert prepare(tmp_path / "link.db") == tmp_path / "store.db"
    async with opened(tmp_path / "link.db") as one, opened(tmp_path / "store.db") as two:
        await one.set(TOP, 1)
        assert (await two.get(TOP)).value == 1
        assert one.id == two.id


async def test_a_newer_schema_is_refused_and_left_alone(tmp_path):
    file = tmp_path / "store.db"
    async with opened(file):
        pass
    connection = sqlite3.connect(file)
    connection.execute(f"PRAGMA user_version = {newest() + 1}")
    (store_id,) = connection.execute("SELECT id FROM store").fetchone()
    connection.close()
    (tmp_path / "store.db.d" / "id").write_text(f"{store_id} {newest() + 1}\n")  # as the newer one leaves it
    assert "newer busgate" in await refusal(file)
    assert "upgrade" in await refusal(file)


async def test_the_last_to_leave_leaves_no_run_directory(tmp_path):
    async with opened(tmp_path / "store.db") as one:
        run = one._open.member.run
        async with opened(tmp_path / "store.db"):
            pass
        assert run.is_dir()
    assert not run.exists()


async def test_two_that_open_a_new_file_at_once_share_it(tmp_path):
    file = tmp_path / "store.db"
    found: list[str] = []

    async def use():
        async with opened(file) as store:
            await store.set(TOP / len(found), 1)
            found.append(store.id)

    async with anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(use)
    assert len(set(found)) == 1


async def test_a_cancelled_opening_leaves_nothing_locked(tmp_path):
    file = tmp_path / "store.db"
    for steps in range(12):
        with anyio.CancelScope() as scope:
            async with anyio.create_task_group() as group:
                group.start_soon(cancel_after, steps, scope)
                async with opened(file) as store:
                    await store.set(TOP, steps)
                group.cancel_scope.cancel()
    async with opened(file) as store:
        await store.set(TOP, "works")


async def cancel_after(steps, scope):
    for _ in range(steps):
        await anyio.lowlevel.checkpoint()
    scope.cancel()


@pytest.fixture
def schema(tmp_path):
    """A directory of schema files: the real first one, for tests to add to."""
    folder = tmp_path / "schema"
    folder.mkdir()
    (folder / "0001.sql").write_text((SCHEMA / "0001.sql").read_text())
    return folder


def connected(file):
    return sqlite3.connect(file, isolation_level=None)


def columns(connection):
    return {row[1] for row in connection.execute("PRAGMA table_info(entry)")}


def test_an_empty_file_is_brought_to_the_newest_schema(tmp_path):
    connection = connected(tmp_path / "store.db")
    migrate(connection, tmp_path / "store.db")
    assert version_of(connection, tmp_path / "store.db") == newest() == max(int(each.stem) for each in SCHEMA.iterdir())
    assert {"revision", "key", "value", "lease", "crc"} == columns(connection)
    connection.close()


def test_an_older_file_is_brought_to_the_newest_schema_with_its_content(tmp_path, schema):
    file = tmp_path / "store.db"
    connection = connected(file)
    migrate(connection, file, schema)
    connection.execute("INSERT INTO entry (revision, key, value, crc) VALUES (1, 'a', x'01', 0)")
    (schema / "0003.sql").write_text("-- a comment; with a semicolon\nUPDATE entry SET colour = 'red';\n")
    (schema / "0002.sql").write_text("ALTER TABLE entry\nADD COLUMN colour TEXT;\n")
    migrate(connection, file, schema)
    assert version_of(connection, file, schema) == 3
    assert connection.execute("SELECT key, colour FROM entry").fetchall() == [("a", "red")]
    migrate(connection, file, schema)  # nothing is done twice
    connection.close()


def test_a_failing_migration_has_not_happened(tmp_path, schema):
    file = tmp_path / "store.db"
    connection = connected(file)
    migrate(connection, file, schema)
    (schema / "0002.sql").write_text("ALTER TABLE entry ADD COLUMN colour TEXT;\nUPDATE nothing SET x = 1;\n")
    with pytest.raises(sqlite3.OperationalError):
        migrate(connection, file, schema)
    assert version_of(connection, file, schema) == 1
    assert "colour" not in columns(connection)
    connection.close()


async def test_a_migration_that_was_killed_has_not_happened(tmp_path, schema, elsewhere):
    file = tmp_path / "store.db"
    connection = connected(file)
    migrate(connection, file, schema)
    (schema / "0002.sql").write_text("ALTER TABLE entry ADD COLUMN colour TEXT;\nSELECT die();\n")
    process = elsewhere("die_within_a_migration", schema)
    assert await process.rest() == []
    assert process.process.wait() == -9
    assert version_of(connection, file, schema) == 1
    assert "colour" not in columns(connection)
    (schema / "0002.sql").write_text("ALTER TABLE entry ADD COLUMN colour TEXT;\n")
    migrate(connection, file, schema)
    assert "colour" in columns(connection)
    connection.close()


async def test_an_older_file_in_use_is_not_migrated(tmp_path, elsewhere):
    file = tmp_path / "store.db"
    async with opened(file):
        connection = connected(file)
        connection.execute(f"PRAGMA user_version = {newest() - 1}")
        connection.close()
        assert "older busgate" in await refusal(file)


async def test_a_process_that_is_stopped_while_it_opens_is_named(tmp_path, elsewhere):
    file = tmp_path / "store.db"
    async with opened(file):
        pass
    stopped = elsewhere("stop_while_opening")
    await stopped.line()
    await stopped.stopped()
    assert f"pid {stopped.pid} was opening it and is stopped" in await refusal(file)
