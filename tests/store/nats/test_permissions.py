"""What ``busgate store acl`` prints is what a node needs, and no more: on a real server that has loaded it."""

import io
import json
import re
import time
from contextlib import asynccontextmanager, redirect_stdout
from pathlib import Path
from random import Random

import anyio
import pytest

from gateway.cli.main import run
from gateway.clock import SystemClock
from gateway.config.load import parse
from gateway.errors import Denied
from gateway.locations import Locations, Place
from gateway.node import Node
from gateway.path import P
from gateway.plugins import Plugins
from gateway.store import open_store
from gateway.store.nats.keys import public_key
from gateway.store.nats.permissions import USER_INFO, node_permissions
from gateway.store.nats.session import Heard
from gateway.store.options import StoreOptions
from gateway.testing.nats_servers import NatsServers
from gateway.values import Change, NotGiven

PLACES = Locations()
WORK = """
await _client.set(_P("onewire") / which, 1)
await _self.send("onewire.told", which)
await _self.setup_done()
"""
ACCOUNTS = """
accounts {
  HOUSE {
    jetstream: enabled
    users: [
      { nkey: %(attic)s, include "attic.conf" }
      { nkey: %(cellar)s, include "cellar.conf" }
      { nkey: %(boss)s, include "boss.conf" }
    ]
    imports: [ { service: { account: SYS, subject: "$SYS.REQ.SERVER.PING.JSZ" } } ]
  }
  SYS { exports: [ { service: "$SYS.REQ.SERVER.PING.JSZ", response_type: stream, accounts: [HOUSE] } ] }
}
system_account: SYS
"""


class House(NatsServers):
    """A server, and where the keys of its users are."""

    keys: Path


def printed(*words):
    """What the command prints."""
    out = io.StringIO()
    with redirect_stdout(out):
        assert run(["--store", "nats://localhost/house", "store", *words]) == 0
    return out.getvalue()


@pytest.fixture(scope="module")
def house(tmp_path_factory):
    """A server with three users, each with what the command has printed for it."""
    folder = tmp_path_factory.mktemp("house")
    (folder / "0").mkdir()
    keys = {name: printed("nkey", str(folder / f"{name}.nk")).strip() for name in ("attic", "cellar", "boss")}
    (folder / "0" / "attic.conf").write_text(printed("acl", "attic", "-w", "onewire"))
    (folder / "0" / "cellar.conf").write_text(printed("acl", "cellar", "-g", "other"))
    (folder / "0" / "boss.conf").write_text(printed("acl", "boss", "--operator"))
    with House(1, settings=ACCOUNTS % keys, folder=str(folder)) as servers:
        servers.keys = folder
        yield servers


def as_user(house, name):
    options = StoreOptions(replicas=1, nkey=str(house.keys / f"{name}.nk"))
    return open_store(f"{house.url}/house", clock=SystemClock(), random=Random(name), node=name, options=options)


@pytest.fixture
async def boss(house):
    async with as_user(house, "boss") as store:
        yield store
        async for entry in store.tree(P(":")):
            await store.delete(entry.path)


@pytest.fixture
async def attic(house, boss):
    async with as_user(house, "attic") as store:
        yield store


@asynccontextmanager
async def running(house):
    text = f"""
        [node]
        name = "attic"
        [store]
        url = "{house.url}/house"
        replicas = 1
        nkey = "attic.nk"
    """
    node = Node(parse(text, house.keys / "busgate.toml"), Plugins([]))
    async with anyio.create_task_group() as tasks:
        await tasks.start(node.run)
        yield node
        node.stop()


async def test_a_node_runs_jobs_of_all_kinds_under_it(house, boss, caplog):
    await boss.set(PLACES.procedures + P("work"), {"code": WORK, "is_async": True, "vars": ["which"]})
    places = [Place("at", "default", "attic"), Place("all", "default", "attic"), Place("any", "default")]
    with anyio.fail_after(20):
        async with boss.watch(P("onewire")) as events, boss.subscribe(P("onewire")) as messages, running(house):
            for place in places:
                job = {"code": P("work"), "target": boss.clock.now(), "data": {"which": place.kind}}
                await boss.set(PLACES.jobs_of(place) + P("j"), job)
            written: set[object] = set()
            told: set[object] = set()
            while len(written) < 3:
                event = await anext(events)
                written |= {event.path[-1]} if isinstance(event, Change) else set()
            while len(told) < 3:
                told |= {(await anext(messages)).value}
            assert written == told == {"at", "all", "any"}
            for place in places:
                await _ended(boss, PLACES.states_of(place) + P("j"))
    assert (await boss.get(PLACES.presence / "attic")).value is NotGiven
    assert [entry.path async for entry in boss.tree(PLACES.errors)] == []
    assert [entry.path async for entry in boss.tree(PLACES.claims)] == []
    assert "forbid" not in caplog.text
    assert "Violation" not in house.log(0)


async def _ended(store, path):
    async with store.watch(path, max_depth=0) as events:
        async for event in events:
            if isinstance(event, Change) and event.value.get("end") == "finished":
                return


FOREIGN = [
    PLACES.presence / "cellar",
    PLACES.states_of(Place("at", "default", "cellar")) + P("j"),
    PLACES.states_of(Place("all", "default", "cellar")) + P("j"),
    PLACES.states_of(Place("any", "other")) + P("j"),
    PLACES.claims + P("other.j"),
    PLACES.airtime + P("cellar.stick"),
    PLACES.error("run", Place("at", "default", "cellar").states + P("j")),
    PLACES.error("interface", P("cellar.attic")),
    PLACES.jobs_of(Place("any", "default")) + P("j"),
    PLACES.jobs_of(Place("at", "default", "attic")) + P("j"),
    PLACES.procedures + P("work"),
    PLACES.modules + P("tools"),
    PLACES.groups / "default",
    P("warning"),
]


async def test_what_it_may_not_write(attic):
    for place in FOREIGN:
        for revision in (None, 0):
            began = time.monotonic()
            with pytest.raises(Denied) as caught:
                await attic.set(place, {"stolen": True}, revision=revision)
            assert re.match(r"the user of .*/attic.nk may not write", str(caught.value))
            assert str(caught.value).endswith(f" may not write {place}: the servers forbid it")
            assert time.monotonic() - began < 0.9  # before an answer would be given up


async def test_it_may_read_all_and_delete_none_of_it(attic, boss):
    await boss.set(P("warning"), 1)
    assert (await attic.get(P("warning"))).value == 1
    assert [entry.path async for entry in attic.tree(P(":"))] == [P("warning")]
    with pytest.raises(Denied, match="may not write warning"):
        await attic.delete(P("warning"))
    assert (await boss.get(P("warning"))).value == 1


async def test_what_it_may_not_send(attic):
    for topic in ("warning", ":.moat.kv.bus.request.cellar", ":.moat.kv.bus.x"):
        await attic.publish(P(topic), 1)
        await attic._connection.session().ask(USER_INFO)  # the servers refuse after the fact
        with pytest.raises(Denied, match="may not publish at"):
            await attic.publish(P(topic), 1)


RULING = """
    STREAM.DELETE.KV_house STREAM.PURGE.KV_house STREAM.MSG.DELETE.KV_house STREAM.SNAPSHOT.KV_house
    STREAM.RESTORE.KV_house STREAM.CREATE.KV_other STREAM.UPDATE.KV_other STREAM.INFO.KV_other STREAM.LIST STREAM.NAMES
    CONSUMER.LIST.KV_house CONSUMER.NAMES.KV_house CONSUMER.DURABLE.CREATE.KV_house.x STREAM.LEADER.STEPDOWN.KV_house
    STREAM.PEER.REMOVE.KV_house META.LEADER.STEPDOWN SERVER.REMOVE ACCOUNT.PURGE.HOUSE INFO
""".split()


@pytest.mark.parametrize("user", ["attic", "boss"])
async def test_nobody_rules_the_servers(house, boss, user):
    async with as_user(house, user) as store:
        for subject in RULING:
            began = time.monotonic()
            with pytest.raises(Denied) as caught:
                await store._connection.session().ask(f"$JS.API.{subject}")
            assert str(caught.value).endswith(f"/{user}.nk to use $JS.API.{subject}")
            assert time.monotonic() - began < 0.9


async def test_a_node_does_not_change_the_bucket(attic):
    for action in ("CREATE", "UPDATE"):
        with pytest.raises(Denied):
            await attic._connection.session().ask(f"$JS.API.STREAM.{action}.KV_house", {"name": "KV_house"})


async def test_the_servers_can_not_be_turned_against_the_bucket(attic, boss):
    """A consumer may deliver anywhere: not into the bucket, nor to JetStream itself."""
    await attic.set(P("onewire.x"), 1)
    await boss.set(P("warning"), 1)
    for number, deliver in enumerate(("$KV.house.warning", "$JS.API.STREAM.PURGE.KV_house")):
        config = {"name": f"n{number}", "deliver_subject": deliver, "ack_policy": "none", "mem_storage": True}
        body = {"stream_name": "KV_house", "config": config, "action": "create"}
        await attic._connection.session().ask(f"$JS.API.CONSUMER.CREATE.KV_house.n{number}", body)
    await anyio.sleep(0.2)
    assert [entry.value async for entry in boss.tree(P(":"))] == [1, 1]
    assert (await attic.get(P("warning"))).value == 1


async def test_inboxes_of_others_are_closed(attic):
    session = attic._connection.session()
    for subject in ("_INBOX_cellar.>", ">", "$KV.house.>", "$JS.API.>"):
        heard = Heard(subject, lambda message: None)
        session.subscribe(heard)
        await session.settle()
        assert session.forbids(subject)


async def test_a_node_that_finds_no_bucket_says_who_makes_it(house):
    with pytest.raises(Denied, match=r"bucket 'house' is not there.*may not make it.*busgate store list"):
        async with as_user_of_fresh_server(house):
            pass


@asynccontextmanager
async def as_user_of_fresh_server(house):
    keys = {name: public_key((house.keys / f"{name}.nk").read_bytes().strip()) for name in ("attic", "cellar", "boss")}
    folder = house.keys / "fresh"
    (folder / "0").mkdir(parents=True)
    for name in keys:
        (folder / "0" / f"{name}.conf").write_text((house.keys / "0" / f"{name}.conf").read_text())
    with House(1, settings=ACCOUNTS % keys, folder=str(folder)) as servers:
        servers.keys = house.keys
        async with as_user(servers, "attic") as store:
            yield store


def test_the_key_is_nobody_elses(tmp_path, capsys):
    file = tmp_path / "attic.nk"
    assert run(["store", "nkey", str(file)]) == 0
    assert file.stat().st_mode & 0o777 == 0o600
    assert capsys.readouterr().out[0] == "U"
    assert run(["store", "nkey", str(file)]) == 1
    assert "attic.nk can't be written: File exists" in capsys.readouterr().err


def test_no_name_breaks_out_of_its_comment():
    text = printed("acl", "attic", "-w", "a\nevil")
    assert any("a?evil" in line for line in text.splitlines())
    assert not [line for line in text.splitlines() if line.startswith("evil")]
    assert run(["--store", "nats://localhost/house", "store", "acl", "a\nb"]) == 2


def test_a_file_has_no_users(tmp_path, capsys):
    assert run(["--store", f"sqlite:{tmp_path}/s.db", "store", "acl"]) == 2
    assert "a store on NATS servers has users" in capsys.readouterr().err


def test_as_json():
    shown = json.loads(printed("acl", "attic", "--json"))
    assert "$KV.house.=2Emoat.kv.presence.attic" in shown["publish"]["allow"]
    assert shown["subscribe"]["allow"] == ["_INBOX_attic.>", "busgate.house.>"]


def test_what_is_missing_is_named():
    needs = node_permissions("house", "attic", PLACES.written_by("attic", ["default"]))
    assert needs.missing(None) == []
    assert needs.missing({"publish": {"allow": ["$KV.>", "$JS.>", "$SYS.>", "busgate.>"]}}) == []
    assert needs.missing({"publish": {"deny": ["$KV.house.=2Emoat.kv.presence.>"]}}) == [
        "write its presence (publish $KV.house.=2Emoat.kv.presence.attic)"
    ]
    (claims,) = [text for text in needs.missing(_without(needs, "claims")) if "claims" in text]
    assert claims == "write claims of jobs of group default (publish $KV.house.=2Emoat.kv.claim.default.>)"


def _without(permissions, what):
    publish = [subject for grant in permissions.publish if what not in grant.what for subject in grant.subjects]
    return {"publish": {"allow": publish}}
