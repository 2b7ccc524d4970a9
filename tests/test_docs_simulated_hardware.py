"""The page on simulated hardware: its house is one, its commands are calls of `hwsim`, its test runs."""

import re
import shlex
from pathlib import Path
from typing import Any

import click
import pytest

from hwsim.__main__ import main
from hwsim.recording import Header, Recorder
from hwsim.scenario_reader import read_scenario

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "simulated-hardware.md").read_text()


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture
def recording(tmp_path):
    path = tmp_path / "failure.hwrec"
    Recorder(path, Header("owserver", "tcp", "owserver://127.0.0.1:4304", 0.0), lambda: 0.0).close()
    return path


def test_the_house_is_one():
    (text,) = blocks("toml")
    scenario = read_scenario(text, "house.toml", Path())
    assert list(scenario.kinds) == ["attic", "stick"]


def test_the_commands_are_calls_that_hwsim_takes(tmp_path, monkeypatch, recording):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "house.toml").write_text(blocks("toml")[0])
    lines = [shlex.split(line, comments=True) for block in blocks("sh") for line in block.splitlines()]
    assert len(lines) > 12
    for _, name, *words in lines:
        command = main.commands[name]
        assert isinstance(command.make_context(name, words), click.Context)


def test_the_example_runs(tmp_path, monkeypatch, recording):
    monkeypatch.chdir(tmp_path)
    read: list[str] = []
    (code,) = blocks("python")
    namespace: dict[str, Any] = {"read_all": read.append}
    exec(code, namespace)
    namespace["test_failure"]()
    assert read[0].startswith("owserver://127.0.0.1:")


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#]+)\)", PAGE))))
def test_links_lead_somewhere(link):
    assert (ROOT / "docs" / link).exists()
