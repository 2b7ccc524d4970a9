"""What ``busgate doctor`` finds at servers that are set otherwise than they should be."""

from contextlib import asynccontextmanager
from random import Random

import pytest

from gateway.clock import SystemClock
from gateway.locations import Locations
from gateway.store.nats import NatsStore
from gateway.store.nats.keys import make_key
from gateway.store.options import StoreOptions
from gateway.testing.nats_servers import NatsServers

WRITES = list(Locations().written_by("attic", ["default"]))
LESS = """
authorization {
  users: [ { user: "attic", password: "s3cret", permissions: {
    publish: { allow: ["$KV.>", "$JS.>", "busgate.>", "$SYS.REQ.USER.INFO"], deny: "$KV.house.=2Emoat.kv.claim.>" }
  } }, { user: "shy", password: "s3cret", permissions: { publish: { deny: "$SYS.>" } } } ]
}
"""


class Fast(SystemClock):
    """A clock that is ahead."""

    def now(self):
        return super().now() + 5.0


@asynccontextmanager
async def opened(url, *, clock=None, bucket="house", **options):
    servers = [url] if isinstance(url, str) else url
    user = StoreOptions(replicas=1, **options)
    async with NatsStore(servers, bucket, user, clock=clock or SystemClock(), random=Random(1), node="attic") as store:
        yield store


async def wrong(store):
    """Level, subject and message of each finding that is not ok."""
    return [(one.level, one.subject, one.message) for one in await store.diagnose(WRITES) if one.level != "ok"]


@pytest.fixture(scope="module")
def lazy():
    """A server that writes to the disk some time, and lets two users do less than a node needs."""
    with NatsServers(1, settings=LESS, jetstream="") as servers:
        yield servers


async def test_a_right_that_is_missing(lazy):
    async with opened(lazy.url, user="attic", password="s3cret") as store:
        told = await wrong(store)
    text = "user 'attic' may not write claims of jobs of group default (publish $KV.house.=2Emoat.kv.claim.default.>)"
    assert ("problem", "permissions", f"{text} at {lazy.url}") in told
    assert not [one for one in told if "presence" in one[2]]


async def test_what_this_user_may_not_ask(lazy):
    async with opened(lazy.url, user="shy", password="s3cret") as store:
        told = await wrong(store)
    assert ("warning", "permissions", "user 'shy' may not ask what it may do") in told
    assert any(one[:2] == ("warning", "sync_interval") and "not known" in one[2] for one in told)


async def test_a_server_that_writes_to_the_disk_some_time():
    system = (
        "accounts { ALL { jetstream: enabled, users: [{user: a, password: b}]\n imports: [ "
        '{ service: { account: SYS, subject: "$SYS.REQ.SERVER.PING.JSZ" } } ] }, '
        'SYS { exports: [ { service: "$SYS.REQ.SERVER.PING.JSZ" } ] } }\nsystem_account: SYS\nno_auth_user: a\n'
    )
    with NatsServers(1, settings=system, jetstream="") as servers:
        async with opened(servers.url) as store:
            told = await wrong(store)
    text = "server server-0 may lose up to 120 s of acknowledged writes in a power cut"
    assert told == [("problem", "sync_interval", text)]


async def test_a_clock_that_is_off(server, bucket):
    async with opened(server.url, bucket=bucket, clock=Fast()) as store:
        told = await wrong(store)
    assert any("its clock is 5.0 s behind the one here" in message for _, _, message in told)


async def test_a_server_that_is_not_there(server, bucket):
    async with opened([server.url, "nats://127.0.0.1:1"], bucket=bucket) as store:
        told = await wrong(store)
    assert ("problem", "nats://127.0.0.1:1") in [one[:2] for one in told]


async def test_fewer_replicas_than_asked_for(server, bucket):
    async with opened(server.url, bucket=bucket):
        pass
    async with NatsStore(
        [server.url], bucket, StoreOptions(replicas=3), clock=SystemClock(), random=Random(1), node="attic"
    ) as store:
        told = await wrong(store)
    assert any(message.startswith("has 1 replicas, not the 3 of [store]") for _, _, message in told)


async def test_a_key_that_others_can_read(server, bucket, tmp_path, caplog):
    file = tmp_path / "attic.nk"
    make_key(file)
    file.chmod(0o644)
    async with opened(server.url, bucket=bucket, nkey=str(file)) as store:
        told = await wrong(store)
    assert ("warning", str(file), "others on this machine can read it, and it is a secret") in told
    assert f"others on this machine can read {file}, and it is a secret: chmod 600 {file}" in caplog.text
