"""The rules that keep the packages apart, checked on the imports themselves."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
#: Only these know both sides: the demo wires simulated hardware to the gateway.
DEMO = {"gateway/demo/house.py"}
#: The demo starts the servers of its store as tests do.
SERVERS = {"gateway/demo/servers.py"}
#: asyncio appears only at the edge.
EDGE = {"gateway/bus/serial.py", "gateway/bus/serial_by_pyserial.py", "gateway/bus/serial_by_serialx.py"}
#: The store on NATS servers; their library is known to nobody else.
NATS = "gateway/store/nats/"


def sources(folder):
    return sorted(path for path in (ROOT / folder).rglob("*.py") if "tests" not in path.relative_to(ROOT).parts)


def imported(path):
    """The full names of all modules that a file imports, at any depth."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            yield node.module


def offenders(folder, *packages, allowed=frozenset()):
    return [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sources(folder)
        for name in imported(path)
        if name.split(".")[0] in packages and path.relative_to(ROOT).as_posix() not in allowed
    ]


def plugin_packages():
    return {path.parent.name for path in (ROOT / "plugins").glob("*/*/__init__.py")}


def test_there_is_something_to_check():
    assert len(sources("gateway")) > 20
    assert len(sources("hwsim")) > 5
    assert {"busgate_example", "busgate_onewire"} <= plugin_packages()


def test_the_simulator_knows_neither_host_nor_plugins():
    assert offenders("hwsim", "gateway", *plugin_packages()) == []


def test_the_host_knows_no_simulator_but_for_the_demo():
    assert offenders("gateway", "hwsim", allowed=DEMO) == []


def test_the_host_knows_no_plugin_and_none_of_their_libraries():
    assert offenders("gateway", "enocean", "pyownet", "RFXtrx", "rflink", *plugin_packages()) == []


def test_plugins_know_no_simulator():
    assert offenders("plugins", "hwsim") == []


@pytest.mark.parametrize("folder", ["gateway", "hwsim", "plugins"])
def test_the_core_runs_on_any_event_loop(folder):
    assert offenders(folder, "asyncio", "trio", allowed=EDGE | {"gateway/testing/clocks.py"}) == []


def test_the_serial_libraries_are_known_to_the_edge_alone():
    libraries = ("serial", "serial_asyncio", "serialx")
    assert offenders("gateway", *libraries, allowed=EDGE) == []
    assert offenders("hwsim", *libraries) == []


def test_the_library_of_nats_is_known_to_its_store_alone():
    known = [offender for offender in offenders("gateway", "nats", "nkeys") if not offender.startswith(NATS)]
    assert known == []
    assert offenders("gateway", "nats", "nkeys") != []


def test_the_test_kit_is_not_needed_to_run():
    kit = [
        f"{path.relative_to(ROOT)} imports {name}"
        for path in sources("gateway")
        if "testing" not in path.parts and path.relative_to(ROOT).as_posix() not in SERVERS
        for name in imported(path)
        if name.startswith("gateway.testing") or name.split(".")[0] in {"pytest", "hypothesis"}
    ]
    assert kit == []
