"""The examples of docs/jobs.md do what the page says."""

import ast
import json
import re
from contextlib import nullcontext
from pathlib import Path
from random import Random

import anyio
import pytest

from gateway.bus.no_buses import NoBuses
from gateway.cluster.members import Members
from gateway.code import ModuleEntry, check
from gateway.locations import Locations, Place
from gateway.path import P
from gateway.record import Record
from gateway.runner import AllRunner, NodeContext, RunnerEntry, SingleRunner, StateEntry
from gateway.store.memory import MemoryServer, MemoryStore
from gateway.testing.clocks import VirtualClock, standing_time
from gateway.values import Change

PAGE = (Path(__file__).parents[1] / "docs" / "jobs.md").read_text()
BLOCKS = re.findall(r"^```(\w+) ?([^\n]*)\n(.*?)^```$", PAGE, re.MULTILINE | re.DOTALL)
JOBS = [
    (dict(word.split("=", 1) for word in info.split()), text) for _, info, text in BLOCKS if info.startswith("job=")
]
MODULES = [(info.removeprefix("module="), text) for _, info, text in BLOCKS if info.startswith("module=")]
LIBRARY = [text for _, info, text in BLOCKS if info == "library"]
MODES = {"sync": None, "thread": False, "async": True}
PLACE = Place("at", "default", "attic")


@pytest.fixture
async def store(anyio_backend):
    async with MemoryStore(MemoryServer(Random(1)), clock=VirtualClock(), random=Random(1), node="attic") as opened:
        yield opened


async def ended(store, place):
    async with store.watch(Locations().states_of(place), max_depth=1) as events:
        async for event in events:
            if isinstance(event, Change) and event.value["runs"] and event.value["node"] is None:
                return StateEntry.from_map(event.value)
    raise AssertionError("the watch has ended")


def test_the_page_has_examples_of_each_kind():
    assert {info["mode"] for info, _ in JOBS} == set(MODES)
    assert len(JOBS) >= 5
    assert len(LIBRARY) >= 3
    assert len(MODULES) >= 2


@pytest.mark.parametrize(("info", "text"), JOBS, ids=[info["job"] for info, _ in JOBS])
async def test_a_job_gives_the_result_that_stands_there(store, info, text):
    for name, module in MODULES:
        await store.set(Locations().modules + P(name), {"code": module})
    entry = {"code": text, "is_async": MODES[info["mode"]]}
    assert check(entry, data={}) == []
    await store.set(Locations().procedures + P(info["job"]), entry)
    job = RunnerEntry(code=P(info["job"]), target=store.clock.now())
    context = await NodeContext.build(
        store, name="attic", incarnation="one", buses=NoBuses(), cfg={"node": {"name": "attic"}}
    )
    async with anyio.create_task_group() as tasks:
        runner = await group_runner(context, tasks, info) if "group" in info else SingleRunner(context)
        await store.set(Locations().jobs_of(runner.place) + P("example"), job.to_map())
        tasks.start_soon(runner.run)
        with standing_time() if info["mode"] == "thread" else nullcontext():
            state = await ended(store, runner.place)
        runner.stop()
        tasks.cancel_scope.cancel()
    errors = [error.entry for error in await context.errors.list()]
    assert state.end == info.get("end", "finished"), errors
    assert (errors[0].data["there"] if errors else state.result) == json.loads(info["result"])


async def group_runner(context, tasks, info):
    """An all-node runner among others, of which one goes and comes back while the job runs."""
    present = {"runners": ["all.default"]}
    for name in info["group"].split(","):
        await context.store.set(Locations().presence / name, present)
    await context.store.set(Locations().groups / "default", {"nodes": int(info.get("nodes", 2))})
    members = Members(context.store, Locations(), context.name)
    await tasks.start(members.run)
    tasks.start_soon(come_and_go, context.store, info, present)
    return AllRunner(context, members)


async def come_and_go(store, info, present):
    await anyio.sleep(1)
    await store.delete(Locations().presence / info["lost"])
    await anyio.sleep(1)
    if "back" in info:
        await store.set(Locations().presence / info["back"], present)


@pytest.mark.parametrize("text", LIBRARY)
async def test_a_program_runs(store, text):
    flags = ast.PyCF_ALLOW_TOP_LEVEL_AWAIT
    result = eval(compile(text, "docs/jobs.md", "exec", flags), {"store": store})
    if result is not None:
        await result


@pytest.mark.parametrize(("info", "record"), [("job", RunnerEntry), ("state", StateEntry)])
def test_a_record_is_one(info: str, record: type[Record]):
    (text,) = (text for kind, words, text in BLOCKS if (kind, words) == ("json", info))
    assert record.check(json.loads(text)) == []


@pytest.mark.parametrize(
    ("heading", "record"), [("## Jobs", RunnerEntry), ("## State", StateEntry), ("## Modules", ModuleEntry)]
)
def test_every_field_is_described(heading: str, record: type[Record]):
    section = PAGE.split(heading, 1)[1].split("\n## ", 1)[0]
    missing = [name for name in record.model_fields if f"`{name}`" not in section and f'"{name}"' not in section]
    assert missing == []
