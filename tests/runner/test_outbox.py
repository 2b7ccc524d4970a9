"""The journal: writes that wait for the store, and what others wrote meanwhile."""

import anyio
import pytest

from gateway.errors import CodecError
from gateway.path import P
from gateway.runner.outbox import Journal


@pytest.fixture
async def node(make_node):
    async with make_node() as made:
        yield made


@pytest.fixture
def journal(node):
    return node.context.journal


async def test_it_writes_at_once_while_the_store_is_there(node, journal):
    await journal.set(P("x"), 1)
    assert await node.value("x") == 1
    assert len(journal) == 0
    with pytest.raises(CodecError):
        await journal.set(P("x"), object())


async def test_the_last_value_of_each_path_is_written_later(node, journal):
    await journal.set(P("x"), 0)
    node.store.cut()
    for number in range(5):
        await journal.set(P("x"), number)
        await journal.set(P("y"), -number)
    assert len(journal) == 2
    await anyio.sleep(1000)
    node.store.mend()
    await anyio.sleep(1)
    assert (await node.value("x"), await node.value("y"), len(journal)) == (4, -4, 0)


async def test_a_newer_value_of_somebody_else_wins_and_the_log_says_so(node, journal, make_node, caplog):
    await journal.set(P("x"), 0)
    async with make_node("n2") as other:
        await anyio.sleep(1)
        node.store.cut()
        await journal.set(P("x"), 1)
        await journal.set(P("y"), 1)
        await other.store.set(P("x"), 2)
        node.store.mend()
        await anyio.sleep(1)
        assert (await other.value("x"), await other.value("y")) == (2, 1)
    assert "x was changed by somebody else meanwhile" in caplog.text


async def test_a_deletion_waits_too(node, journal):
    await journal.set(P("x"), 0)
    node.store.cut()
    await journal.delete(P("x"))
    await journal.delete(P("never.there"))
    node.store.mend()
    await anyio.sleep(1)
    assert (await node.store.get(P("x"))).revision == 0
    assert len(journal) == 0


async def test_uncertain_writes_end_up_written(node, journal):
    node.store.faults.lost_reply = 0.4
    node.store.faults.lost_request = 0.3
    for number in range(30):
        await journal.set(P("x"), number)
        await anyio.sleep(1)
    node.store.faults.lost_reply = node.store.faults.lost_request = 0
    await anyio.sleep(10)
    assert await node.value("x") == 29
    assert len(journal) == 0


async def test_its_number_is_bounded(node, caplog):
    journal = Journal(node.store, limit=3)
    node.store.cut()
    for number in range(5):
        await journal.set(P(f"x{number}"), number)
    node.store.mend()
    await anyio.sleep(1)
    found = [await node.value(f"x{number}") for number in range(5)]
    assert found[2:] == [2, 3, 4]
    assert "the one to x0 is lost" in caplog.text


async def test_a_value_set_while_its_path_is_being_written(node, journal):
    node.store.cut()
    await journal.set(P("x"), 1)
    node.store.mend()
    node.store.faults.delay = 1.0
    await anyio.sleep(0.5)
    await journal.set(P("x"), 2)
    await anyio.sleep(20)
    assert await node.value("x") == 2


async def test_flush(node, journal):
    node.store.cut()
    await journal.set(P("x"), 1)
    node.store.mend()
    await journal.flush()
    assert await node.value("x") == 1


@pytest.mark.parametrize(("known", "arrives"), [(False, False), (True, True)])
async def test_what_an_earlier_process_wrote_is_no_newer_value(node, known, arrives):
    revision = await node.store.set(P("x"), "by an earlier process")
    journal = Journal(node.store, known=revision if known else 0)
    node.store.cut()
    await journal.set(P("x"), "by this one")
    node.store.mend()
    await anyio.sleep(10)
    assert (await node.value("x") == "by this one") == arrives
