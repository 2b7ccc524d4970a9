"""The checker of simulations finds what it is there to find, and lets pass what is allowed."""

import pytest
from simulated.events import (
    Acknowledged,
    Began,
    Claimed,
    Ended,
    JobStored,
    Log,
    Operation,
    ProcessEvent,
    StateLanded,
)
from simulated.invariants import Checker

OLD, NEW = Claimed("j", "a.1", "a", "x", 10), Claimed("j", "b.1", "b", "y", 20)
RUN = Began("j", "a.1", 1, 10)


def write(stage, process="a.1", run=1):
    return Operation(stage, "j", process, run, 1)


def check(*events, stored=None):
    log = Log([(float(number), event) for number, event in enumerate(events)])
    return Checker().read(log, lambda path: stored)


def test_a_holder_may_write():
    assert check(OLD, RUN, write("called"), write("out"), write("over"), NEW).violations == []


@pytest.mark.parametrize(
    "events",
    [
        (OLD, RUN, write("called"), NEW, write("out")),
        (OLD, RUN, write("called"), write("out"), NEW, write("over")),
        (OLD, RUN, NEW, write("called"), write("out")),
        (OLD, RUN, ProcessEvent("paused", "a.1"), NEW, write("called"), write("out")),
    ],
)
def test_a_past_holder_may_not_write(events):
    assert len(check(*events).violations) == 1


def test_a_write_begun_before_a_pause_is_counted():
    found = check(OLD, RUN, write("called"), ProcessEvent("paused", "a.1"), NEW, write("out"), write("over"))
    assert (found.violations, found.excused) == ([], 2)


def test_a_run_that_is_not_the_newest_may_not_write():
    again = Began("j", "a.1", 2, 11)
    found = check(OLD, RUN, again, write("called"), write("out"))
    assert [one.split(" ", 1)[1][:30] for one in found.violations] == [
        "j: it runs twice in a.1",
        "j: run 1 of a.1 wrote to the h",
    ]


def test_tokens_and_run_numbers_rise():
    first, late = StateLanded("j", "b.1", 20, 2, uid="u"), StateLanded("j", "a.1", 10, 1, uid="u")
    assert check(late, first).violations == []
    assert len(check(first, late).violations) == 2


def test_what_is_done_is_not_done_again():
    stored = JobStored("j", "once", 5.0, "u")
    done = StateLanded("j", "a.1", 10, 1, None, "finished", "u", 5.0)
    ended = Ended("j", "a.1", 1, "finished")
    again = Began("j", "b.1", 2, 20)
    assert len(check(stored, OLD, RUN, ended, done, NEW, again).violations) == 1
    assert check(stored, OLD, RUN, ended, done, JobStored("j", "once", 6.0, "u"), NEW, again).violations == []


def test_what_was_acknowledged_has_to_be_there():
    assert check(Acknowledged("data.j", 3), stored=3).violations == []
    assert len(check(Acknowledged("data.j", 3), stored=2).violations) == 1


def test_no_process_crashes_or_has_to_exit():
    assert check(ProcessEvent("refused", "a.1"), ProcessEvent("killed", "a.1")).violations == []
    assert len(check(ProcessEvent("crashed", "a.1"), ProcessEvent("exited", "b.1")).violations) == 2
