"""Any-node jobs as ``busgate run`` shows them, and ``busgate nodes`` and ``release``: who holds what, and why not."""

import json
import os
import time

import pytest

from gateway.cluster.presence import boot_id, machine_name

pytestmark = pytest.mark.usefixtures("config")

FOREVER = "import anyio\nawait anyio.sleep_forever()"


def put(busgate, path, **value):
    assert busgate("store", "set", path, json.dumps(value)).status == 0


def presence(busgate, node, incarnation, *, buses=(), **more):
    interfaces = {bus: {"bus": bus, "state": state, "reason": "unplugged"} for bus, state in buses}
    more = {"runners": ["any.default"], "interfaces": interfaces, **more}
    put(busgate, f":.moat.kv.presence.{node}", incarnation=incarnation, **more)


def claim(busgate, job, node, incarnation):
    put(
        busgate,
        f":.moat.kv.claim.default.{job}",
        node=node,
        incarnation=incarnation,
        presence_revision=1,
        nonce="1",
    )


def row(busgate):
    (found,) = busgate("run list --json").objects
    return found


@pytest.fixture
def job(busgate, tmp_path):
    (tmp_path / "code.py").write_text(FOREVER)
    busgate("code set forever -S code.py --async")
    busgate("run set it -c forever -t 0 --bus radio")


def test_why_nobody_runs_it(busgate, job):
    assert row(busgate)["reason"] == "no node runs this group (any.default; start one: busgate up)"
    presence(busgate, "attic", "a1")
    presence(busgate, "barn", "b1", buses=[("radio", "absent")])
    waiting = row(busgate)
    assert (waiting["state"], waiting["node"]) == ("waits", None)
    assert waiting["reason"] == (
        "no node of the group has bus radio up (attic: has none; barn: interface 'radio' is absent: unplugged)"
    )
    presence(busgate, "barn", "b1", buses=[("radio", "up")])
    assert row(busgate)["reason"] == "a node is about to take it"
    busgate("run set it -c nothing.here")
    assert row(busgate)["reason"] == "its code can't run: there is no procedure nothing.here"


def test_who_holds_it_between_runs_and_when_it_starts_next(busgate, job):
    presence(busgate, "barn", "b1", buses=[("radio", "up")])
    claim(busgate, "it", "barn", "b1")
    assert row(busgate)["reason"] == "held by barn, which is about to start it"
    busgate("run set it -t - ")
    busgate("run set it -t 0 -d 100")
    target = busgate("run get it --json").object["target"]
    now = time.time()
    put(busgate, ":.moat.kv.state.any.default.it", stopped=now, end="error", backoff=2, served=target, token=5)
    failed = row(busgate)
    assert (failed["state"], failed["node"], failed["reason"]) == ("waits", "barn", "retry 2 after error")
    assert failed["next"] == pytest.approx(now + 100 * 1.1**2, abs=5)
    state = busgate("run state it --json").object
    assert (state["holder"], state["node"], state["reason"]) == ("barn", None, "retry 2 after error")


def test_who_has_no_valid_claim_does_not_run_it(busgate, job):
    presence(busgate, "barn", "b2", buses=[("radio", "up")])
    claim(busgate, "it", "barn", "b1")
    put(busgate, ":.moat.kv.state.any.default.it", started=time.time(), node="barn", incarnation="b1", token=5)
    died = row(busgate)
    assert (died["state"], died["node"], died["end"]) == ("waits", None, "node died")
    claim(busgate, "it", "barn", "b2")
    assert (row(busgate)["state"], row(busgate)["node"]) == ("runs", "barn")
    assert busgate("run info --json").object["claims"] == {"barn": 1}
    assert busgate("run delete it").status == 2
    claim(busgate, "it", "barn", "b1")
    assert busgate("run delete it").status == 0
    left = [one["path"] for one in busgate("store list --json").objects]
    assert not [path for path in left if "state" in path or "claim" in path or ".run." in path]


def test_poison_is_told(busgate, job):
    presence(busgate, "barn", "b1", buses=[("radio", "up")])
    target = busgate("run get it --json").object["target"]
    put(
        busgate,
        ":.moat.kv.state.any.default.it",
        stopped=time.time(),
        end="node died",
        deaths=3,
        served=target,
    )
    poisoned = row(busgate)
    assert poisoned["reason"].startswith("poison: its node died within 5 s of the start 3 times in a row")
    assert poisoned["next"] > time.time() + 50


def test_a_holder_deletes_the_state_itself(busgate, job):
    presence(busgate, "barn", "b1")
    claim(busgate, "it", "barn", "b1")
    put(busgate, ":.moat.kv.state.any.default.it", runs=1)
    assert busgate("run delete it").status == 0
    assert busgate("store get :.moat.kv.state.any.default.it").status == 0


def test_nodes_show_incarnations_and_count_claims(busgate, job):
    presence(busgate, "attic", "a1")
    presence(busgate, "barn", "b2")
    claim(busgate, "it", "attic", "a1")
    claim(busgate, "other", "barn", "b1")
    found = busgate("nodes --json").objects
    assert [(one["name"], one["incarnation"], one["claims"]) for one in found] == [
        ("attic", "a1", 1),
        ("barn", "b2", 0),
    ]
    assert busgate("nodes").out.splitlines()[1].split()[:3] == ["attic", "a1", "1"]


def test_release_is_by_incarnation(busgate):
    presence(busgate, "attic", "a2", machine="elsewhere/1/pid", pid=7, since=time.time())
    claim(busgate, "it", "attic", "a2")
    wrong = busgate("release attic a1")
    assert wrong.status == 1
    assert wrong.err.startswith("error: node attic is incarnation a2 (process 7 on elsewhere, 0 s ago), not a1")
    nobody = busgate("release barn a1")
    assert (nobody.status, nobody.err) == (1, "error: no process of node barn is there (nodes that are: attic)\n")
    assert busgate("release attic a2").out == "released attic a2, which held 1 job\n"
    assert busgate("nodes --json").out == ""


def test_a_living_process_is_released_only_by_force(busgate):
    here = {"machine": machine_name(), "boot": boot_id(), "pid": os.getpid(), "since": time.time()}
    presence(busgate, "attic", "a1", **here)
    refused = busgate("release attic a1")
    assert refused.status == 2
    assert f"process {os.getpid()} of node attic lives on this machine" in refused.err
    assert busgate("release attic a1 --force --json").object == {"name": "attic", "incarnation": "a1", "claims": 0}


def test_a_dead_process_of_this_machine_is_released(busgate):
    here = {"machine": machine_name(), "boot": "an earlier one", "pid": os.getpid(), "since": time.time()}
    presence(busgate, "attic", "a1", **here)
    assert busgate("release attic a1").status == 0


def test_whatever_is_dead_on_this_machine_is_released(busgate):
    here = {"machine": machine_name(), "boot": boot_id(), "pid": os.getpid(), "since": time.time()}
    presence(busgate, "lives", "a1", **here)
    presence(busgate, "attic", "b1", **here | {"boot": "an earlier one"})
    presence(busgate, "barn", "c1", **here | {"pid": 2**22 + 1})
    presence(busgate, "elsewhere", "d1", machine="elsewhere/1/pid", pid=7, since=time.time())
    claim(busgate, "it", "barn", "c1")
    done = busgate("release --dead")
    assert done.out == "released attic b1, which held 0 jobs\nreleased barn c1, which held 1 job\n"
    assert [one["name"] for one in busgate("nodes --json").objects] == ["elsewhere", "lives"]
    again = busgate("release --dead")
    assert (again.status, again.out) == (0, "")


@pytest.mark.parametrize("words", ["release", "release attic", "release --dead attic", "release attic a1 --dead"])
def test_what_is_to_be_released_is_said(busgate, words):
    done = busgate(words)
    assert done.status == 2
    assert "name a NODE and its INCARNATION, or give --dead alone" in done.err
