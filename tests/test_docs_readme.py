"""The README's examples are what the demonstration runs, and its commands work."""

import re
import shlex
from pathlib import Path

import pytest

from gateway.cli.main import run
from gateway.config import load
from gateway.demo import WARN_COLD
from gateway.store import open_store

README = (Path(__file__).parents[1] / "README.md").read_text()


def blocks(language):
    return re.findall(rf"^```{language}\n(.*?)^```", README, flags=re.MULTILINE | re.DOTALL)


def test_the_job_is_the_one_of_the_demo():
    assert blocks("python") == [WARN_COLD]


def test_the_configurations_are_some(tmp_path):
    one_box, several = blocks("toml")
    (tmp_path / "busgate.toml").write_text(one_box)
    assert load(tmp_path / "busgate.toml").interfaces[0].driver == "onewire"
    (tmp_path / "busgate.toml").write_text(several)
    assert open_store(load(tmp_path / "busgate.toml").store.url).lease_ttl == 20


def test_the_commands_work(tmp_path, monkeypatch, capsys):
    """All that end by themselves and need no make and no pip, in the order of the page."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    (tmp_path / "cold.py").write_text(WARN_COLD)
    lines = [line for block in blocks("sh") for line in block.splitlines()]
    commands = [shlex.split(line, comments=True) for line in lines if line.startswith("busgate ")]
    assert len(commands) >= 5
    for _, *words in commands:
        if words[0] != "up" and words[:2] != ["bus", "listen"]:  # they go on until somebody ends them
            assert run(words) == 0, words
    capsys.readouterr()
    assert run(["run", "-n", "attic", "list"]) == 0
    shown = capsys.readouterr().out
    assert "warn.cold" in shown
    assert "poll.attic" in shown


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(([^)#]+)\)", README))))
def test_links_lead_somewhere(link):
    assert "://" in link or (Path(__file__).parents[1] / link).exists()
