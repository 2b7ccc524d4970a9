"""The first user's way, by the real command: a polling job pinned to a node."""

import signal
import socket

import pytest

THERMOMETER = "onewire.28:.67C6697351FF.temperature"


def set_job(busgate):
    busgate(
        "run",
        "-n",
        "attic",
        "set",
        "poll.attic",
        "-c",
        "onewire.poll",
        "-t",
        "0",
        "--bus",
        "attic",
        "-e",
        "interval",
        "1",
    )


def wait_for(busgate, path, accepted):
    """Follow the store from another process until a value at the path is accepted."""
    watch = busgate.start("store", "watch", path, "--json")
    found = watch.object_where(lambda change: change["path"] == path and accepted(change.get("value")))
    watch.kill()
    return found["value"]


def a_value(reading):
    return isinstance(reading, dict) and reading["quality"] == "ok"


def test_from_nothing_to_readings_and_a_clean_end(busgate, scenario):
    _, urls = busgate.house(scenario)
    busgate.configure(("attic", urls["attic"]))
    set_job(busgate)
    node = busgate.start("up")
    reading = wait_for(busgate, THERMOMETER, a_value)
    assert reading == {
        "value": 21.5,
        "unit": "°C",
        "time": pytest.approx(reading["time"]),
        "quality": "ok",
        "source": "attic/attic",
    }
    state = busgate.objects("run", "-n", "attic", "state", "poll.attic")[0]
    assert (state["node"], state["runs"]) == ("attic", 1)
    assert [row["name"] for row in busgate.objects("nodes")] == ["attic"]
    assert busgate("bus", "read", "attic", "28.67C6697351FF", "temperature").stdout == "21.5 °C\n"
    assert node.stop() == 0
    state = busgate.objects("run", "-n", "attic", "state", "poll.attic")[0]
    assert (state["node"], state["end"]) == (None, "node stopped")
    assert busgate.objects("nodes") == []


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_both_signals_stop_in_order(busgate, number):
    busgate.configure()
    node = busgate.start("up")
    node.line_with("runs the jobs of at.attic.default")
    assert node.stop(number) == 0


def test_run_all_is_one_runner_of_a_named_node(busgate, scenario):
    _, urls = busgate.house(scenario)
    busgate.configure(("attic", urls["attic"]), name="other")
    set_job(busgate)
    busgate.start("run", "-n", "attic", "all")
    assert wait_for(busgate, THERMOMETER, a_value)["source"] == "attic/attic"


def test_a_second_node_of_the_name_is_refused(busgate):
    busgate.configure()
    node = busgate.start("up")
    node.line_with("runs the jobs")
    second = busgate("up", check=False)
    assert second.returncode == 1
    assert f"'attic' is taken by process {node.pid}" in second.stderr
    assert "--name" in second.stderr


def test_after_a_kill_the_next_process_starts_at_once_and_the_job_again(busgate, scenario):
    _, urls = busgate.house(scenario)
    busgate.configure(("attic", urls["attic"]))
    set_job(busgate)
    node = busgate.start("up")
    wait_for(busgate, THERMOMETER, a_value)
    assert node.stop(signal.SIGKILL) == -signal.SIGKILL
    old = busgate.objects("store", "get", THERMOMETER)[0]["revision"]
    busgate.start("up").line_with("runs the jobs")
    watch = busgate.start("store", "watch", THERMOMETER, "--json")
    watch.object_where(lambda change: change["revision"] > old and a_value(change["value"]))
    assert busgate.objects("run", "-n", "attic", "state", "poll.attic")[0]["runs"] == 2


def test_an_owserver_that_is_down_at_the_start_is_used_when_it_comes(busgate, scenario):
    with socket.socket() as spare:
        spare.bind(("127.0.0.1", 0))
        port = spare.getsockname()[1]
    busgate.configure(("attic", f"owserver://127.0.0.1:{port}"))
    set_job(busgate)
    node = busgate.start("up")
    assert "refused" in node.line_with("attic: absent")
    (row,) = busgate.objects("bus", "list")
    assert (row["state"], "refused" in row["reason"]) == ("absent", True)
    (job,) = busgate.objects("run", "-n", "attic", "list")
    assert "attic" in job["reason"]
    assert "refused" in job["reason"]
    busgate.house(scenario.replace('kind = "onewire"', f'kind = "onewire"\nport = {port}', 1))
    assert wait_for(busgate, THERMOMETER, a_value)["value"] == 21.5
    assert [row["resolved"] is not None for row in busgate.objects("errors", "--all")] == [True]


def test_code_that_does_not_compile_hurts_nobody_else(busgate):
    busgate.configure()
    busgate("store", "set", ":.moat.kv.code.proc.bad", '{"code": "a = 1\\nreturn ("}')
    (busgate.folder / "good.py").write_text("return 42")
    busgate("code", "set", "good", "-S", "good.py")
    for job in ("bad", "good", "missing"):
        busgate("run", "-n", "attic", "set", job, "-c", job, "-t", "0")
    busgate.start("up")
    state = wait_for(
        busgate, ":.moat.kv.state.at.attic.default.good", lambda value: value and value["end"] == "finished"
    )
    assert state["result"] == 42
    errors = {row["path"]: row["message"] for row in busgate.objects("errors")}
    assert "line 2" in errors["compile.bad"]
    reasons = {row["path"]: row["reason"] for row in busgate.objects("run", "-n", "attic", "list")}
    assert "there is no procedure missing" in reasons["missing"]


def test_a_job_of_an_unknown_bus_says_which_buses_there_are(busgate, scenario):
    _, urls = busgate.house(scenario)
    busgate.configure(("attic", urls["attic"]))
    busgate("run", "-n", "attic", "set", "it", "-c", "onewire.poll", "-t", "0", "--bus", "atic")
    busgate.start("up").line_with("attic: up")
    path = ":.moat.kv.state.at.attic.default.it"
    state = wait_for(busgate, path, lambda value: value and value["reason"] != "it runs")
    assert "'atic'" in state["reason"]
    assert "buses here: attic" in state["reason"]
