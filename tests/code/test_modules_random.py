"""Random sets of modules: each is executed after what it needs, or has one clear error."""

import sys
from random import Random

import anyio
from hypothesis import given, settings
from hypothesis import strategies as st
from trio.testing import MockClock

from gateway.code import ModuleRoot
from gateway.code.dependencies import arrange, with_users
from gateway.locations import Locations
from gateway.path import Path
from gateway.runner.error_log import ErrorLog
from gateway.store.memory import MemoryServer, MemoryStore
from gateway.testing.clocks import VirtualClock

NAMES = [f"random_{letter}" for letter in "abcdefg"]
graphs = st.dictionaries(st.sampled_from(NAMES), st.frozensets(st.sampled_from(NAMES), max_size=3))


def reachable(name, graph):
    """What a name needs, directly or not."""
    found: set[str] = set()
    waiting = list(graph.get(name, ()))
    while waiting:
        if (one := waiting.pop()) not in found:
            found.add(one)
            waiting += graph.get(one, ())
    return found


@given(graphs, graphs)
def test_order(needs, prefers):
    order = arrange(needs, prefers)
    members = [name for cycle in order.cycles for name in cycle]
    assert sorted([*order.names, *members]) == sorted(needs)
    for place, name in enumerate(order.names):
        assert needs[name] & needs.keys() <= {*order.names[:place], *members}
    for cycle in order.cycles:
        for name, following in zip(cycle, [*cycle[1:], cycle[0]], strict=True):
            assert following in needs[name]


@given(graphs)
def test_preferences_hold_where_nothing_speaks_against_it(graph):
    if any(name in reachable(name, graph) for name in graph):
        return
    names = arrange({name: frozenset() for name in graph}, graph).names
    for place, name in enumerate(names):
        assert graph[name] & graph.keys() <= set(names[:place])


@given(graphs, st.frozensets(st.sampled_from(NAMES)))
def test_users(uses, changed):
    expected = {name for name in NAMES if name in changed or reachable(name, uses) & changed}
    assert with_users(changed, uses) == expected


async def check(graph, by_import, steps):
    """Store the modules one by one or all at once, with changes; compare what is loaded with what can be."""
    base = Locations().modules
    if by_import:  # a module may import itself
        graph = {name: needs - {name} for name, needs in graph.items()}
    async with MemoryStore(MemoryServer(Random(1)), clock=VirtualClock(), random=Random(1), node="n1") as store:
        errors = ErrorLog(store, Locations(), "n1")

        async def put(name, version):
            needed = sorted(graph[name])
            imports = "".join(f"import {one}\n" for one in needed) if by_import else ""
            seen = "".join(f"needed['{one}'] = sys.modules['{one}'].version\n" for one in needed)
            text = f"import sys\n{imports}needed = {{}}\n{seen}version = {version}"
            await store.set(base + Path(name), {"code": text, "requires": [] if by_import else needed})

        early = len(graph) // 2
        for name in list(graph)[:early]:
            await put(name, 1)
        root = await ModuleRoot.as_handler(store, errors=errors)
        for name in list(graph)[early:]:
            await put(name, 1)
            await anyio.wait_all_tasks_blocked()
        for name in steps & graph.keys():
            await put(name, 2)
            await anyio.wait_all_tasks_blocked()
        good = {
            name
            for name in graph
            if not any(one in reachable(one, graph) or one not in graph for one in {name, *reachable(name, graph)})
        }
        loaded = set(root)
        assert good <= loaded
        for name in good:
            module = sys.modules[name]
            assert module.version == (2 if name in steps else 1)
            assert module.needed == {one: sys.modules[one].version for one in graph[name]}
        wrong = {str(one.place) for one in await errors.list() if one.entry.resolved is None}
        assert wrong == graph.keys() - good
        assert all(root.problem(name) is not None for name in wrong)
        circles = {name for name in wrong if str(root.problem(name)).startswith(f"{name}: needs itself")}
        assert all(name in reachable(name, graph) for name in circles)
        assert bool(circles) == any(name in reachable(name, graph) for name in graph)
    assert not set(NAMES) & sys.modules.keys()


@given(graphs, st.booleans(), st.frozensets(st.sampled_from(NAMES)))
@settings(max_examples=60, deadline=None)
def test_what_can_be_loaded_is_and_the_rest_has_an_error(graph, by_import, steps):
    anyio.run(
        check, graph, by_import, steps, backend="trio", backend_options={"clock": MockClock(autojump_threshold=0)}
    )
