"""How results look: on a terminal, in a pipe whose reader goes away, and when several things fail at once."""

import os
import pty
import subprocess
import sys

import pytest

from gateway.cli import main
from gateway.errors import BusFault, InterfaceDown

COMMAND = [sys.executable, "-m", "gateway"]


def test_a_terminal_gets_a_table_and_a_pipe_plain_text(busgate):
    busgate("store set a.b 1")
    assert busgate("store list a").out.splitlines()[0].split() == ["PATH", "VALUE", "REVISION"]
    master, slave = pty.openpty()
    done = subprocess.run([*COMMAND, "store", "list", "a"], stdout=slave, check=True)
    os.close(slave)
    shown = os.read(master, 10_000).decode()
    os.close(master)
    assert done.returncode == 0
    assert "───" in shown
    assert "a.b" in shown


def test_a_reader_that_goes_away_is_no_error_worth_a_trace(busgate):
    for number in range(3):
        busgate("store", "set", f"a.n{number}", f'"{"x" * 200_000}"')
    with subprocess.Popen(
        [*COMMAND, "store", "list", "--json"], stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as done:
        assert done.stdout is not None
        assert done.stderr is not None
        done.stdout.read(10)
        done.stdout.close()
        assert done.stderr.read() == b""
        assert done.wait() == 1


def test_wrong_usage_is_one_line_that_names_the_help(busgate):
    for words, help_of in (
        ("store get a --nope", "store get"),
        ("store get", "store get"),
        ("run set it -t x", "run set"),
    ):
        done = busgate(words)
        assert done.status == 2
        assert done.out == ""
        assert done.err.startswith("error: ")
        assert done.err.endswith(f"(see: busgate {help_of} --help)\n")
        assert done.err.count("\n") == 1


def test_several_expected_errors_are_told_one_by_one(monkeypatch, capsys):
    def fail(*_args, **_keywords):
        raise ExceptionGroup("", [BusFault("no answer"), ExceptionGroup("", [InterfaceDown("gone")])])

    monkeypatch.setattr(main.busgate, "main", fail)
    assert main.run(["nodes"]) == main.UNREACHABLE
    assert capsys.readouterr().err == "error: no answer\nerror: gone\n"


def test_a_bug_keeps_its_trace(monkeypatch):
    def fail(*_args, **_keywords):
        raise ExceptionGroup("", [BusFault("no answer"), ZeroDivisionError()])

    monkeypatch.setattr(main.busgate, "main", fail)
    with pytest.raises(ExceptionGroup):
        main.run(["nodes"])
