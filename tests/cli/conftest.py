"""The command line, called in this process on a store of its own."""

import json
import shlex

import pytest

from gateway.cli.main import run


class Result:
    def __init__(self, status, out, err):
        self.status, self.out, self.err = status, out, err

    @property
    def objects(self):
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def object(self):
        (one,) = self.objects
        return one


@pytest.fixture
def busgate(tmp_path, monkeypatch, capsys):
    """Calls ``busgate``: one string, or one argument each; returns exit status and output."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BUSGATE_CONFIG", raising=False)
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))

    def call(*words):
        status = run(shlex.split(words[0]) if len(words) == 1 else list(words))
        return Result(status, *capsys.readouterr())

    return call


@pytest.fixture
def config(tmp_path):
    file = tmp_path / "busgate.toml"
    file.write_text('[node]\nname = "attic"\n[store]\nurl = "sqlite:store.db"\n')
    return file
