"""The command line, as a process of its own."""

import json
import os
import signal
import subprocess
import sys

import pytest

GOOD = '[[bus]]\nname = "attic"\n[[bus]]\nname = "cellar"\n'


def hwsim(*arguments):
    return subprocess.run([sys.executable, "-m", "hwsim", *arguments], capture_output=True, text=True, timeout=60)


@pytest.fixture
def scenario(tmp_path):
    def write(text):
        path = tmp_path / "house.toml"
        path.write_text(text)
        return str(path)

    return write


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_serve_says_where_and_ends_at_a_signal(scenario, number):
    command = [sys.executable, "-m", "hwsim", "serve", scenario(GOOD), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        lines = [json.loads(process.stdout.readline()) for _ in range(2)]
        os.kill(process.pid, number)
        assert process.wait(30) == 0
        assert process.stderr.read() == ""
    assert [(line["bus"], line["kind"]) for line in lines] == [("attic", "onewire"), ("cellar", "onewire")]
    assert all(line["url"].startswith("owserver://127.0.0.1:") for line in lines)


def test_a_port_in_use_is_an_error(scenario):
    command = [sys.executable, "-m", "hwsim", "serve", scenario(GOOD), "--json"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = json.loads(process.stdout.readline())["url"].rsplit(":", 1)[1]
        result = hwsim("serve", scenario(f'[[bus]]\nname = "attic"\nport = {port}\n'))
        process.kill()
    assert result.returncode == 1
    assert result.stderr.startswith(f"error: bus 'attic' can't listen on 127.0.0.1:{port}: address already in use")
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("subcommand", ["serve", "check"])
def test_mistakes_go_to_stderr_all_at_once(scenario, subcommand):
    path = scenario('sed = 1\n[[bus]]\nnam = "attic"\n')
    result = hwsim(subcommand, path)
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr.splitlines() == [
        f"{path}:1: sed: unknown key; did you mean 'seed'?",
        f"{path}:2: bus.name: is missing",
        f"{path}:3: bus.nam: unknown key; did you mean 'name'?",
    ]


def test_check_counts_what_is_there(scenario):
    path = scenario(GOOD)
    result = hwsim("check", path)
    assert (result.returncode, result.stdout) == (0, f"{path}: 2 buses, 0 devices, 0 faults\n")


def test_check_as_json(scenario):
    path = scenario("sed = 1\n" + GOOD)
    result = hwsim("check", path, "--json")
    assert result.returncode == 1
    assert json.loads(result.stdout) == {
        "source": path,
        "line": 1,
        "key": "sed",
        "message": "unknown key; did you mean 'seed'?",
    }


def test_a_file_that_is_not_there_is_a_wrong_call():
    result = hwsim("check", "/nowhere/house.toml")
    assert result.returncode == 2
    assert "does not exist" in result.stderr
