"""A whole demonstration whose job does not do what it should must fail."""

import pytest

from gateway.demo import Demo, jobs
from gateway.plugins import Plugins

pytestmark = pytest.mark.soak

NOTE = '                await _self.set(["dimmers", run, number % keep], turned)\n'


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.mark.parametrize(
    ("writes", "complaint"),
    [
        (
            '                if number % 9:\n                    await _self.set(["dimmers", run, number], turned)\n',
            "lost that a living receiver",
        ),
        (NOTE + '                await _self.set(["dimmers", run, number + 1000], turned)\n', "handled twice"),
    ],
    ids=["a job that drops some", "a job that does all twice"],
)
async def test_the_demo_tells_of_a_job_that_does_wrong(monkeypatch, writes, complaint):
    assert NOTE in jobs.NOTE_DIMMERS
    monkeypatch.setattr(jobs, "NOTE_DIMMERS", jobs.NOTE_DIMMERS.replace(NOTE, writes))
    summary = await Demo(Plugins.installed()).run(print)
    print(summary)
    assert not summary.ok
    assert any(complaint in error for error in summary.errors)
