"""Who may transmit, by tokens, views, leases and time."""

from dataclasses import dataclass, field

import anyio
import pytest

from gateway.abc import UNFENCED
from gateway.cluster.claim_view import Claim, ClaimView
from gateway.errors import ClaimLost
from gateway.path import P
from gateway.radio.gate import MOST, Gate, OrderPermit, TooLate
from gateway.radio.orders import Order
from gateway.testing.clocks import VirtualClock
from gateway.values import Change, NotGiven

CLAIM = P(":.moat.kv.claim.default.job")
HOLDER = Claim(node="b", incarnation="one", presence_revision=10).to_map()


@dataclass
class Lease:
    expires: float


@dataclass
class Registration:
    lease: Lease


@dataclass
class Presence:
    registration: Registration | None = field(default_factory=lambda: Registration(Lease(3.0)))


@pytest.fixture
def presence():
    return Presence()


@pytest.fixture
async def gate(presence):
    return Gate(VirtualClock(), presence)


def order(token=20, before=1.0):
    return Order("id", "rfx", "stick", "lamp", "on", claim=CLAIM, token=token, before=before)


def ask(gate, *, seconds=0.1, own=None, **more):
    OrderPermit(gate, order(**more), own).check(seconds)


async def test_the_greatest_token_counts(gate):
    assert gate.note(CLAIM, 20)
    assert not gate.note(CLAIM, 20)
    ask(gate)
    assert gate.note(CLAIM, 21)
    for own in (None, UNFENCED):
        with pytest.raises(ClaimLost, match="later run"):
            ask(gate, own=own)
    ask(gate, token=21)


async def test_it_remembers_so_many_claims(gate):
    gate.note(CLAIM, 5)
    for number in range(MOST):
        gate.note(CLAIM / number, 1)
    assert gate.note(CLAIM, 4)


async def test_the_time_to_live(gate):
    ask(gate, seconds=1.0)
    with pytest.raises(TooLate, match=r"0\.01 s too late"):
        ask(gate, seconds=1.01)
    await anyio.sleep(0.95)
    with pytest.raises(TooLate):
        ask(gate)
    assert TooLate("x").fault().unsent


async def test_the_presence_of_the_transmitting_node(gate, presence):
    await anyio.sleep(2.95)
    with pytest.raises(TooLate, match="presence"):
        ask(gate, before=9.0)
    ask(gate, before=9.0, own=UNFENCED)
    presence.registration = None
    with pytest.raises(TooLate, match="presence"):
        ask(gate, seconds=0.0, before=9.0)


async def test_the_view_of_a_runner(gate):
    view = ClaimView()
    gate.add_view(CLAIM[:-1], view)
    with pytest.raises(TooLate, match="put in order"):
        ask(gate)
    ask(gate, own=UNFENCED)
    view.ready(9)
    ask(gate)  # it may not have heard of the claim yet
    view.presence_changed(Change(P("b"), {"incarnation": "one"}, 10))
    view.claim_changed(P("job"), Change(P("job"), HOLDER, 15))
    ask(gate)
    view.claim_changed(P("job"), Change(P("job"), HOLDER, 20))
    ask(gate)
    view.presence_changed(Change(P("b"), NotGiven, 21))
    with pytest.raises(ClaimLost, match="node of the run is gone"):
        ask(gate)
    view.claim_changed(P("job"), Change(P("job"), NotGiven, 22))
    with pytest.raises(ClaimLost, match="taken by another, or released"):
        ask(gate)
