"""What the board makes of the store's changes."""

import pytest

from gateway.demo.board import Board
from gateway.demo.jobs import LOCATIONS, state_of_poll, state_of_radio
from gateway.demo.judge import Content, Handled
from gateway.path import Path
from gateway.values import Change, NotGiven


@pytest.fixture
def board():
    return Board(lambda: 7.0)


def change(board, path, value):
    board.take(Change(path, value, 1))


def test_a_note_of_the_radio_job_is_a_telegram_handled(board):
    change(board, Path("dimmers", "a", 0), {"node": "attic", "device": "x", "level": 50})
    change(board, Path("dimmers", "a", 0), NotGiven)
    assert list(board.handled) == [Handled(Content("x", 50), "attic", "a", 7.0)]


def test_the_radio_job_has_a_holder_once_it_listens(board):
    for state, holder in (
        ({"node": "attic", "started": 5.0, "pinged": 3.0}, None),
        ({"node": "attic", "started": 5.0, "pinged": 5.1}, "attic"),
        ({"node": None, "started": 5.0, "pinged": 5.1}, None),
    ):
        change(board, state_of_radio(), state)
        assert board.holder == holder


def test_errors_stand_until_they_are_resolved(board):
    place = LOCATIONS.errors / "interface" / "attic" / "radio"
    change(board, place, {"message": "gone", "resolved": None})
    assert list(board.errors.values()) == ["interface.attic.radio: gone"]
    change(board, place, {"message": "gone", "resolved": 6.0})
    assert board.errors == {}


def test_a_node_hears_when_its_stick_is_up_and_its_jobs_run(board):
    stick = {"radio": {"state": "up", "since": 1.0}}
    change(board, LOCATIONS.presence / "attic", {"incarnation": "i", "interfaces": stick})
    assert not board.receivers.hears("attic")
    change(board, state_of_poll("attic"), {"node": "attic", "incarnation": "of another life"})
    assert not board.receivers.hears("attic")
    change(board, state_of_poll("attic"), {"node": "attic", "incarnation": "i"})
    assert board.receivers.hears("attic")
    stick["radio"]["state"] = "absent"
    change(board, LOCATIONS.presence / "attic", {"incarnation": "i", "interfaces": stick})
    assert not board.receivers.hears("attic")
