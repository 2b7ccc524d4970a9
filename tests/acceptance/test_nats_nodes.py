"""Nodes that share a store on NATS servers, by the real command: failover, and life without the servers."""

import json
import signal
import time

import pytest

from gateway.store.nats import NatsStore
from gateway.testing.nats_servers import NatsServers

FOREVER = """
import anyio
await _self.setup_done()
await anyio.sleep_forever()
"""
#: Writes a line for each state of its group, and for an attempt to write then; and goes on.
WITNESS = """
import json, time
with open(file, "a", buffering=1) as lines:
    async for message in _info:
        if not type(message).__name__.endswith("State"):
            continue
        outcome = ""
        if type(message).__name__ == "DetachedState":
            try:
                await _self.set("witness", "x")
                outcome = "written"
            except Exception as error:
                outcome = type(error).__name__
        lines.write(json.dumps([type(message).__name__, outcome, time.monotonic()]) + "\\n")
"""


@pytest.fixture
def servers():
    with NatsServers(1) as servers:
        yield servers


@pytest.fixture
def nats(busgate, servers):
    (busgate.folder / "busgate.toml").write_text(
        f'[node]\nname = "attic"\n[store]\nurl = "{servers.url}/house"\nreplicas = 1\n'
    )
    return busgate


def store_code(busgate, name, text):
    (busgate.folder / f"{name}.py").write_text(text)
    busgate("code", "set", name, "-S", f"{name}.py", "--async")


def runs_on(watch, *nodes):
    return watch.object_where(lambda row: row["state"] == "runs" and row["node"] in nodes)["node"]


def test_another_node_takes_over_when_the_lease_of_a_killed_one_has_run_out(nats):
    store_code(nats, "forever", FOREVER)
    nats("run", "set", "radio", "-c", "forever", "-t", "0")
    watch = nats.start("run", "monitor", "--json")
    nodes = {name: nats.start("run", "all", "--name", name) for name in ("one", "two")}
    for node in nodes.values():
        node.line_with("runs the jobs of any.default")
    holder = runs_on(watch, *nodes)
    (other,) = set(nodes) - {holder}
    killed = time.monotonic()
    nodes[holder].stop(signal.SIGKILL)
    assert runs_on(watch, other) == other
    took = time.monotonic() - killed
    print(f"\ntaken over {took:.1f} s after the kill")
    assert took > NatsStore.lease_ttl - 2 * 3.0, "before the lease of the other can have run out"
    (state,) = nats.objects("run", "state", "radio")
    assert (state["holder"], state["end"], state["runs"]) == (other, "node died", 2)
    assert nodes[other].stop() == 0
    assert nats.objects("store", "list", ":.moat.kv.claim") == []


def test_a_node_waits_for_its_servers_and_lives_through_their_absence(nats, servers):
    witness = nats.folder / "witness"
    witness.touch()
    store_code(nats, "witness", WITNESS)
    for runner in ("attic", "-"):
        nats("run", "-n", runner, "set", "witness", "-c", "witness", "-t", "0", "-e", "file", json.dumps(str(witness)))
    nats("groups", "set", "default", "--nodes", "1")
    servers.stop(0)
    assert nats("store", "get", "x", check=False).returncode == 3
    early = nats.start("up")
    early.line_with("the store is out of reach")
    assert early.stop() == 0
    node = nats.start("up")
    assert "still trying nats://127.0.0.1:" in node.line_with("the store is out of reach")
    servers.start(0)
    node.line_with("runs the jobs of")
    with witness.open() as file:
        told_and_healed(Lines(file), servers)
    jobs = [*nats.objects("run", "-n", "attic", "list"), *nats.objects("run", "-n", "-", "list")]
    assert [job["state"] for job in jobs] == ["runs", "runs"]
    assert node.stop() == 0


def told_and_healed(lines, servers):
    """Both jobs hear that the node is cut off, twice, and that it isn't any more."""
    assert [lines.next()[:2] for _ in range(2)] == [["CompleteState", ""]] * 2
    for strike, heal in ((servers.stop, servers.start), (servers.freeze, servers.thaw)):
        cut = time.monotonic()
        strike(0)
        told = [lines.next() for _ in range(2)]
        assert [line[:2] for line in told] == [["DetachedState", "Detached"]] * 2
        print(f"\ntold after {', '.join(f'{line[2] - cut:.2f} s' for line in told)}")
        heal(0)
        assert [lines.next()[:2] for _ in range(2)] == [["CompleteState", ""]] * 2


class Lines:
    """The lines of a file as they come."""

    def __init__(self, file):
        self._file = file

    def next(self):
        limit = time.monotonic() + 30
        while not (line := self._file.readline()).endswith("\n"):
            assert time.monotonic() < limit, "nothing came"
            assert line == ""
            time.sleep(0.01)
        return json.loads(line)
