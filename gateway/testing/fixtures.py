"""pytest fixtures for tests of jobs and of plugins; loaded by pytest itself through the entry point."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Generator
    from contextlib import AbstractAsyncContextManager

    from gateway.plugins import Plugins
    from gateway.testing.job_node import Shared
    from gateway.testing.jobs import JobNode

# So that the failures of the suites show the values.
pytest.register_assert_rewrite("gateway.testing.store_suite", "gateway.testing.driver_suite")

_SHARED: pytest.StashKey[Shared] = pytest.StashKey()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--busgate-seed``."""
    group = parser.getgroup("busgate")
    group.addoption("--busgate-seed", type=int, default=0, metavar="N", help="seed of all chance in nodes under test")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Put the seed, and what was wrong on the nodes of a test that has failed, into its report."""
    report = yield
    if report.failed and report.when == "call" and (shared := item.stash.get(_SHARED, None)) is not None:
        lines = [f"seed {shared.seed} (--busgate-seed={shared.seed})", *shared.notes]
        report.sections.append(("busgate", "\n".join(lines)))
    return report


@pytest.fixture(scope="session")
def busgate_plugins() -> Plugins:
    """The plugins that are installed."""
    from gateway.plugins import Plugins

    return Plugins.installed()


@pytest.fixture
def busgate_node(
    request: pytest.FixtureRequest, busgate_plugins: Plugins, anyio_backend: Any
) -> Callable[..., AbstractAsyncContextManager[JobNode]]:
    """Call it to run a node, in an async test; the nodes of one test see one store.

    As :func:`gateway.testing.job_node.job_node` without ``shared``: ``async with busgate_node(hwsim_house) as node``.
    """
    del anyio_backend  # it is asked for so that an async test needs no mark
    from gateway.testing import job_node

    shared = job_node.Shared(seed=request.config.getoption("--busgate-seed"), plugins=busgate_plugins)
    request.node.stash[_SHARED] = shared
    return partial(job_node.job_node, shared=shared)
