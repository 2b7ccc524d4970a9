"""The cluster of config/nats-server.conf and config/cluster.toml: three servers with TLS, and a node on them."""

import os
import re
import signal
import socket
import subprocess
import threading
from contextlib import ExitStack, suppress
from random import Random

import anyio
import pytest
import trustme

from gateway.clock import SystemClock
from gateway.config.load import parse
from gateway.config.shipped import config_file
from gateway.errors import Detached
from gateway.locations import Locations, Place
from gateway.node import Node
from gateway.path import P
from gateway.plugins import Plugins
from gateway.store import open_store
from gateway.store.nats.keys import make_key
from gateway.store.nats.permissions import node_permissions, operator_permissions
from gateway.testing.nats_servers import find_program
from gateway.values import Change

PLACES = Locations()
NAMES = ("one", "two", "three")
PATIENCE = 30


class ShippedServer:
    """nats-server with the file as it is, but for addresses and paths."""

    def __init__(self, folder, name):
        self.log = ""
        self.ready = threading.Event()
        self.process = subprocess.Popen(
            [find_program(), "-c", str(folder / name / "nats-server.conf")],
            env={**os.environ, "SERVER_NAME": name},
            stderr=subprocess.PIPE,
            text=True,
        )
        self.reader = threading.Thread(target=self._read)
        self.reader.start()

    def _read(self):
        for line in self.process.stderr or ():
            self.log += line
            if "Server is ready" in line:
                self.ready.set()
        self.ready.set()

    def end(self):
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.reader.join()
        assert self.process.stderr is not None
        self.process.stderr.close()


def free_ports(count):
    with ExitStack() as stack:
        sockets = [stack.enter_context(socket.socket()) for _ in range(count)]
        for one in sockets:
            one.bind(("127.0.0.1", 0))
        return [one.getsockname()[1] for one in sockets]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory):
    """Folder with the files, the URL that replaces that of the shipped one, and the servers."""
    folder = tmp_path_factory.mktemp("cluster")
    authority = trustme.CA()
    authority.cert_pem.write_to_path(str(folder / "ca.pem"))
    certificate = authority.issue_cert("localhost", *NAMES)
    certificate.private_key_pem.write_to_path(str(folder / "server-key.pem"))
    for part in certificate.cert_chain_pems:
        part.write_to_path(str(folder / "server.pem"), append=True)
    keys = {name: make_key(folder / f"{name}.nk") for name in ("attic", "cellar", "admin")}
    blocks = {
        name: node_permissions("house", name, PLACES.written_by(name, ["default"], [P("onewire"), P("radio")]))
        for name in keys
    }
    blocks["admin"] = operator_permissions("house", "admin")
    ports = free_ports(6)
    for number, name in enumerate(NAMES):
        own = folder / name
        own.mkdir()
        text = config_file("nats-server.conf").read_text()
        text = text.replace("/etc/nats", str(folder)).replace("/var/lib/nats", str(own / "data"))
        text = text.replace("0.0.0.0:4222", f"127.0.0.1:{ports[number]}")
        text = text.replace("0.0.0.0:6222", f"127.0.0.1:{ports[3 + number]}")
        text = text.replace("advertise: $SERVER_NAME", f"advertise: localhost:{ports[3 + number]}")
        for other, port in zip(NAMES, ports[3:], strict=True):
            text = text.replace(f"nats://{other}:6222", f"nats://localhost:{port}")
        for user, key in keys.items():
            text = text.replace(f"U{user.upper()}", key)
            (own / f"{user}.conf").write_text(blocks[user].text(user))
        (own / "nats-server.conf").write_text(text)
    servers = [ShippedServer(folder, name) for name in NAMES]
    try:
        for server in servers:
            assert server.ready.wait(PATIENCE)
            assert server.process.poll() is None, server.log
        hosts = ",".join(f"localhost:{port}" for port in ports[:3])
        yield folder, f"tls://{hosts}/house", servers
    finally:
        for server in servers:
            server.end()


def shipped(cluster, name):
    """The configuration of a node by that name."""
    folder, url, _ = cluster
    text = config_file("cluster.toml").read_text().replace("tls://one:4222,two:4222,three:4222/house", url)
    return parse(text.replace('"attic', f'"{name}'), folder / "cluster.toml")


def opened(cluster, name):
    store = shipped(cluster, name).store
    return open_store(store.url, clock=SystemClock(), random=Random(name), node=name, options=store.options, wait=True)


async def test_a_node_runs_a_job_on_it(cluster):
    with anyio.fail_after(PATIENCE):
        async with opened(cluster, "admin") as store, anyio.create_task_group() as tasks:
            node = Node(shipped(cluster, "attic"), Plugins([]))
            await tasks.start(node.run)
            place = Place("any", "default")
            await store.set(PLACES.procedures + P("p"), {"code": "return 5"})
            await store.set(PLACES.jobs_of(place) + P("j"), {"code": P("p"), "target": store.clock.now()})
            async with store.watch(PLACES.states_of(place) + P("j"), max_depth=0) as events:
                async for event in events:
                    if isinstance(event, Change) and event.value.get("end") == "finished":
                        assert event.value["result"] == 5
                        break
            node.stop()


async def test_the_doctor_finds_it_well_and_what_is_wrong(cluster):
    *_, servers = cluster
    node = shipped(cluster, "attic").node
    writes = list(PLACES.written_by("attic", node.groups, node.writes))
    with anyio.fail_after(PATIENCE):
        async with opened(cluster, "admin"), opened(cluster, "attic") as store:
            found = await store.diagnose(writes)
            while any(one.level != "ok" for one in found):  # the replicas of a new bucket have to catch up
                found = await store.diagnose(writes)
            told = [one.message for one in found]
            assert told[:3] == [_matching(f"nats-server 2.* of {name} lets .* its clock agrees .*") for name in NAMES]
            assert "all 3 servers write to the disk before acknowledging" in told
            assert "3 replicas, on one, three, two" in told
            assert any("attic.nk may do all that node attic needs" in text for text in told)
            leader = (await store._connection.bucket.info(store._connection.session()))["cluster"]["leader"]
            victim = next(name for name in NAMES if name != leader)
            servers[NAMES.index(victim)].end()
            wrong: list[str] = []
            while len(wrong) < 2:
                wrong = [one.message for one in await _diagnosed(store, writes) if one.level != "ok"]
            assert "can't be reached" in wrong[0]
            assert f"its replica on server {victim} " in wrong[1]


async def _diagnosed(store, writes):
    while True:
        await store._connection.confirmed()
        with suppress(Detached):  # it was at the server that ended
            return await store.diagnose(writes)


class _matching(str):
    """Equal to what it matches."""

    def __eq__(self, other):
        return re.fullmatch(self, other) is not None

    __hash__ = str.__hash__
