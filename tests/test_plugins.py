"""Plugins are found, checked one by one, and reported by name when they are no good."""

import subprocess
import sys
from textwrap import dedent

import pytest

from gateway.errors import Misuse, NotFound
from gateway.path import P
from gateway.plugins import Plugins

GOOD = """
    from contextlib import asynccontextmanager
    from pydantic import BaseModel
    from gateway.abc import Driver, Interface
    from gateway.hookspecs import hookimpl
    from gateway.path import P
    from gateway.values import RegisteredProcedure

    class Options(BaseModel, extra="forbid"):
        port: int = 1

    class Good(Driver):
        name = "good"
        options = Options

        @asynccontextmanager
        async def open(self, options, context):
            yield Interface()

    def poll(interval):
        return interval
"""
REGISTER = """
    @hookimpl
    def busgate_register_drivers():
        return [Good]

    @hookimpl
    def busgate_register_procedures():
        return [RegisteredProcedure(P("good.poll"), poll, {"interval": 10})]
"""


class Shelf:
    """A folder of installed distributions, each with one module and its metadata."""

    def __init__(self, folder):
        self.folder = folder
        self.modules = []

    def put(self, name, *code, version="1.2.3", entry="", distribution=""):
        module = f"shelf_{distribution or name}".replace("-", "_")
        distribution = distribution or f"busgate-{name}"
        self.modules.append(module)
        (self.folder / f"{module}.py").write_text("".join(map(dedent, code)))
        info = self.folder / f"{distribution.replace('-', '_')}-{version}.dist-info"
        info.mkdir()
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n")
        (info / "entry_points.txt").write_text(f"[busgate]\n{name} = {entry or module}\n")


@pytest.fixture
def shelf(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    shelf = Shelf(tmp_path)
    yield shelf
    for module in shelf.modules:
        sys.modules.pop(module, None)


def load(**options):
    return Plugins.installed(environ={}, **options)


def info_of(plugins, name):
    (info,) = [info for info in plugins.infos if info.name == name]
    return info


def test_a_plugin_is_found_with_all_that_it_brings(shelf):
    shelf.put("good", GOOD, REGISTER)
    plugins = load()
    info = info_of(plugins, "good")
    assert (info.version, info.module, info.distribution) == ("1.2.3", "shelf_good", "busgate-good")
    assert (info.drivers, info.procedures) == (("good",), ("good.poll",))
    assert info.hooks == ("busgate_register_drivers", "busgate_register_procedures")
    assert info.error == ""
    assert plugins.driver("good").__name__ == "Good"
    assert plugins.procedures[P("good.poll")].default == {"interval": 10}


DRIVERS = "\n    @hookimpl\n    def busgate_register_drivers():\n        return "


@pytest.mark.parametrize(
    ("code", "reason"),
    [
        (["import no_such_library"], "ModuleNotFoundError: No module named 'no_such_library'"),
        (["1 / 0"], "ZeroDivisionError: division by zero"),
        ([GOOD, REGISTER.replace("drivers", "driver")], "did you mean 'busgate_register_drivers'?"),
        ([GOOD, REGISTER.replace("@hookimpl", "")], "put @hookimpl"),
        ([GOOD, REGISTER.replace("drivers()", "drivers(config)")], "config"),
        ([GOOD, DRIVERS, "Good"], "which is no list"),
        ([GOOD, DRIVERS, "[Good()]"], "no subclass of gateway.abc.Driver"),
        ([GOOD, DRIVERS, "[Driver]"], "which lacks open"),
        ([GOOD, DRIVERS, "[Good, Good]"], "registers the driver 'good' twice"),
        ([GOOD, DRIVERS, "[type('Odd', (Good,), {'name': 'Odd name'})]"], "whose name is 'Odd name'"),
        ([GOOD, DRIVERS, "[type('Odd', (Good,), {'name': 'odd', 'options': dict})]"], "no pydantic model"),
        ([GOOD, DRIVERS, "1 / 0"], "ZeroDivisionError"),
        ([GOOD, REGISTER.replace('P("good.poll")', '"good.poll"')], "whose path is no gateway.path.Path"),
        ([GOOD, REGISTER.replace(", poll,", ", 5,")], "whose function can't be called"),
    ],
)
def test_a_bad_plugin_is_reported_by_name_and_the_rest_works(shelf, code, reason):
    shelf.put("bad", *code)
    shelf.put("good", GOOD, REGISTER)
    plugins = load()
    bad = info_of(plugins, "bad")
    assert reason in bad.error
    assert bad.drivers == bad.procedures == ()
    assert info_of(plugins, "good").error == ""
    assert plugins.driver("good")
    with pytest.raises(NotFound, match="the plugin 'bad' failed: "):
        plugins.driver("bad")


def test_an_entry_point_without_module_is_reported(shelf):
    shelf.put("lost", "", entry="shelf_nowhere")
    assert "ModuleNotFoundError" in info_of(load(), "lost").error


def test_a_disabled_plugin_is_not_even_imported(shelf):
    shelf.put("good", GOOD, REGISTER)
    plugins = load(disabled=["good"])
    assert "shelf_good" not in sys.modules
    info = info_of(plugins, "good")
    assert info.disabled
    assert info.version == "1.2.3"
    with pytest.raises(NotFound, match="is disabled; take it out of"):
        plugins.driver("good")


def test_a_driver_of_two_plugins_belongs_to_neither_until_one_is_disabled(shelf):
    shelf.put("good", GOOD, REGISTER)
    shelf.put("fork", GOOD, DRIVERS, "[Good, type('Own', (Good,), {'name': 'own'})]")
    plugins = load()
    assert "good" not in plugins.drivers
    assert plugins.driver("own").name == "own"
    with pytest.raises(Misuse, match=r"by the plugins 'fork' and 'good', .* disabled = \[\"good\"\]"):
        plugins.driver("good")
    for name in ("fork", "good"):
        assert "driver 'good' is brought by" in info_of(plugins, name).error
    assert load(disabled=["good"]).driver("good").__module__ == "shelf_fork"


def test_a_procedure_of_two_plugins_belongs_to_neither(shelf):
    shelf.put("good", GOOD, REGISTER)
    shelf.put("fork", GOOD, REGISTER.replace("[Good]", "[]"))
    plugins = load()
    assert P("good.poll") not in plugins.procedures
    assert plugins.driver("good")


def test_two_distributions_with_one_plugin_name_are_reported(shelf):
    shelf.put("good", GOOD, REGISTER)
    shelf.put("good", GOOD, REGISTER, distribution="busgate-better")
    assert "busgate-better and busgate-good both bring" in info_of(load(), "good").error


def test_a_missing_driver_is_answered_with_the_command_that_installs_it(shelf):
    with pytest.raises(NotFound, match="install it: pip install busgate-onewyre"):
        Plugins([]).driver("onewyre")
    shelf.put("good", GOOD, REGISTER)
    with pytest.raises(NotFound, match="did you mean 'good'"):
        load().driver("goood")


def test_hook_calls_are_traced_on_request(shelf, capsys):
    shelf.put("good", GOOD, REGISTER)
    Plugins.installed(environ={"BUSGATE_TRACE_HOOKS": "1"})
    lines = capsys.readouterr().err.splitlines()
    assert "busgate hooks: busgate_register_drivers() implemented by good" in lines
    assert any("busgate_register_drivers -> [[<class 'shelf_good.Good'>]]" in line for line in lines)
    load()
    assert capsys.readouterr().err == ""


def test_a_hook_that_raises_is_traced(shelf, capsys):
    shelf.put("bad", GOOD, DRIVERS, "1 / 0")
    Plugins.installed(environ={"BUSGATE_TRACE_HOOKS": "1"})
    assert "busgate_register_drivers !! ZeroDivisionError" in capsys.readouterr().err


def test_the_hook_specifications_are_cheap_to_import():
    code = "import sys, gateway.hookspecs; print([m for m in ('pydantic', 'anyio', 'msgpack') if m in sys.modules])"
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert found.stdout == "[]\n"
