"""The clock and the limits of a machine."""

from dataclasses import replace

import pytest

from gateway.doctor.clock import check_clock
from gateway.doctor.limits import check_limits
from gateway.doctor.machine import Machine, kernel_says_synchronised, may_use

NOW = 1_800_000_000.0


@pytest.mark.parametrize(("kernel", "mark", "level"), [
    (True, False, "ok"), (False, True, "ok"), (None, True, "ok"), (False, False, "warning"), (None, False, "warning")
])  # fmt: skip
def test_a_clock_is_believed_when_something_keeps_it_right(make_machine, kernel, mark, level):
    machine = make_machine(synchronised=lambda: kernel)
    if mark:
        (machine.run / "systemd/timesync").mkdir(parents=True)
        (machine.run / "systemd/timesync/synchronized").touch()
    (found,) = check_clock(machine, NOW)
    assert found.level == level
    assert ("timedatectl" in found.advice) == (level != "ok")
    assert "2027-01-15 08:00:00 UTC" in found.message


def test_a_pi_without_a_clock_at_boot(make_machine):
    (found,) = check_clock(make_machine(synchronised=lambda: True), 12.0)
    assert found.level == "problem"
    assert "1970-01-01" in found.message


def test_the_real_machine_can_be_asked(tmp_path):
    assert kernel_says_synchronised() in (True, False, None)
    assert may_use(tmp_path)
    assert not may_use(tmp_path / "nothing")
    assert Machine().open_files() > 0


def test_a_low_limit_is_a_warning(machine):
    assert [one.level for one in check_limits(replace(machine, open_files=lambda: 1024), [])] == ["ok"]
    (found,) = check_limits(replace(machine, open_files=lambda: 256), [])
    assert (found.level, "ulimit -n" in found.advice) == ("warning", True)


@pytest.mark.parametrize(("count", "level"), [(8, "ok"), (9, "warning")])
def test_a_node_near_its_limit(machine, count, level):
    machine.process(7, "busgate", *["/dev/null"] * count)
    _, found = check_limits(machine, [("attic", 7), ("gone", 8)])
    assert (found.subject, found.level) == ("attic", level)
    assert found.message == f"node attic (pid 7) has {count} of 10 files open"
