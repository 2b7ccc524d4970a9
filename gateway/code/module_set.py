"""The modules of a store in this process: which are loaded, in what order they are reloaded, what is wrong with them.

Theory of operation
-------------------
1. What a module *needs* before it: the names it ``requires``, and what its text imports at its top. What it *prefers*
   before it: what its functions import, what it was seen to import, and the packages around it.
2. A round takes changed names and goes through them and their users in the order of needs. It executes what has
   changed, what uses something that was swapped in this round, and what could not be loaded before.
3. When a module can't be loaded, the last version that worked stays in use. A cycle of needs is refused as a whole.
   A module that waits for another is a user of it, although that isn't there: so its arrival heals.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from gateway.code.dependencies import ancestors, arrange, with_users
from gateway.code.imports import imports
from gateway.code.installed import installed
from gateway.code.module_entry import ModuleEntry, package_of, runs_in_circles, shadows
from gateway.code.module_finder import Loaded, ModuleFinder, Source, Trace
from gateway.code.requires import missing
from gateway.errors import CodeError, ModuleClash, RecordError
from gateway.path import Path

if TYPE_CHECKING:
    from collections.abc import Set


@dataclass(frozen=True, slots=True)
class Stored:
    """A module as it stands in the store; without an ``entry``, ``problem`` says why it is none."""

    entry: ModuleEntry | None
    needs: frozenset[str] = frozenset()
    later: frozenset[str] = frozenset()
    problem: CodeError | None = None


class Failure(NamedTuple):
    """Why a module can't be loaded."""

    problem: CodeError | ModuleClash
    traceback: str = ""


class Round(NamedTuple):
    """What a round has done.

    Attributes:
        changed: the names that give other code now, and all that use them.
        looked_at: whose failure may be another one now, or none.
    """

    changed: frozenset[str]
    looked_at: list[str]


class ModuleSet:
    """The modules of one store.

    Attributes:
        stored: what stands in the store, by name.
        failures: why what stands there is not in use.
        finder: holds what is in use.
    """

    def __init__(self, store: str) -> None:
        self.stored: dict[str, Stored] = {}
        self.failures: dict[str, Failure] = {}
        self.finder = ModuleFinder(store)
        self._packages: Set[str] = frozenset()

    def put(self, name: str, value: Any) -> bool:
        """Take what stands in the store; whether that changes what the module does."""
        old = self.stored.get(name)
        self.stored[name] = new = _read(name, value)
        if old is not None and old.entry is not None and new.entry is not None and old.entry.does_the_same(new.entry):
            return False
        self.finder.seen.pop(name, None)
        return True

    def drop(self, name: str) -> bool:
        """Take note that the module was deleted; whether there was one."""
        return self.stored.pop(name, None) is not None

    def is_there(self, name: str) -> bool:
        """Whether a name can be imported: a stored one must be in use, others must be on Python's path."""
        return name in self.finder.loaded if name in self.stored else not missing([name])

    def reload(self, names: Set[str]) -> Round:
        """Load what has changed, and what depends on it; see above."""
        affected = with_users(names, self._users(around=True))
        retried = affected & self.failures.keys()
        before = dict(self.finder.loaded)
        swapped = self._forget(names - self.stored.keys())
        needs = {name: one.needs for name, one in self.stored.items() if name in affected}
        order = arrange(needs, self._preferences())  # a cycle is affected as a whole
        for name in needs:
            self._judge(name, order.cycles)
        uses = self._users()
        for name in order.names:
            wanted = name in names or name in retried or uses[name] & swapped
            if wanted and name not in self.failures and self._load(name, before.get(name)):
                swapped.add(name)
        packages = {package for name in self.stored for package in ancestors(name)} - self.stored.keys()
        swapped |= packages ^ self._packages
        self._packages = packages
        return Round(frozenset(with_users(swapped, self._users(later=True))), sorted(affected))

    def _users(self, *, around: bool = False, later: bool = False) -> dict[str, Set[str]]:
        """What each module uses; also the packages around it, or what its functions import."""
        found: dict[str, Set[str]] = {}
        for name, one in self.stored.items():
            used = one.needs | self.finder.seen.get(name, set())
            found[name] = used | (set(ancestors(name)) if around else set()) | (one.later if later else set())
        return found

    def _preferences(self) -> dict[str, Set[str]]:
        return {
            name: one.later | self.finder.seen.get(name, set()) | set(ancestors(name))
            for name, one in self.stored.items()
        }

    def _forget(self, names: Set[str]) -> set[str]:
        gone = {name for name in names if name in self.finder.loaded}
        for name in names:
            self.failures.pop(name, None)
            self.finder.problems.pop(name, None)
            self.finder.sources.pop(name, None)
            self.finder.unload(name)
        return gone

    def _judge(self, name: str, cycles: list[tuple[str, ...]]) -> None:
        """Find what makes it impossible to load a module, before any is executed."""
        stored = self.stored[name]
        self.failures.pop(name, None)
        self.finder.problems.pop(name, None)
        if stored.entry is not None:
            self.finder.sources[name] = Source(_path(name), stored.entry.code, stored.needs)
        cycle = next((one for one in cycles if name in one), None)
        if stored.problem is not None:
            self._fail(name, stored.problem)
        elif place := installed(name):
            self._fail(name, shadows(_path(name), place))
        elif self.finder.clashes(name):
            self._fail(name, ModuleClash(name))
        elif cycle is not None:
            self._fail(name, runs_in_circles(_path(name), cycle))

    def _load(self, name: str, before: Loaded | None) -> bool:
        """Execute a module; whether another one is in use now."""
        entry = self.stored[name].entry
        assert entry is not None
        if lacking := [one for one in entry.requires if not self.is_there(one)]:
            self._fail(name, CodeError(_path(name), "requires " + "; ".join(map(self._lack, lacking))))
            return False
        if self.finder.loaded.get(name) is not before:
            return True  # another one has imported it in this round
        try:
            self.finder.load(name)
        except KeyboardInterrupt:
            raise
        except BaseException as error:  # noqa: BLE001 - SystemExit of stored code is an error of that code alone
            self._note(name, error)
            return False
        return True

    def _note(self, name: str, error: BaseException) -> None:
        """Keep what a module has raised, in words."""
        from gateway.runner.error_log import describe
        from gateway.runner.watchdog import LoopBlocked

        if isinstance(error, CodeError) and error.path == _path(name):
            self._fail(name, error)
        else:
            trace = self.finder.traces.pop(name, Trace(None, ""))
            words = str(error) if isinstance(error, LoopBlocked) else describe(error)
            self._fail(name, CodeError(_path(name), words, trace.line), trace.text)

    def _lack(self, name: str) -> str:
        return f"{name}, which " + (
            "is stored but can't be loaded" if name in self.stored else "is neither stored nor can it be imported here"
        )

    def _fail(self, name: str, problem: CodeError | ModuleClash, traceback: str = "") -> None:
        self.failures[name] = Failure(problem, traceback)
        self.finder.problems[name] = problem


def _read(name: str, value: Any) -> Stored:
    try:
        entry = ModuleEntry.from_map(value)
    except RecordError as error:
        return Stored(None, problem=CodeError(_path(name), str(error)))
    found = imports(entry.code, package_of(name))
    return Stored(entry, (found.at_once - {name}) | {*entry.requires}, found.later - {name})


def _path(name: str) -> Path:
    return Path(*name.split("."))
