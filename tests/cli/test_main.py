"""Global options, exit statuses, and what is not imported."""

import subprocess
import sys

import pytest

from gateway.cli.main import COMMANDS


def test_the_version_imports_nothing_heavy():
    heavy = {"pydantic", "sqlite3", "rich", "asyncio", "anyio", "msgpack", "pluggy"}
    code = (
        "import sys; sys.argv = ['busgate', '--version']\n"
        "from gateway.cli.main import run; assert run(['--version']) == 0\n"
        "print(' '.join(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.startswith("busgate 0.")
    assert heavy & set(done.stdout.split()) == set()


def test_help_names_every_command(busgate):
    shown = busgate("--help").out
    for name in COMMANDS:
        assert f"\n  {name} " in shown


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(busgate, name):
    done = busgate(f"{name} --help")
    assert done.status == 0
    assert done.out.startswith(f"Usage: busgate {name}")


def test_options_stand_anywhere(busgate, tmp_path):
    assert busgate("store", "set", "a", "1", "--store", f"sqlite:{tmp_path}/one.db").status == 0
    assert busgate("--store", f"sqlite:{tmp_path}/one.db", "--json", "store", "get", "a").object["value"] == 1
    assert busgate("store", f"--store=sqlite:{tmp_path}/two.db", "get", "a").status == 1


def test_the_demo_has_an_option_store_of_its_own(busgate, tmp_path):
    for line in ("demo --store redis", "-c demo demo --json --store=redis"):
        done = busgate(line)
        assert done.status == 2
        assert "'redis' is not one of 'sqlite', 'nats'" in done.err
    assert busgate("store", "set", "demo", "1", "--store", f"sqlite:{tmp_path}/one.db").status == 0


def test_c_before_the_command_is_the_configuration_and_behind_it_the_code(busgate, config):
    moved = config.rename(config.with_name("other.toml"))
    assert busgate(f"-c {moved} run -n attic set it -c some.code").status == 0
    assert busgate(f"--config {moved} --json run -n attic get it").object["code"] == {"$path": "some.code"}


def test_statuses(busgate, tmp_path):
    assert busgate("store get nothing.here").status == 1
    assert busgate("stoer").status == 2
    assert busgate("store get a..b").status == 2
    assert busgate("store", "--store", f"sqlite:{tmp_path}", "get", "a").status == 3
    assert busgate("--store nats-typo:x store get a").status == 2


def test_errors_are_one_line_on_stderr_that_says_what_to_do(busgate, tmp_path):
    done = busgate("store", "--store", f"sqlite:{tmp_path}", "get", "a")
    assert done.out == ""
    assert str(tmp_path) in done.err
    assert "directory" in done.err
    assert "Traceback" not in done.err


def test_a_missing_configuration_says_how_to_make_one(busgate):
    done = busgate("-c nowhere.toml store list")
    assert done.status == 2
    assert "busgate config init nowhere.toml" in done.err
