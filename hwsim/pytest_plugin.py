"""pytest fixtures for projects that test against simulated hardware; loaded by pytest itself through the entry point.

Theory of operation
-------------------
1. `hwsim_house` is built from what is said most closely to the test: a parameter, the mark `hwsim`, or `house.toml`
   beside the test. Ports and paths that a scenario fixes are not taken: tests run in parallel.
2. It lives in the test's own event loop. Where trio's `MockClock` runs, everything is in memory and time is virtual.
3. What a failing test needs to be repeated and understood goes into its report: the seed, and the last traffic.
"""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Generator

    from hwsim.bench import OwserverBench, RadioBench
    from hwsim.clock import HouseTime
    from hwsim.house import House
    from hwsim.scenario import Scenario

BESIDE = "house.toml"
"""The scenario of a test whose mark names none, when it lies beside it."""
MARK = (
    "hwsim(scenario=None, *, seed=None, buses=None, memory=None): the simulated house of a test. scenario: a file, "
    "relative to the test's own, or TOML text; buses: a map from names to kinds instead; memory: whether buses are "
    "reached within the process"
)

_HOUSE: pytest.StashKey[House] = pytest.StashKey()
_SEED: pytest.StashKey[int] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add `--hwsim-seed`."""
    group = parser.getgroup("hwsim", "simulated hardware")
    group.addoption("--hwsim-seed", type=int, metavar="N", help="seed of simulated houses, where the test names none")


def pytest_configure(config: pytest.Config) -> None:
    """Make the mark known."""
    config.addinivalue_line("markers", MARK)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Put the seed and the last traffic into the report of a test that has failed."""
    report = yield
    if report.failed and report.when == "call" and (house := item.stash.get(_HOUSE, None)) is not None:
        from hwsim.account import account

        seed = item.stash[_SEED]
        report.sections.append(("hwsim", f"seed {seed} (--hwsim-seed={seed})\n{account(house)}"))
    return report


@pytest.fixture
def hwsim_seed(request: pytest.FixtureRequest) -> int | None:
    """The seed that the test's mark or `--hwsim-seed` gives; None: that of the scenario."""
    option: int | None = request.config.getoption("--hwsim-seed")
    marked: int | None = _marked(request).get("seed")
    return option if marked is None else marked


@pytest.fixture
async def hwsim_house(
    request: pytest.FixtureRequest, anyio_backend: Any, hwsim_seed: int | None
) -> AsyncIterator[House]:
    """A running house, for an async test.

    On asyncio, sticks are terminals and owservers listen on free ports of 127.0.0.1. On trio, sticks are in memory, as
    serial libraries need asyncio, and in virtual time (`MockClock`) the owservers too: `house.connect(url)` opens them.
    """
    from hwsim.clock import in_virtual_time
    from hwsim.house import House

    if not inspect.iscoroutinefunction(request.function):
        pytest.fail("hwsim_house lives in the event loop: make the test async, or run `hwsim serve` as a process")
    scenario = _scenario(request)
    if hwsim_seed is not None:
        scenario.house.seed = hwsim_seed
    memory: bool | None = _marked(request).get("memory")
    house = House(scenario)
    request.node.stash[_HOUSE], request.node.stash[_SEED] = house, scenario.house.seed
    on_trio = (anyio_backend if isinstance(anyio_backend, str) else anyio_backend[0]) == "trio"
    in_memory = in_virtual_time() if memory is None else memory
    async with house.running(ptys=not (on_trio if memory is None else memory), sockets=not in_memory):
        yield house


@pytest.fixture
def hwsim_clock(hwsim_house: House) -> HouseTime:
    """The time of the house: `now()` in seconds since its start, `sleep(seconds)`, and whether it is `virtual`."""
    return hwsim_house.time


@pytest.fixture
def hwsim_owserver(hwsim_house: House) -> OwserverBench:
    """The one owserver of the house. Without any scenario there is one, `onewire`, with nothing on it."""
    from hwsim.bench import OwserverBench

    return OwserverBench.of(hwsim_house)


@pytest.fixture
def hwsim_radio(hwsim_house: House) -> RadioBench:
    """The first radio stick of the house. Without any scenario there is one, `radio`, an RFXtrx."""
    from hwsim.bench import RadioBench

    return RadioBench.of(hwsim_house)


def _marked(request: pytest.FixtureRequest) -> dict[str, Any]:
    """What the marks of a test say; the closest mark goes before those of its class and module."""
    said: dict[str, Any] = {}
    for mark in request.node.iter_markers("hwsim"):
        given = dict(zip(["scenario"], mark.args, strict=False)) | mark.kwargs
        if len(mark.args) > 1 or (strange := set(given) - {"scenario", "seed", "buses", "memory"}):
            odd = ", ".join(map(repr, mark.args[1:] or sorted(strange)))
            raise pytest.UsageError(f"the mark hwsim has no use for {odd}; it takes {MARK.partition(':')[0]}")
        if {"scenario", "buses"} & set(said):  # a closer mark has another house
            given = {name: value for name, value in given.items() if name not in ("scenario", "buses")}
        said = given | said
    return said


def _scenario(request: pytest.FixtureRequest) -> Scenario:
    """The scenario of a test, with free ports and paths; a ScenarioError names its mistakes."""
    from hwsim.scenario_reader import read_scenario, read_scenario_file

    said, folder = _marked(request), request.path.parent
    wanted = getattr(request, "param", None) or said.get("scenario")
    if wanted is None and "buses" not in said and (folder / BESIDE).exists():
        wanted = BESIDE
    if wanted is None:
        scenario = read_scenario(_toml(said.get("buses") or _needed(request)), "the mark hwsim", folder)
    elif "\n" in str(wanted):
        scenario = read_scenario(str(wanted), "the mark hwsim", folder)
    else:
        scenario = read_scenario_file(folder / Path(wanted))
    for bus in scenario.buses:
        bus.port = None
    for stick in scenario.sticks:
        stick.path = None
    return scenario


def _needed(request: pytest.FixtureRequest) -> dict[str, str]:
    """The buses that the fixtures of a test need."""
    needed = {"hwsim_owserver": ("onewire", "onewire"), "hwsim_radio": ("radio", "rfxtrx")}
    return dict(bus for fixture, bus in needed.items() if fixture in request.fixturenames)


def _toml(buses: dict[str, str]) -> str:
    return "".join(f'[[bus]]\nname = "{name}"\nkind = "{kind}"\n' for name, kind in buses.items())
