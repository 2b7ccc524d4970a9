"""The judge of the demonstration must be able to condemn."""

import pytest

from gateway.demo.judge import SETTLING, Content, Handled, Life, Sent, judge

BOTH = Life("attic", 0.0), Life("cellar", 0.0)


def telegram(number, *hearers):
    """The one of that number: sent then, heard at once by the sticks of these nodes."""
    return Sent(Content("dimmer", number), float(number), dict.fromkeys(hearers, number + 0.1))


def noted(run, *numbers):
    """Telegrams that a run has handled, half a second after they were sent."""
    return [Handled(Content("dimmer", number), "attic", run, number + 0.5) for number in numbers]


def in_order(*numbers):
    return [telegram(number, "attic", "cellar") for number in numbers]


def test_all_is_well_when_each_was_handled_once():
    found = judge(in_order(1, 2, 3), noted("a", 1, 2) + noted("b", 3), BOTH, kills=1)
    assert found.as_map() == {"sent": 3, "heard_by_any": 3, "handled": 3, "lost": 0, "duplicates": 0}
    assert found.complaints == []


def test_one_that_a_living_receiver_heard_is_lost_when_nobody_handles_it():
    sent = [*in_order(1), telegram(2, "cellar"), *in_order(3)]
    found = judge(sent, noted("a", 1, 3), BOTH, kills=1)
    assert found.lost == 1
    assert found.complaints == ["telegrams lost that a living receiver had heard: 1"]


def test_one_that_no_receiver_heard_is_nobodys_fault():
    found = judge([*in_order(1), telegram(2)], noted("a", 1), BOTH, kills=1)
    assert found.as_map() == {"sent": 2, "heard_by_any": 1, "handled": 1, "lost": 0, "duplicates": 0}


@pytest.mark.parametrize(
    ("life", "lost"),
    [
        (Life("cellar", 0.0, until=2.0), 0),
        (Life("cellar", 2.2), 0),
        (Life("cellar", 0.0, until=2.1 + SETTLING - 0.01), 0),
        (Life("cellar", 0.0, until=2.1 + SETTLING + 0.01), 1),
        (Life("cellar", 2.1), 1),
    ],
    ids=["was dead", "did not live yet", "died at once", "died later", "just lived"],
)
def test_a_receiver_counts_only_while_its_node_lives(life, lost):
    assert judge([telegram(2, "cellar")], [], [Life("attic", 0.0), life], kills=1).lost == lost


def test_a_second_life_counts_like_the_first():
    lives = [Life("cellar", 0.0, until=1.0), Life("cellar", 2.0)]
    assert judge([telegram(2, "cellar")], [], lives, kills=1).lost == 1


def test_the_telegram_in_hand_may_come_again_in_the_next_run():
    found = judge(in_order(1, 2, 3), noted("a", 1, 2) + noted("b", 2, 3), BOTH, kills=1)
    assert (found.handled, found.duplicates, found.excess, found.complaints) == (3, 1, 0, [])


def test_two_that_come_again_are_one_too_many():
    found = judge(in_order(1, 2, 3), noted("a", 1, 2) + noted("b", 1, 2, 3), BOTH, kills=1)
    assert (found.duplicates, found.excess) == (2, 1)
    assert found.complaints == ["telegrams handled twice though no kill explains it: 1"]


@pytest.mark.parametrize(
    "handled",
    [noted("a", 1, 1, 2), noted("a", 1, 2) + noted("b", 1), noted("a", 1, 2) + noted("b", 2, 2)],
    ids=["within a run", "not the last one", "twice again"],
)
def test_no_other_duplicate_is_excused(handled):
    found = judge(in_order(1, 2), handled, BOTH, kills=1)
    assert found.excess == 1
    assert found.complaints


def test_each_run_that_ends_excuses_one():
    found = judge(in_order(1, 2), noted("a", 1) + noted("b", 1, 2) + noted("c", 2), BOTH, kills=2)
    assert (found.duplicates, found.excess) == (2, 0)


def test_equal_telegrams_are_told_apart_by_when_they_were_sent():
    content = Content("dimmer", 1)
    sent = [Sent(content, at, {"attic": at}) for at in (1.0, 20.0, 40.0)]
    found = judge(sent, [Handled(content, "attic", "a", at) for at in (1.2, 40.2)], BOTH, kills=1)
    assert (found.handled, found.lost, found.duplicates) == (2, 1, 0)


def test_what_nobody_has_sent_is_no_telegram():
    found = judge(
        in_order(1), [*noted("a", 1), Handled(Content("dimmer", 1), "attic", "a", 0.5), *noted("a", 7)], BOTH, kills=1
    )
    assert found.unknown == 2
    assert found.complaints == ["telegrams handled that nobody had sent: 2"]


def test_nothing_is_excused_when_nobody_was_killed():
    assert judge(in_order(1, 2), noted("a", 1) + noted("b", 1, 2), BOTH, kills=0).excess == 1


def test_each_kill_excuses_one():
    handled = noted("a", 1, 2) + noted("b", 2, 3) + noted("c", 3)
    assert judge(in_order(1, 2, 3), handled, BOTH, kills=1).excess == 1
    assert judge(in_order(1, 2, 3), handled, BOTH, kills=2).excess == 0
