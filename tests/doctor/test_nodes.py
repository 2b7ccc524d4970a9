"""Nodes: whose name is taken, which don't answer, whose clock is off."""

import os
import time

import pytest

from gateway.cluster.presence import boot_id, machine_name
from gateway.doctor.nodes import check_nodes, is_here


def record(**more):
    return {
        "incarnation": "cafe", "machine": machine_name(), "boot": boot_id(), "pid": os.getpid(), "since": time.time(),
    } | more  # fmt: skip


ELSEWHERE = record(machine="pi2/beef/", pid=12)


def reply(node, ahead=0.0, doubt=0.01):
    return {"node": node, "interfaces": [], "ahead": ahead, "doubt": doubt}


def test_a_node_that_does_not_run(machine):
    (found,) = check_nodes("attic", {}, [])
    assert (found.level, "busgate up" in found.message) == ("ok", True)


def test_nodes_that_run():
    found = list(check_nodes("attic", {"attic": record(), "roof": ELSEWHERE}, [reply("attic"), reply("roof")]))
    assert [(one.level, one.subject) for one in found] == [("ok", "attic"), ("ok", "roof")]
    assert "process 12 on pi2" in found[1].message
    assert is_here(record())
    assert not is_here(ELSEWHERE)


def test_another_machine_has_this_name():
    (found,) = check_nodes("attic", {"attic": ELSEWHERE}, [reply("attic")])
    assert found.level == "problem"
    assert "taken by process 12 on pi2" in found.message
    assert "[node] name" in found.advice


def test_one_that_does_not_answer():
    (found, _) = check_nodes("attic", {"roof": ELSEWHERE}, [])
    assert (found.level, found.message) == ("problem", "it doesn't answer (process 12 on pi2)")
    assert "busgate release roof cafe" in found.advice


def test_one_that_has_died():
    (found,) = check_nodes("attic", {"attic": record(boot="an earlier one")}, [])
    assert (found.level, "died" in found.message) == ("warning", True)


@pytest.mark.parametrize(("ahead", "doubt", "told"), [
    (0.9, 0.0, None), (1.4, 0.5, None), (1.6, 0.5, "1.6 s ahead of"), (-61.0, 0.1, "61.0 s behind"),
])  # fmt: skip
def test_clocks_that_differ_for_certain(ahead, doubt, told):
    (found, _) = check_nodes("attic", {"roof": ELSEWHERE}, [reply("roof", ahead, doubt)])
    assert found.level == ("problem" if told else "ok")
    assert told is None or told in found.message
