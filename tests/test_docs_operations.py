"""The page on running a cluster: its commands and its systemd units are real ones."""

import configparser
import re
import shlex
from pathlib import Path

import pytest

from gateway.cli.main import run

PAGE = (Path(__file__).parents[1] / "docs/operations.md").read_text()
BLOCKS = re.findall(r"```sh\n(.*?)```", PAGE, re.DOTALL)
COMMANDS = [line for block in BLOCKS for line in block.splitlines() if line.startswith("busgate ")]
UNITS = re.findall(r"```ini\n(.*?)```", PAGE, re.DOTALL)


@pytest.mark.parametrize("line", COMMANDS)
def test_its_commands_are_understood(line):
    """Their options are; whether they do what the page says, only a cluster can show."""
    words = shlex.split(line.partition(" > ")[0], comments=True)
    assert run([*words[1:], "--help"]) == 0


def test_its_units_end_with_the_release_of_the_dead():
    servers, node = (configparser.RawConfigParser(strict=False) for _ in range(2))
    servers.read_string(UNITS[0])
    node.read_string(UNITS[1])
    assert "SERVER_NAME" in servers["Service"]["Environment"]
    assert node["Service"]["ExecStopPost"].endswith("/busgate release --dead")


@pytest.mark.parametrize("link", sorted(set(re.findall(r"\]\(#([^)]+)\)", PAGE))))
def test_its_links_lead_somewhere(link):
    titles = re.findall(r"^## (.+)$", PAGE, re.MULTILINE)
    assert link in [re.sub(r"[^a-z0-9 -]", "", title.lower()).replace(" ", "-") for title in titles]
