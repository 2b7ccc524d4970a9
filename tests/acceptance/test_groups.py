"""Two processes on one store that run the jobs of all nodes, by the real command."""

import signal

WATCHER = """
async for msg in _info:
    if isinstance(msg, _cls.GroupState):
        await _self.set(_P("told") / _cfg.node.name, [msg.name, *msg.msg["members"]])
"""


def told(busgate, node, *wanted):
    """Wait until a node's job has been told that state."""
    watch = busgate.start("store", "watch", f"told.{node}", "--json")
    watch.object_where(lambda change: change["value"] == list(wanted))
    watch.kill()


def start(busgate, name):
    node = busgate.start("run", "-n", "-", "all", "--name", name)
    node.line_with("runs the jobs of all.default")
    return node


def test_both_run_it_and_the_survivor_hears_that_it_is_alone(busgate):
    busgate.configure()
    (busgate.folder / "watcher.py").write_text(WATCHER)
    busgate("code", "set", "watcher", "-S", "watcher.py", "--async")
    busgate("run", "-n", "-", "set", "watcher", "-c", "watcher", "-t", "0")
    monitor = busgate.start("run", "-n", "-", "monitor", "--json")
    start(busgate, "one")
    monitor.object_where(lambda row: (row["runner"], row["state"]) == ("all.default.one", "runs"))
    told(busgate, "one", "detached", "one")
    two = start(busgate, "two")
    monitor.object_where(lambda row: (row["runner"], row["state"]) == ("all.default.two", "runs"))
    for node in ("one", "two"):
        told(busgate, node, "complete", "one", "two")
    assert busgate.objects("groups") == [{"name": "default", "nodes": 2, "runners": {"all": ["one", "two"]}}]
    (info,) = busgate.objects("run", "-n", "-", "info")
    assert (info["jobs"], info["members"], info["group"]) == ({"runs": 2}, ["one", "two"], "complete")
    rows = busgate.objects("run", "-n", "-", "list")
    assert [(row["path"], row["node"], row["state"]) for row in rows] == [
        ("watcher", "one", "runs"),
        ("watcher", "two", "runs"),
    ]
    assert two.stop(signal.SIGKILL) == -signal.SIGKILL
    told(busgate, "one", "detached", "one")
    busgate("groups", "set", "default", "--nodes", "1")
    told(busgate, "one", "complete", "one")
    assert busgate.objects("run", "-n", "-", "state", "watcher", "--on", "one")[0]["runs"] == 1
    again = start(busgate, "two")
    again_runs = monitor.object_where(lambda row: row["runner"] == "all.default.two" and row.get("runs") == 2)
    assert (again_runs["path"], again_runs["end"]) == ("watcher", "node died")
    assert again.stop() == 0
    monitor.object_where(lambda row: (row["runner"], row["state"]) == ("all.default.two", "node stopped"))


def test_up_runs_all_kinds_of_its_groups(busgate):
    (busgate.folder / "busgate.toml").write_text(
        '[node]\nname = "attic"\ngroups = ["default", "house"]\n[store]\nurl = "sqlite:store.db"\n'
    )
    node = busgate.start("up")
    node.line_with("runs the jobs of at.attic.default, all.default, any.default, at.attic.house, all.house, any.house")
    watch = busgate.start("store", "watch", ":.moat.kv.presence.attic", "--json")
    runners = ["at.default", "all.default", "any.default", "at.house", "all.house", "any.house"]
    watch.object_where(lambda row: row["value"]["runners"] == runners)
    assert node.stop(signal.SIGINT) == 0
