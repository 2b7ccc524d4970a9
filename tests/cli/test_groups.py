"""``busgate groups``, and one runner as ``busgate run info`` shows it."""

import pytest

pytestmark = pytest.mark.usefixtures("config")


def presence(busgate, node, *runners):
    """A node that runs, as its presence says."""
    names = ", ".join(f'"{one}"' for one in runners)
    value = f'{{"runners": [{names}], "interfaces": {{}}}}'
    assert busgate("store", "set", f":.moat.kv.presence.{node}", value).status == 0


def test_without_any_group_it_says_what_to_do(busgate):
    done = busgate("groups")
    assert (done.status, done.out) == (0, "")
    assert "`busgate up` starts this one" in done.err


def test_who_runs_what_in_which_group(busgate):
    presence(busgate, "attic", "at.default", "all.default", "all.front:.door")
    presence(busgate, "cellar", "all.default")
    assert busgate("groups set house --nodes 3").status == 0
    assert busgate("groups set default --nodes 1").status == 0
    assert busgate("groups --json").objects == [
        {"name": "default", "nodes": 1, "runners": {"all": ["attic", "cellar"], "at": ["attic"]}},
        {"name": "front:.door", "nodes": 2, "runners": {"all": ["attic"]}},
        {"name": "house", "nodes": 3, "runners": {}},
    ]
    shown = busgate("groups").out.splitlines()
    assert shown[0].split() == ["NAME", "NODES", "SINGLE-NODE", "ALL-NODE", "ANY-NODE"]
    assert shown[1].split() == ["default", "1", "attic", "attic", "cellar", "-"]


def test_settings_keep_other_fields(busgate):
    busgate("store", "set", ":.moat.kv.group.house", '{"nodes": 2, "floor": "first"}')
    assert busgate("groups set house --nodes 4 --json").object == {"name": "house", "nodes": 4}
    assert busgate("store get :.moat.kv.group.house --json").object["value"] == {"nodes": 4, "floor": "first"}


def test_settings_that_cannot_be_read_hide_no_group_and_can_be_repaired(busgate):
    busgate("store", "set", ":.moat.kv.group.house", '{"nodes": "many"}')
    busgate("groups set other --nodes 2")
    first, second = busgate("groups --json").objects
    assert first["nodes"].startswith("not readable: nodes: ")
    assert second["nodes"] == 2
    assert busgate("groups set house --nodes 2").status == 0
    assert busgate("groups --json").objects[0]["nodes"] == 2


@pytest.mark.parametrize(
    ("line", "complaint"),
    [
        ("groups set house --nodes 0", "x>=1"),
        ("groups set house", "'--nodes'"),
        ("groups set ' ' --nodes 2", "the name is empty"),
        ("run -n attic all --nodes 2", "a single-node runner is a group of one"),
        ("run -n attic --nodes 2 all", "a single-node runner is a group of one"),
        ("run -n - --nodes 2 list", "busgate groups set GROUP --nodes N"),
        ("run -n - all --nodes 0", "x>=1"),
    ],
)
def test_mistakes_are_told_in_words(busgate, line, complaint):
    done = busgate(line)
    assert done.status == 2
    assert complaint in done.err


def test_info_of_an_all_node_runner(busgate):
    busgate("run -n - set one -c x -t 0")
    busgate("run -n - set two -c x -t -")
    info = busgate("run -n - info --json").object
    assert (info["members"], info["nodes"], info["group"]) == ([], 2, None)
    presence(busgate, "attic", "all.default")
    assert busgate("run -n - info --json").object["group"] == "detached"
    presence(busgate, "cellar", "all.default")
    presence(busgate, "garden", "at.default", "all.other")
    assert busgate("run -n - info --json").object == {
        "name": "all.default",
        "jobs": {"stopped": 2, "waits": 2},
        "members": ["attic", "cellar"],
        "nodes": 2,
        "group": "complete",
        "jobs_path": {"$path": ":.moat.kv.run.all.default"},
        "states_path": {"$path": ":.moat.kv.state.all.default"},
    }
    busgate("groups set default --nodes 3")
    assert "group        partial" in busgate("run -n - info").out


def test_info_of_a_single_node_runner_is_of_a_group_of_one(busgate):
    presence(busgate, "attic", "at.default")
    presence(busgate, "cellar", "at.default")
    busgate("groups set default --nodes 3")
    info = busgate("run -n attic info --json").object
    assert (info["name"], info["members"], info["nodes"], info["group"]) == (
        "at.attic.default",
        ["attic"],
        1,
        "complete",
    )


def test_why_a_job_waits_on_a_node_without_that_runner(busgate):
    presence(busgate, "attic", "all.default")
    busgate("run -n attic set it -c x -t 0")
    assert "does not run the jobs of at.attic.default" in busgate("run -n attic list").out


def test_deleting_a_job_of_all_nodes(busgate):
    busgate("run -n - set a.it -c x")
    for node in ("attic", "cellar"):
        busgate("store", "set", f":.moat.kv.state.all.default.{node}.a.it", '{"runs": 1}')
    busgate("store", "set", ":.moat.kv.state.all.default.cellar.a.it", '{"runs": 1, "node": "cellar"}')
    busgate("store", "set", ":.moat.kv.state.all.default.cellar.a.other", '{"runs": 1}')
    refused = busgate("run -n - delete a.it")
    assert refused.status == 2
    assert "a.it runs on cellar; stop it first" in refused.err
    busgate("store", "set", ":.moat.kv.state.all.default.cellar.a.it", '{"runs": 1, "node": null}')
    assert busgate("run -n - delete a.it").status == 0
    left = [row["path"] for row in busgate("store list --json").objects if row["path"].startswith(":.moat.kv.state")]
    assert left == [":.moat.kv.state.all.default.cellar.a.other"]
