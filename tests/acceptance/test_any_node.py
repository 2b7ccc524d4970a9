"""Redundant nodes by the real command: a job of a group, taken over by another node; and looked at by hand."""

import signal

THERMOMETER, SWITCH = "28.67C6697351FF", "29.0A0B0C0D0E0F"
FOREVER = """
import anyio
await _self.setup_done()
await anyio.sleep_forever()
"""
BY_HAND = """
bus = _self.bus()
reading = await bus.read(device, "temperature")
await bus.write(switch, "PIO.0", True)
return reading.value
"""


def store_code(busgate, name, text, *more):
    (busgate.folder / f"{name}.py").write_text(text)
    busgate("code", "set", name, "-S", f"{name}.py", "--async", *more)


def start(busgate, name):
    node = busgate.start("run", "all", "--name", name)
    node.line_with("runs the jobs of any.default")
    return node


def monitor(busgate):
    """The states of the group's jobs as they change, beginning with what is there."""
    return busgate.start("run", "monitor", "--json")


def runs_on(watch, *nodes):
    return watch.object_where(lambda row: row["state"] == "runs" and row["node"] in nodes)["node"]


def row(busgate):
    (found,) = busgate.objects("run", "list")
    return found


def test_another_node_takes_over_and_the_operator_sees_who_has_it(busgate):
    busgate.configure()
    store_code(busgate, "forever", FOREVER)
    busgate("run", "set", "radio", "-c", "forever", "-t", "0")
    assert "no node runs this group (any.default" in row(busgate)["reason"]
    watch = monitor(busgate)
    nodes = {name: start(busgate, name) for name in ("one", "two")}
    holder = runs_on(watch, *nodes)
    (other,) = set(nodes) - {holder}
    assert (row(busgate)["node"], row(busgate)["state"]) == (holder, "runs")
    assert {one["name"]: one["claims"] for one in busgate.objects("nodes")} == {holder: 1, other: 0}
    refused = busgate("run", "debug", "radio", check=False)
    assert (refused.returncode, refused.stdout) == (2, "")
    assert f"radio runs on {holder}" in refused.stderr
    nodes[holder].stop(signal.SIGKILL)
    assert runs_on(watch, other) == other
    (state,) = busgate.objects("run", "state", "radio")
    assert (state["holder"], state["node"], state["end"], state["runs"]) == (other, other, "node died", 2)
    busgate("run", "set", "radio", "-t", "-")
    watch.object_where(lambda found: found["state"] == "cancelled")
    busgate("run", "restart", "radio")
    assert runs_on(watch, other) == other
    assert busgate("run", "delete", "radio", check=False).returncode == 2
    busgate("run", "delete", "radio", "-f")
    watch.object_where(lambda found: found["state"] == "deleted")
    assert nodes[other].stop() == 0
    assert busgate.objects("store", "list", ":.moat.kv.claim") == []
    assert busgate.objects("store", "list", ":.moat.kv.state") == []


def test_a_stopped_process_is_declared_dead_by_hand(busgate):
    busgate.configure()
    store_code(busgate, "forever", FOREVER)
    busgate("run", "set", "radio", "-c", "forever", "-t", "0")
    watch = monitor(busgate)
    nodes = {name: start(busgate, name) for name in ("one", "two")}
    holder = runs_on(watch, *nodes)
    (other,) = set(nodes) - {holder}
    incarnation = {one["name"]: one["incarnation"] for one in busgate.objects("nodes")}[holder]
    refused = busgate("release", holder, incarnation, check=False)
    assert refused.returncode == 2
    assert f"process {nodes[holder].pid} of node {holder} lives" in refused.stderr
    nodes[holder].send_signal(signal.SIGSTOP)
    busgate("release", holder, incarnation, "--force")
    assert runs_on(watch, other) == other
    nodes[holder].send_signal(signal.SIGCONT)
    assert nodes[holder].line_with("registers anew")
    assert row(busgate)["node"] == other


def test_a_job_by_hand_uses_its_bus_through_the_node_or_opens_it(busgate, scenario):
    _, urls = busgate.house(f'{scenario}[[device]]\nbus = "attic"\nid = "{SWITCH}"\n')
    busgate.configure(("attic", urls["attic"]))
    store_code(busgate, "by_hand", BY_HAND, "--vars", "device,switch")
    data = ["-v", "device", THERMOMETER, "-v", "switch", SWITCH]
    busgate("run", "set", "it", "-c", "by_hand", "-t", "-", "--bus", "attic", *data)

    def told():
        found = busgate.objects("run", "debug", "it")
        calls = [one for one in found if one["event"] == "bus"]
        assert [one["call"] for one in calls] == ["open", "read", "write"]
        assert (calls[1]["device"], calls[1]["result"]["value"]) == (THERMOMETER, 21.5)
        assert (calls[2]["attribute"], calls[2]["value"]) == ("PIO.0", True)
        assert (found[-1]["event"], found[-1]["end"], found[-1]["result"]) == ("end", "finished", 21.5)

    told()
    busgate.start("up").line_with("attic: up")
    told()
    assert busgate("bus", "read", "attic", SWITCH, "PIO.0").stdout == "true\n"


def test_ctrl_c_cancels_a_job_by_hand_as_a_runner_would(busgate):
    busgate.configure()
    cleanup = "import anyio\ntry:\n    await _self.setup_done()\n    await anyio.sleep_forever()\n"
    store_code(busgate, "it", cleanup + "finally:\n    print('cleaned up')\n")
    busgate("run", "-n", "-", "set", "it", "-c", "it", "-t", "-")
    process = busgate.start("run", "-n", "-", "debug", "it", "--json")
    process.object_where(lambda one: one["event"] == "setup_done")
    process.send_signal(signal.SIGINT)
    process.object_where(lambda one: one["event"] == "print" and one["text"] == "cleaned up")
    process.object_where(lambda one: one["event"] == "end" and one["end"] == "cancelled")
    assert process.wait(30) == 1
