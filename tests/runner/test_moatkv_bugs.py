"""The bugs of MoaT-KV 0.71 that no version of this may have: a test for each, here or where the list says.

times of 32 bits: test_times_are_not_rounded_to_128_seconds
`await cancel()` fails: tests/runner/test_call_admin.py test_everything_can_be_cancelled_with_and_without_await
`_self.get` works in no form: tests/runner/test_call_admin.py test_get_of_an_absent_entry
a cancelled run is a success: tests/runner/test_changes.py test_target_null_stops_and_a_stop_is_no_success
a full queue makes a job deaf for good: tests/runner/test_overflow.py test_stall_ends_a_run_that_does_not_end
complete after a node was lost: tests/runner/test_all_nodes.py test_no_complete_state_after_a_node_was_lost
failover takes minutes: tests/runner/test_any_node.py test_it_goes_on_elsewhere_when_its_node_dies
listens on every address: tests/acceptance/test_sockets.py test_a_node_listens_nowhere
no server, no runners: tests/runner/test_processes.py test_jobs_run_on_and_their_states_are_written_later
removing code is a TypeError: tests/code/test_root.py test_codes_removed_or_never_there_are_no_error
removing a module is an AttributeError: tests/code/test_modules.py test_moatkv_bug_10_removing_a_module
`import a.b` fails: tests/code/test_modules.py test_moatkv_bug_11_import_of_a_dotted_name_whose_parent_is_no_module
the runner loads no modules: tests/runner/test_modules.py test_a_job_imports_a_stored_module
settings of a group are ignored: tests/runner/test_all_nodes.py test_new_settings_are_told_at_once
`code module set` is inverted: tests/cli/test_code_module.py test_a_module_goes_in_and_comes_out
the help names another default: test_no_help_contradicts_a_default
async code can't become sync: tests/cli/test_code.py test_a_mode_can_be_changed_back
a late saver overwrites the winner: tests/runner/test_any_node_faults.py test_a_late_write_does_not_land
`pinged` is never written: tests/runner/test_single.py test_signs_of_life
a stray quote in a default location: test_default_locations_have_no_stray_characters
"""

import re
from dataclasses import fields
from pathlib import Path as File

import anyio
import pytest

from gateway.cli.main import run
from gateway.locations import Locations
from gateway.path import P
from gateway.runner import RunnerEntry

ROOT = File(__file__).parents[2]
COVERED = re.findall(r"^[^\n]+: (?:(tests/\S+) )?(test_\w+)$", __doc__, re.MULTILINE)


def test_every_bug_has_its_test():
    assert len(COVERED) == 20
    for file, name in COVERED:
        assert f"def {name}(" in (ROOT / file if file else File(__file__)).read_text(), name


async def test_times_are_not_rounded_to_128_seconds(node):
    """MoaT-KV packed each float in 32 bits: jobs due within two minutes ran all at once, readings lost digits."""
    await node.code("a", "return x", is_async=None, vars=["x"])
    base = node.clock.now() + 100.25
    for number in range(20):
        await node.job(f"j{number}", "a", target=base + number, data={"x": 21.37})
    await anyio.sleep(150)
    for number in range(20):
        state = await node.state(f"j{number}")
        assert (state.served, state.result) == (base + number, 21.37)
        assert state.started == pytest.approx(base + number, abs=0.01, rel=0)


def test_no_help_contradicts_a_default(capsys):
    """MoaT-KV's help said 1.4 of a backoff that is 1.1."""
    assert run(["run", "set", "--help"]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "default" not in text.lower()
    assert (RunnerEntry().backoff, RunnerEntry().delay) == (1.1, 100)
    page = (ROOT / "docs" / "jobs.md").read_text()
    assert "| `backoff` | 1.1 |" in page
    assert "| `delay` | 100 |" in page


def test_default_locations_have_no_stray_characters():
    """MoaT-KV's default of 2024 for its jobs ended with a quote, which became part of each path."""
    shown = (ROOT / "config" / "gateway.toml").read_text()
    for field in fields(Locations):
        text = str(getattr(Locations(), field.name))
        assert re.fullmatch(r":\.moat\.kv\.[a-z.]+", text), text
        assert P(text) == getattr(Locations(), field.name)
        assert f'{field.name} = "{text}"' in shown
