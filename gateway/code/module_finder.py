"""Makes the stored modules of one store importable: a finder and loader at the end of ``sys.meta_path``.

Theory of operation
-------------------
1. ``sys.modules`` and ``sys.meta_path`` are the only state of the process. Each store has a finder of its own; finders
   see each other in ``sys.meta_path``.
2. ``load`` takes the old module out of ``sys.modules`` and has Python import the name anew, so that Python's locks
   hold off threads that import it meanwhile. If that fails, the old module is back, in its package too.
3. A module that imports one that is stored but not loaded yet has it loaded on the way. What a text was seen to import
   is noted (``seen``): what Python had to look for, and where its globals come from when it has been executed.
4. All modules count as packages, as modules below them may arrive at any time. What has no code but modules below it
   is an empty package. Relative imports still start at the module's parent, as in a file.
5. Several finders may hold one module object: nodes of one process on one store. A module is taken over from another
   finder if its text is the same and what it has imported is still in use. It leaves with the last one that holds it.
"""

from __future__ import annotations

import builtins
import importlib
import importlib.machinery
import sys
import traceback
import types
import weakref
from dataclasses import dataclass, field
from importlib.abc import Loader, MetaPathFinder
from typing import TYPE_CHECKING, Any, NamedTuple

from gateway.code.compile import compile_module, hide_text, show_text
from gateway.code.dependencies import ancestors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

    from gateway.path import Path


@dataclass(frozen=True, slots=True)
class Source:
    """The text of a module as it stands in the store; ``uses``: what it requires or imports at its top."""

    path: Path
    text: str
    uses: frozenset[str]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A module that has been executed.

    Attributes:
        used: the stored modules that it uses, as they were when it was executed.
    """

    module: types.ModuleType
    source: Source
    filename: str
    forget: weakref.finalize[Any, Any]
    used: dict[str, types.ModuleType] = field(default_factory=dict)

    def fresh(self) -> bool:
        """Whether what it uses is still in use."""
        return all(sys.modules.get(name) is module for name, module in self.used.items())


class Trace(NamedTuple):
    """Where a module has failed: its line, and the traceback from there on, as Python prints it."""

    line: int | None
    text: str


class ModuleFinder(MetaPathFinder, Loader):
    """Finds and executes the modules of one store.

    Attributes:
        store: the store's id.
        sources: all stored texts, by the modules' names.
        loaded: what is in use.
        problems: why a module that isn't in use can't be.
        seen: for each name, the modules that it was seen to import.
        traces: where the code of a module has failed.
        on_change: called when another finder's modules have changed.
        loading: what it is about to execute.
    """

    def __init__(self, store: str) -> None:
        self.store = store
        self.sources: dict[str, Source] = {}
        self.loaded: dict[str, Loaded] = {}
        self.problems: dict[str, Exception] = {}
        self.seen: dict[str, set[str]] = {}
        self.traces: dict[str, Trace] = {}
        self.on_change: Callable[[], None] = lambda: None
        self.loading: list[str] = []
        self._executing: list[str] = []

    def install(self) -> None:
        sys.meta_path.append(self)

    def remove(self) -> None:
        """Take the finder and all its modules out of ``sys``."""
        self.sources.clear()
        for name in list(self.loaded):
            self.unload(name)
        if self in sys.meta_path:
            sys.meta_path.remove(self)
        held = {name for one in finders() for name in one.loaded}
        for name, module in list(sys.modules.items()):
            if loader_of(module) is self and name not in held:
                _take_out(name)
        self.tell_others()

    def clashes(self, name: str) -> bool:
        """Whether another store uses different code for a name, and doesn't want ours either."""
        text = self.sources[name].text
        others = [one for one in finders() if one.store != self.store and name in one.loaded]
        return any(
            text != one.loaded[name].source.text and (name not in one.sources or text != one.sources[name].text)
            for one in others
        )

    def tell_others(self) -> None:
        """Let the other finders look again at what clashed."""
        for one in finders():
            if one is not self:
                one.on_change()

    def load(self, name: str) -> None:
        """Execute a module into a new object and use that from now on.

        Raises: what its code raises; then the old one is still in use.
        """
        if (shared := self._shared(name)) is not None:
            self.loaded[name] = shared
            _put_in(name, shared.module)
            return
        old = sys.modules.pop(name, None)
        before = self.loaded.pop(name, None)
        if before is not None:
            hide_text(before.filename)
        self.loading.append(name)
        try:
            importlib.import_module(name)
        except BaseException:
            self.loaded.pop(name, None)
            if before is not None:
                show_text(before.filename, before.source.text)
                self.loaded[name] = before
            if old is not None:
                _put_in(name, old)
            raise
        finally:
            self.loading.remove(name)
        if before is not None and before.filename == self.loaded[name].filename:
            before.forget.detach()

    def unload(self, name: str) -> None:
        """Take a module out of use; where other finders hold it, it stays."""
        gone = self.loaded.pop(name, None)
        self.seen.pop(name, None)
        heir = next((one.loaded[name] for one in finders() if one is not self and name in one.loaded), None)
        if gone is not None and (heir is None or sys.modules.get(name) is gone.module):
            _take_out(name)  # without an heir whatever is there: a module may have put something else in its place
            if heir is not None:
                _put_in(name, heir.module)
        for package in reversed(ancestors(name)):
            found = sys.modules.get(package)
            if isinstance(loader_of(found), ModuleFinder) and not any(one.knows(package) for one in finders()):
                _take_out(package)

    def knows(self, name: str) -> bool:
        """Whether a module of that name, or one below it, is stored."""
        return name in self.sources or any(one.startswith(name + ".") for one in self.sources)

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: types.ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        """What Python asks; ImportError with the reason for a stored module that can't be used."""
        for one in finders():
            if one is not self and one.loading and one.knows(fullname):
                return one.spec(fullname)  # Python asks the oldest finder first, but that one is at it
        return self.spec(fullname)

    def spec(self, fullname: str) -> importlib.machinery.ModuleSpec | None:
        """How this finder would load a name; ImportError if it is stored and can't be loaded."""
        if self._executing:
            self.seen.setdefault(self._executing[-1], set()).add(fullname)  # even if it isn't there: it may arrive
        problem = self.problems.get(fullname)
        if problem is not None and fullname not in self.loaded and fullname not in self.loading:
            raise ImportError(f"the stored module {fullname} can't be loaded: {problem}", name=fullname) from problem
        if not self.knows(fullname):
            return None
        return importlib.machinery.ModuleSpec(fullname, self, origin=f"<module {fullname}>")

    def create_module(self, spec: importlib.machinery.ModuleSpec) -> types.ModuleType | None:
        """The module in use, should a thread look for it right now; else Python makes a new one."""
        found = self.loaded.get(spec.name)
        return None if found is None or spec.name in self.loading else found.module

    def exec_module(self, module: types.ModuleType) -> None:
        """Execute a module; one without code is an empty package."""
        name = module.__name__
        if (found := self.loaded.get(name)) is not None and found.module is module:
            return
        module.__path__ = []
        _show_children(module)
        if name in self.sources:
            self._execute(module, self.sources[name])
            _show_children(module)

    def _execute(self, module: types.ModuleType, source: Source) -> None:
        from gateway.runner.watchdog import MARK

        name = module.__name__
        code = compile_module(source.path, source.text)
        filename = code.co_filename
        show_text(filename, source.text)
        forget = weakref.finalize(module, hide_text, filename)
        forget.atexit = False
        module.__file__ = filename
        vars(module).update({"__builtins__": builtins, MARK: f"module {name}"})
        self.seen.setdefault(name, set())
        self._executing.append(name)
        try:
            exec(code, vars(module))
        except BaseException as error:
            self.traces[name] = _trace(error)
            forget()
            raise
        finally:
            self._executing.remove(name)
            vars(module).pop(MARK, None)
        self.seen[name] |= set(_origins(module)) - {name}
        known = [one for one in self.seen[name] | source.uses if one in self.sources and one in sys.modules]
        used = {one: sys.modules[one] for one in known}
        self.loaded[name] = Loaded(module, source, filename, forget, used)

    def _shared(self, name: str) -> Loaded | None:
        """What another finder has made of the same text, unless what it uses has changed since."""
        text = self.sources[name].text
        for one in finders():
            found = one.loaded.get(name)
            if one is not self and found is not None and found.source.text == text and found.fresh():
                self.seen[name] = set(one.seen.get(name, ()))
                return found
        return None


def finders() -> Iterator[ModuleFinder]:
    """The finders of all stores that are open in this process."""
    return iter([one for one in sys.meta_path if isinstance(one, ModuleFinder)])


def _trace(error: BaseException) -> Trace:
    """Of an error in the calling frame; to be made while the text can be shown."""
    start = error.__traceback__.tb_next if error.__traceback__ else None
    text = "".join(traceback.format_exception(type(error), error, start))
    return Trace(start.tb_lineno if start else None, text)


def loader_of(module: types.ModuleType | None) -> object:
    """What has loaded a module, if that is known."""
    return getattr(getattr(module, "__spec__", None), "loader", None)


def _put_in(name: str, module: types.ModuleType) -> None:
    sys.modules[name] = module
    parent, _, last = name.rpartition(".")
    if parent in sys.modules:
        setattr(sys.modules[parent], last, module)


def _take_out(name: str) -> None:
    module = sys.modules.pop(name, None)
    parent, _, last = name.rpartition(".")
    package = sys.modules.get(parent)
    if package is not None and getattr(package, last, None) is module:
        delattr(package, last)


def _show_children(package: types.ModuleType) -> None:
    """Give a new package what has been imported below it."""
    start = package.__name__ + "."
    for name, module in list(sys.modules.items()):
        if name.startswith(start) and "." not in name[len(start) :]:
            setattr(package, name[len(start) :], module)


def _origins(module: types.ModuleType) -> Iterator[str]:
    """Where the modules, classes and functions among a module's globals are from."""
    for value in list(vars(module).values()):
        if isinstance(value, types.ModuleType):
            yield value.__name__
        elif isinstance(value, type | types.FunctionType):
            yield value.__module__
