"""What only a store on servers has to get right: slow consumers, markers, silence, users, servers that won't do."""

import logging
from contextlib import asynccontextmanager, suppress
from random import Random

import anyio
import pytest

from gateway.clock import SystemClock
from gateway.errors import Conflict, Detached, StoreUnusable
from gateway.path import P
from gateway.store.nats import NatsStore
from gateway.store.options import StoreOptions
from gateway.testing.cables import Cable
from gateway.testing.nats_servers import NatsServers
from gateway.values import Change, NotGiven, Ready, Resync

TOP = P("t")
A = P("t.a")
PATIENCE = 20


async def next_of(events):
    with anyio.fail_after(PATIENCE):
        return await anext(events)


async def until_ready(events):
    found = []
    while not isinstance(event := await next_of(events), Ready):
        found.append(event)
    return found


class TestWatches:
    @pytest.fixture
    def quick(self):
        """A server that doesn't wait for the disk."""
        with NatsServers(1, jetstream="") as servers:
            yield servers

    async def test_a_slow_consumer_with_small_limits_misses_none_of_6000(self, open_on, quick):
        async with (
            open_on("a", url=quick.url, backlog=1000) as store,
            open_on("b", url=quick.url) as other,
            store.watch(TOP) as events,
        ):
            await until_ready(events)
            async with anyio.create_task_group() as tasks:
                for part in range(60):
                    tasks.start_soon(_write, other, range(100 * part, 100 * part + 100))
            seen = [await next_of(events) for _ in range(6000)]
            assert {change.path for change in seen} == {TOP / number for number in range(6000)}
            revisions = [change.revision for change in seen]
            assert revisions == sorted(set(revisions))

    async def test_a_renewal_of_content_that_the_consumer_never_had_is_told(self, open_on):
        async with open_on("a") as store, open_on("b") as other, other.watch(TOP) as events:
            await until_ready(events)
            async with store.lease(2.0) as lease:
                revision = await store.set(A, 1, lease=lease)
                assert await next_of(events) == Change(A, 1, revision)
                async with other.watch(TOP) as late:
                    await _renewed(store, lease)
                    assert await until_ready(late) == [Change(A, 1, revision)]

    async def test_a_watch_away_beyond_the_horizon_learns_of_forgotten_deletions(self, open_on, server):
        async with (
            Cable(server.port_of(0)).plugged() as cable,
            open_on("b", horizon=2.0) as other,
            open_on("a", url=f"nats://127.0.0.1:{cable.port}") as store,
            store.watch(TOP) as events,
        ):
            await other.set(A, 1)
            await other.set(TOP / "kept", 1)
            assert await next_of(events) == Ready(other._connection.state.last)
            assert [(await next_of(events)).path for _ in range(2)] == [A, TOP / "kept"]
            await cable.pull()
            await other.delete(A)
            await _gone(other, A)
            await cable.plug()
            assert isinstance(await next_of(events), Resync)
            assert [(change.path, change.value) for change in await until_ready(events)] == [(A, NotGiven)]

    async def test_a_watch_from_a_revision_beyond_the_horizon_begins_anew(self, open_on):
        async with open_on("a", horizon=2.0) as store:
            known = await store.set(A, 1)
            await store.delete(A)
            await store.set(TOP / "kept", 1)
            await _gone(store, A)
            async with store.watch(TOP, since=(store.id, known)) as events:
                assert isinstance(await next_of(events), Resync)
                assert [change.path for change in await until_ready(events)] == [TOP / "kept"]


class TestEntries:
    async def test_an_expired_marker_leaves_nothing_and_the_path_is_free(self, open_on):
        async with open_on("a", horizon=1.0) as store, open_on("b") as other:
            await store.set(A, 1)
            deleted = await store.delete(A)
            await _gone(store, A)
            assert await other.set(A, 2, revision=0) > deleted
            with pytest.raises(Conflict):
                await store.set(A, 3, revision=0)

    async def test_a_renewed_entry_keeps_its_revision_for_others(self, open_on):
        async with open_on("a") as store, open_on("b") as other, store.lease(2.0) as lease:
            revision = await store.set(A, 1, lease=lease)
            await _renewed(store, lease)
            assert (await other.get(A)).revision == revision
            assert await other.set(A, 2, revision=revision) > revision

    async def test_a_bucket_made_anew_has_greater_revisions(self, open_on):
        async with open_on("a") as store:
            first = await store.set(A, 1)
            await store._connection.session().ask(f"$JS.API.STREAM.DELETE.{store._subjects.stream}")
            with pytest.raises(Detached):
                await store.set(A, 2)
        async with open_on("a") as store:
            assert await store.set(A, 1, revision=0) > first


class TestServers:
    @pytest.fixture
    def own(self):
        with NatsServers(1) as servers:
            yield servers

    async def test_a_server_that_stands_still_is_noticed(self, own, open_on):
        async with open_on("a", url=own.url) as store:
            link, before = store.link, anyio.current_time()
            own.freeze(0)
            try:
                with anyio.fail_after(PATIENCE):
                    link = await store.wait_link(link)
                    noticed = anyio.current_time() - before
                    while link.state != "detached":
                        link = await store.wait_link(link)
                    cut_off = anyio.current_time() - before
                    with pytest.raises(Detached):
                        await store.set(A, 1)
            finally:
                own.thaw(0)
            print(f"\nnoticed after {noticed:.2f} s, cut off after {cut_off:.2f} s")
            assert noticed < cut_off
            with anyio.fail_after(PATIENCE):
                while link.state != "connected":
                    link = await store.wait_link(link)
                await store.set(A, 1)

    async def test_nobody_there_is_detached_or_waited_for(self, own, open_on, caplog):
        own.stop(0)
        with pytest.raises(Detached, match=r"no server of nats://127\.0\.0\.1:"):
            async with open_on("a", url=own.url):
                pass
        async with anyio.create_task_group() as tasks:
            told = anyio.Event()
            caplog.handler.addFilter(_tell(told))
            tasks.start_soon(_open_and_write, open_on("a", url=own.url, wait=True))
            with anyio.fail_after(PATIENCE):
                await told.wait()
                assert "still trying" in caplog.text
                await anyio.to_thread.run_sync(own.start, 0)

    async def test_more_replicas_than_servers_are_refused(self, server, open_on):
        with pytest.raises(StoreUnusable, match="set replicas = 1 in \\[store\\]"):
            async with open_on("a", replicas=3):
                pass

    async def test_fewer_replicas_than_asked_for_are_named(self, open_on, caplog):
        async with open_on("a"):
            pass
        with caplog.at_level(logging.ERROR, "busgate.store"):
            async with open_on("a", replicas=3):
                assert "has 1 replicas, not the 3 of [store]" in caplog.text

    async def test_an_old_server_is_refused(self, open_on):
        async with _server_of_version("2.11.9") as url:
            with pytest.raises(StoreUnusable, match=r"old runs nats-server 2\.11\.9; 2\.12 or newer is needed"):
                async with open_on("a", url=url):
                    pass

    async def test_without_tls_nothing_is_sent_that_was_to_be_secret(self, server, open_on):
        with pytest.raises(StoreUnusable, match="offers no TLS"):
            async with open_on("a", url=server.url.replace("nats:", "tls:")):
                pass

    async def test_a_foreign_stream_is_refused(self, open_on, bucket):
        async with open_on("a") as store:
            config = {"name": "KV_foreign-" + bucket, "subjects": [f"$KV.foreign-{bucket}.>"]}
            await store._connection.session().ask(f"$JS.API.STREAM.CREATE.{config['name']}", config, 5)
            servers = store._connection._servers
        foreign = NatsStore(
            servers, "foreign-" + bucket, StoreOptions(1), clock=SystemClock(), random=Random(1), node="a"
        )
        with pytest.raises(StoreUnusable, match="was not made by busgate"):
            async with foreign:
                pass


def _tell(event):
    """A filter of a log that lets everything pass."""

    def passes(_):
        event.set()
        return True

    return passes


async def _write(store, numbers):
    for number in numbers:
        await store.set(TOP / number, number)


async def _renewed(store, lease):
    expires = lease.expires
    with anyio.fail_after(PATIENCE):
        while lease.expires == expires:
            await store.clock.sleep(0.02)


async def _gone(store, path):
    """Wait until the servers have forgotten a deletion."""
    with anyio.fail_after(PATIENCE):
        while await store._entries.read(path) is not None:
            await store.clock.sleep(0.05)


async def _open_and_write(store):
    async with store:
        await store.set(A, 1)


@asynccontextmanager
async def _server_of_version(version):
    """The beginning of the protocol as an old server speaks it."""

    async def serve(stream):
        async with stream:
            with suppress(anyio.EndOfStream, anyio.BrokenResourceError):
                await talk(stream)

    async def talk(stream):
        await stream.send(b'INFO {"server_name":"old","version":"%s","max_payload":1048576}\r\n' % version.encode())
        while b"PING" not in await stream.receive():
            pass
        await stream.send(b"PONG\r\n")
        await stream.receive()

    listener = await anyio.create_tcp_listener(local_host="127.0.0.1")
    async with listener, anyio.create_task_group() as tasks:
        tasks.start_soon(listener.serve, serve)
        yield f"nats://127.0.0.1:{listener.extra(anyio.abc.SocketAttribute.local_port)}"
        tasks.cancel_scope.cancel()
