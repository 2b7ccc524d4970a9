"""ModuleRoot: stored modules are executed in order, can be imported, and are kept up to date."""

import importlib
import linecache
import sys
import threading
import traceback
from random import Random

import anyio
import pytest

from gateway.code import CodeRoot, ModuleEntry, ModuleRoot
from gateway.errors import CodeError, ModuleClash
from gateway.locations import Locations
from gateway.path import P, Path
from gateway.runner.error_log import ErrorLog
from gateway.store.memory import MemoryServer, MemoryStore
from gateway.testing.clocks import standing_time


@pytest.fixture(autouse=True)
def tidy():
    """What was in ``sys`` before is there afterwards, and nothing else of ours."""
    finders, names = list(sys.meta_path), set(sys.modules)
    yield
    assert sys.meta_path == finders
    left = {
        name for name in set(sys.modules) - names if str(getattr(sys.modules[name], "__file__", "")).startswith("<")
    }
    assert left == set()


def evaluate(text):
    """The value of ``result`` after a program has run."""
    space: dict[str, object] = {}
    exec(text, space)
    return space["result"]


@pytest.mark.parametrize(
    "text",
    [
        "import house.heating\nresult = house.heating.LIMIT",
        "import house.heating as h\nresult = h.LIMIT",
        "from house import heating\nresult = heating.LIMIT",
        "from house.heating import LIMIT as result",
        "import house\nresult = house.heating.LIMIT",
        "import importlib\nresult = importlib.import_module('house.heating').LIMIT",
        "import importlib\nresult = importlib.import_module('.heating', 'house').LIMIT",
    ],
)
async def test_all_forms_of_import_work(modules, text):
    await modules.put("house.heating", "LIMIT = 5")
    assert evaluate(text) == 5


async def test_moatkv_bug_11_import_of_a_dotted_name_whose_parent_is_no_module(modules):
    await modules.put("deep.down.below", "x = 1")
    import deep.down.below  # type: ignore[import-not-found]

    assert deep.down.below.x == 1
    assert deep.__name__ == "deep"
    assert await modules.open_errors() == {}


async def test_moatkv_bug_10_removing_a_module(modules):
    await modules.delete("never_there")
    await modules.put("mod_a", "x = 1")
    await modules.delete("mod_a")
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("mod_a")
    await modules.put("mod_a", "x = 2")
    assert importlib.import_module("mod_a").x == 2
    assert await modules.open_errors() == {}


async def test_all_is_executed_when_as_handler_returns(store):
    base = Locations().modules
    await store.set(base + P("m_a"), {"code": "import m_z\nx = m_z.x + 1"})
    await store.set(base + P("m_bad"), {"code": "1 / 0"})
    await store.set(base + P("m_z"), {"code": "from pack.one import y\nx = y + 1"})
    await store.set(base + P("pack.one"), {"code": "y = 1"})
    errors = ErrorLog(store, Locations(), "n1")
    root = await ModuleRoot.as_handler(store, errors=errors)
    assert list(root) == ["m_a", "m_z", "pack.one"]
    assert sys.modules["m_a"].x == 3
    (record,) = await errors.list()
    assert (record.subsystem, record.place, record.entry.message) == (
        "module",
        P("m_bad"),
        "m_bad, line 1: ZeroDivisionError: division by zero",
    )


async def test_requires_comes_first_even_without_an_import(modules):
    await modules.put("late", "import sys\nseen = 'early' in sys.modules", requires=["early"])
    assert await modules.problems() == {
        "late": "late: requires early, which is neither stored nor can it be imported here"
    }
    await modules.put("early", "")
    assert sys.modules["late"].seen is True
    assert await modules.open_errors() == {}


async def test_what_is_not_stored_but_importable_is_satisfied(modules):
    await modules.put("mod_a", "x = 1", requires=["json", "xml.etree.ElementTree"])
    assert list(modules.root) == ["mod_a"]


async def test_an_import_that_is_missing_heals_when_it_arrives(modules):
    await modules.put("top", "import middle\nx = middle.x")
    await modules.put("middle", "from lowest import x")
    problems = await modules.problems()
    assert problems["middle"] == "middle, line 1: ModuleNotFoundError: No module named 'lowest'"
    assert problems["top"].startswith(
        "top, line 1: ImportError: the stored module middle can't be loaded: middle, line 1"
    )
    await modules.put("lowest", "x = 7")
    assert sys.modules["top"].x == 7
    assert await modules.open_errors() == {}


async def test_an_import_by_a_computed_name_heals_too(modules):
    await modules.put("top", "import importlib\nx = importlib.import_module('low' + 'est').x")
    assert set(await modules.problems()) == {"top"}
    await modules.put("lowest", "x = 7")
    assert sys.modules["top"].x == 7
    await modules.put("lowest", "x = 8")
    assert sys.modules["top"].x == 8


async def test_imports_seen_at_execution_are_edges(store):
    """A name that is computed: it is loaded on the way, and its user is reloaded with it."""
    base = Locations().modules
    await store.set(base + P("m_a"), {"code": "import importlib\nz = importlib.import_module('m_' + 'z')\nx = z.x"})
    await store.set(base + P("m_z"), {"code": "x = 1"})
    root = await ModuleRoot.as_handler(store)
    assert list(root) == ["m_a", "m_z"]
    await store.set(base + P("m_z"), {"code": "x = 2"})
    await anyio.wait_all_tasks_blocked()
    assert sys.modules["m_a"].x == 2


async def test_a_cycle_names_its_members_and_heals(modules):
    await modules.put("m_a", "x = 1", requires=["m_b"])
    await modules.put("m_b", "import m_c")
    await modules.put("m_c", "x = 1", requires=["m_a"])
    await modules.put("m_user", "import m_a")
    problems = await modules.problems()
    assert problems["m_a"] == "m_a: needs itself: m_a -> m_b -> m_c -> m_a"
    assert problems["m_b"] == "m_b: needs itself: m_b -> m_c -> m_a -> m_b"
    assert problems["m_c"] == "m_c: needs itself: m_c -> m_a -> m_b -> m_c"
    assert "the stored module m_a can't be loaded" in problems["m_user"]
    assert list(modules.root) == []
    await modules.put("m_c", "x = 1")
    assert list(modules.root) == ["m_a", "m_b", "m_c", "m_user"]
    assert await modules.open_errors() == {}


async def test_a_module_that_requires_itself(modules):
    await modules.put("m_a", "", requires=["m_a"])
    assert await modules.problems() == {"m_a": "m_a: needs itself: m_a -> m_a"}


async def test_imports_within_functions_make_no_cycle(modules):
    await modules.put("m_a", "def f():\n    import m_b\n    return m_b.x")
    await modules.put("m_b", "from m_a import f\nx = 3")
    assert sys.modules["m_a"].f() == 3
    assert await modules.open_errors() == {}


async def test_a_package_with_code_may_import_what_is_in_it(store):
    base = Locations().modules
    await store.set(base + P("pack"), {"code": "from pack.inner import x\nimport pack.other\ny = pack.other.x"})
    await store.set(base + P("pack.inner"), {"code": "x = 1"})
    await store.set(base + P("pack.other"), {"code": "from .inner import x"})
    root = await ModuleRoot.as_handler(store)
    assert list(root) == ["pack", "pack.inner", "pack.other"]
    await store.set(base + P("pack.inner"), {"code": "x = 2"})
    await anyio.wait_all_tasks_blocked()
    assert evaluate("import pack\nresult = pack.x, pack.y, pack.inner.x, pack.other.x") == (2, 2, 2, 2)


async def test_a_package_that_gets_code_keeps_what_is_in_it(modules):
    await modules.put("pack.inner", "x = 1")
    await modules.put("pack", "y = 2")
    assert evaluate("import pack\nresult = pack.y, pack.inner.x") == (2, 1)
    await modules.delete("pack")
    assert evaluate("import pack.inner\nresult = pack.inner.x, hasattr(pack, 'y')") == (1, False)
    await modules.delete("pack.inner")
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("pack")


async def test_a_change_is_a_new_module_object(modules):
    """MoaT-KV executes into the old one, where old names stay."""
    await modules.put("pack.mod", "old = 1")
    before = sys.modules["pack.mod"]
    await modules.put("pack.mod", "new = 1")
    after = sys.modules["pack.mod"]
    assert after is not before
    assert (hasattr(after, "old"), hasattr(before, "old")) == (False, True)
    assert evaluate("import pack\nresult = pack.mod") is after


async def test_only_users_are_reloaded_and_told_in_order(modules):
    await modules.put("base", "x = 1\nlog = []")
    await modules.put("user_b", "import base\nx = base.x")
    await modules.put("user_a", "import user_b\nx = user_b.x")
    await modules.put("lazy", "def f():\n    import base\n    return base.x")
    await modules.put("other", "x = 1")
    before = {name: sys.modules[name] for name in modules.root}
    modules.told.clear()
    await modules.put("base", "x = 2")
    assert sys.modules["user_a"].x == 2
    assert {name for name in modules.root if sys.modules[name] is not before[name]} == {"base", "user_a", "user_b"}
    assert modules.told == [{"base", "user_a", "user_b", "lazy"}]
    assert sys.modules["lazy"].f() == 2


async def test_info_changes_nothing(modules):
    await modules.put("mod_a", "x = 1")
    before = sys.modules["mod_a"]
    modules.told.clear()
    await modules.put("mod_a", "x = 1", info="for people", colour="red")
    assert sys.modules["mod_a"] is before
    assert modules.told == []


@pytest.mark.parametrize(
    ("bad", "words"),
    [
        ("x = 2\n1 / 0", "mod_a, line 2: ZeroDivisionError"),
        ("x = 2\ny = (", "mod_a, line 2: '(' was never closed\n    y = (\n        ^"),
        ("raise SystemExit(3)", "mod_a, line 1: SystemExit: 3"),
        ("raise BaseExceptionGroup('all', [ValueError(1)])", "mod_a, line 1: "),
        ("import no_such_module", "mod_a, line 1: ModuleNotFoundError: No module named 'no_such_module'"),
    ],
)
async def test_a_failing_module_keeps_its_last_good_version(modules, bad, words):
    await modules.put("mod_a", "x = 1\ndef f():\n    return 1 / 0")
    await modules.put("user", "import mod_a")
    before = sys.modules["mod_a"], sys.modules["user"]
    modules.told.clear()
    await modules.put("mod_a", bad)
    assert (sys.modules["mod_a"], sys.modules["user"]) == before
    assert (await modules.problems())["mod_a"].startswith(words)
    assert modules.root.missing(["mod_a"]) == []
    assert not any(modules.told)
    with pytest.raises(ZeroDivisionError) as caught:
        sys.modules["mod_a"].f()
    assert 'File "<module mod_a>", line 3, in f\n    return 1 / 0' in "".join(traceback.format_exception(caught.value))
    await modules.put("mod_a", "x = 3")
    assert sys.modules["mod_a"].x == 3
    assert await modules.open_errors() == {}


async def test_what_is_no_module_keeps_the_last_good_version_too(modules):
    await modules.put("mod_a", "x = 1")
    await modules.put_map("mod_a", {"code": 7})
    assert sys.modules["mod_a"].x == 1
    assert await modules.problems() == {"mod_a": "mod_a: code: input should be a valid string, not 7"}
    assert isinstance(modules.root.problem("mod_a"), CodeError)


async def test_deleting_tells_who_needs_it(modules):
    await modules.put("base", "x = 1")
    await modules.put("user", "x = 1", requires=["base"])
    await modules.put("importer", "import base")
    await modules.delete("base")
    assert "base" not in sys.modules
    assert await modules.problems() == {
        "user": "user: requires base, which is neither stored nor can it be imported here",
        "importer": "importer, line 1: ModuleNotFoundError: No module named 'base'",
    }
    await modules.put("base", "x = 2")
    assert sys.modules["importer"].base.x == 2
    assert await modules.open_errors() == {}


@pytest.mark.parametrize("name", ["json", "json.mine", "sys", "os.path", "gateway", "gateway.mine", "colorsys"])
async def test_an_installed_module_is_never_hidden(modules, name):
    before = sys.modules.get(name)
    await modules.put(name, "x = 'mine'")
    assert "it would hide an installed module (" in (await modules.problems())[name]
    assert sys.modules.get(name) is before
    assert modules.root.missing([name]) == [name]
    await modules.delete(name)
    assert await modules.open_errors() == {}


async def test_an_installed_module_is_looked_for_without_running_it(modules):
    """Not even the packages above it are imported."""
    assert "xmlrpc.client" not in sys.modules
    await modules.put("xmlrpc.client", "")
    assert "xmlrpc.client" in await modules.problems()
    assert "xmlrpc" not in sys.modules


async def test_a_folder_on_the_path_is_no_obstacle_to_what_is_below(modules, tmp_path, monkeypatch):
    (tmp_path / "folder_x" / "sub").mkdir(parents=True)
    (tmp_path / "folder_x" / "real.py").write_text("x = 'real'")
    monkeypatch.syspath_prepend(tmp_path)
    await modules.put("folder_x.mine", "x = 'mine'")
    await modules.put("folder_x.real", "x = 'mine'")
    assert evaluate("import folder_x.mine, folder_x.real\nresult = folder_x.mine.x, folder_x.real.x") == (
        "mine",
        "real",
    )
    assert set(await modules.problems()) == {"folder_x.real"}
    sys.modules.pop("folder_x.real")


@pytest.mark.parametrize("path", [Path("a", 1), Path("a.b"), Path("class"), Path("two words"), Path()])
async def test_a_path_that_is_no_name(modules, path):
    await modules.store.set(Locations().modules + path, {"code": ""})
    await anyio.wait_all_tasks_blocked()
    assert str(path) in await modules.problems()
    await modules.store.delete(Locations().modules + path)
    await anyio.wait_all_tasks_blocked()
    assert await modules.open_errors() == {}


async def test_tracebacks_show_the_stored_path_and_line(modules):
    await modules.put("pack.mod", "def f():\n    return 1 / 0\n\nx = f()")
    record = (await modules.open_errors())["pack.mod"]
    assert record.message == "pack.mod, line 4: ZeroDivisionError: division by zero"
    assert record.data == {"line": 4}
    assert record.traceback.startswith(
        'Traceback (most recent call last):\n  File "<module pack.mod>", line 4, in <module>\n    x = f()'
    )
    assert 'File "<module pack.mod>", line 2, in f\n    return 1 / 0' in record.traceback
    assert "importlib" not in record.traceback
    assert "<module pack.mod>" not in linecache.cache


async def test_dataclasses_find_their_module(modules):
    text = (
        "from __future__ import annotations\nfrom dataclasses import dataclass\n@dataclass\nclass A:\n    x: int = 1\n"
    )
    await modules.put("mod_a", text)
    assert sys.modules["mod_a"].A().x == 1
    assert sys.modules["mod_a"].A.__module__ == "mod_a"


async def test_stored_code_can_look_for_a_module_that_is_broken(modules):
    await modules.put("mod_a", "1 / 0")
    with pytest.raises(ImportError, match=r"the stored module mod_a can't be loaded: mod_a, line 1: ZeroDivisionError"):
        importlib.import_module("mod_a")


async def test_a_module_may_put_something_else_in_its_place(modules):
    await modules.put("mod_a", "import sys\nsys.modules[__name__] = 7")
    assert evaluate("import mod_a as result") == 7
    await modules.put("mod_a", "x = 1")
    assert sys.modules["mod_a"].x == 1
    await modules.put("mod_a", "import sys\nsys.modules[__name__] = 8")
    await modules.delete("mod_a")
    assert "mod_a" not in sys.modules


async def test_a_module_that_takes_itself_out_is_not_there(modules):
    await modules.put("mod_a", "import sys\ndel sys.modules[__name__]")
    assert modules.root.missing(["mod_a"]) == ["mod_a"]
    assert list(modules.root) == []
    assert await modules.problems() == {"mod_a": "mod_a: KeyError: 'mod_a'"}


async def test_a_thread_can_import(modules):
    await modules.put("pack.mod", "x = 1")
    found = []
    thread = threading.Thread(target=lambda: found.append(evaluate("from pack.mod import x as result")))
    with standing_time():
        thread.start()
        thread.join()
    assert found == [1]


async def test_closing_the_store_takes_everything_out(clock):
    before = list(sys.meta_path)
    async with MemoryStore(MemoryServer(Random(1)), clock=clock(), random=Random(1), node="n1") as store:
        await store.set(Locations().modules + P("pack.mod"), {"code": "x = 1"})
        await ModuleRoot.as_handler(store)
        assert evaluate("import pack.mod\nresult = pack.mod.x") == 1
        assert sys.meta_path != before
    assert sys.meta_path == before
    assert not {"pack", "pack.mod"} & sys.modules.keys()
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module("pack.mod")


class TestTwoStores:
    @pytest.fixture
    def open_store(self, clock):
        return lambda server, node="n2": MemoryStore(server, clock=clock(), random=Random(2), node=node)

    async def test_different_code_is_a_clash(self, modules, open_store):
        await modules.put("mod_a", "x = 1")
        async with open_store(MemoryServer(Random(2))) as other:
            await other.set(Locations().modules + P("mod_a"), {"code": "x = 2"})
            await other.set(Locations().modules + P("mod_b"), {"code": "x = 2"})
            root = await ModuleRoot.as_handler(other)
            assert isinstance(root.problem("mod_a"), ModuleClash)
            assert list(root) == ["mod_b"]
            assert sys.modules["mod_a"].x == 1
            (record,) = await ErrorLog(other, Locations(), "").list()
            assert (record.subsystem, record.place) == ("module", P("mod_a"))
            assert "another store in this process has different code" in record.entry.message
            await other.set(Locations().modules + P("mod_a"), {"code": "x = 1"})
            await anyio.wait_all_tasks_blocked()
            assert root.problem("mod_a") is None
        assert sys.modules["mod_a"].x == 1

    async def test_a_clash_heals_when_the_other_store_is_closed(self, modules, open_store):
        async with open_store(MemoryServer(Random(2))) as other:
            await other.set(Locations().modules + P("mod_a"), {"code": "x = 2"})
            await ModuleRoot.as_handler(other)
            await modules.put("mod_a", "x = 1")
            assert isinstance(modules.root.problem("mod_a"), ModuleClash)
        await anyio.wait_all_tasks_blocked()
        assert modules.root.problem("mod_a") is None
        assert sys.modules["mod_a"].x == 1

    async def test_both_stores_may_change_their_code_one_after_the_other(self, modules, open_store):
        await modules.put("mod_a", "x = 1")
        async with open_store(MemoryServer(Random(2))) as other:
            await other.set(Locations().modules + P("mod_a"), {"code": "x = 1"})
            root = await ModuleRoot.as_handler(other)
            await modules.put("mod_a", "x = 2")
            assert isinstance(modules.root.problem("mod_a"), ModuleClash)
            assert sys.modules["mod_a"].x == 1
            await other.set(Locations().modules + P("mod_a"), {"code": "x = 2"})
            await anyio.wait_all_tasks_blocked()
            assert sys.modules["mod_a"].x == 2
            assert [one.problem("mod_a") for one in (root, modules.root)] == [None, None]
            assert await modules.open_errors() == {}
        assert sys.modules["mod_a"].x == 2

    async def test_the_same_code_is_shared(self, modules, open_store):
        await modules.put("pack.mod", "x = 1")
        before = sys.modules["pack.mod"]
        async with open_store(MemoryServer(Random(2))) as other:
            await other.set(Locations().modules + P("pack.mod"), {"code": "x = 1"})
            root = await ModuleRoot.as_handler(other)
            assert root.problem("pack.mod") is None
            assert sys.modules["pack.mod"] is before
        assert evaluate("import pack.mod\nresult = pack.mod.x") == 1

    async def test_two_nodes_of_one_store(self, store, open_store):
        base = Locations().modules
        await store.set(base + P("low"), {"code": "x = 1"})
        await store.set(base + P("high"), {"code": "import low\nx = low.x"})
        first = await ModuleRoot.as_handler(store)
        async with open_store(store._server) as other:
            second = await ModuleRoot.as_handler(other)
            await store.set(base + P("low"), {"code": "x = 2"})
            await anyio.wait_all_tasks_blocked()
            assert sys.modules["high"].x == 2
            assert [list(root) for root in (first, second)] == [["high", "low"]] * 2
            assert [root.problem(name) for root in (first, second) for name in ("high", "low")] == [None] * 4
        assert evaluate("import high\nresult = high.x") == 2


class TestProcedures:
    @pytest.fixture
    async def code(self, store, modules):
        return await CodeRoot.as_handler(store, modules=modules.root)

    async def put(self, store, path, text, **fields):
        await store.set(Locations().procedures + P(path), {"code": text, **fields})
        await anyio.wait_all_tasks_blocked()

    async def test_a_call_uses_the_newest(self, store, modules, code):
        await modules.put("pack.mod", "x = 1")
        await self.put(store, "proc", "from pack.mod import x\nreturn x", requires=["pack.mod"])
        assert code("proc") == 1
        await modules.put("pack.mod", "x = 2")
        assert code("proc") == 2

    async def test_only_users_are_told(self, store, modules, code):
        await modules.put("low", "x = 1")
        await modules.put("high", "import low")
        for path, text, requires in [
            ("requiring", "", ["low"]),
            ("importing", "import low", []),
            ("deep", "def f():\n    from high import low\nreturn f()", []),
            ("dynamic", "import importlib\nreturn importlib.import_module('high')", []),
            ("other", "import json", ["json"]),
        ]:
            await self.put(store, path, text, requires=requires)
        told: list[str] = []
        with code.listener(lambda path: told.append(str(path))):
            await modules.put("low", "x = 2")
        assert sorted(told) == ["deep", "dynamic", "importing", "requiring"]

    async def test_a_stored_module_that_is_broken_is_missing(self, store, modules, code):
        await modules.put("mod_a", "1 / 0")
        await self.put(store, "proc", "return 1", requires=["mod_a"])
        with pytest.raises(CodeError, match="proc: requires mod_a, which can't be imported here"):
            code("proc")
        await modules.put("mod_a", "")
        assert code("proc") == 1


def test_a_record_keeps_everything():
    value = {"code": "x = 1", "requires": ["json"], "info": "i", "mine": 3}
    assert ModuleEntry.from_map(value).to_map() == value
    assert ModuleEntry.from_map({"code": "", "requires": [P("a.b"), ["c", "d"]]}).requires == ["a.b", "c.d"]
