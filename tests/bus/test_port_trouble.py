"""A port that can't be opened says why, and what to do."""

import errno
import fcntl
import grp
import os
from pathlib import Path

import pytest

from gateway.bus.port_trouble import explain, holders


def error(number, cause=None):
    found = OSError(number, os.strerror(number))
    found.__cause__ = cause
    return found


@pytest.fixture
def by_id(tmp_path):
    folder = tmp_path / "by-id"
    folder.mkdir()
    return folder


@pytest.mark.parametrize("number", [errno.ENOENT, errno.ENODEV, errno.ENXIO])
def test_a_missing_port_names_what_is_plugged_in(by_id, number):
    wanted = f"{by_id}/usb-RFXCOM_RFXtrx433_A1X-if00-port0"
    nothing = explain(wanted, error(number), by_id=by_id)
    assert nothing == f"there is no {wanted}: no serial adapter is plugged in"
    (by_id / "usb-b").touch()
    (by_id / "usb-a").touch()
    assert explain(wanted, error(number), by_id=by_id).endswith(f"plugged in are {by_id}/usb-a, {by_id}/usb-b")
    gone = explain(wanted, error(number), by_id=by_id / "gone")
    assert gone == nothing


def test_a_forbidden_port_names_the_group_to_join(tmp_path, monkeypatch):
    port = tmp_path / "ttyUSB0"
    port.touch()
    os.chown(port, -1, grp.getgrnam("dialout").gr_gid)
    port.chmod(0o660)
    monkeypatch.setenv("LOGNAME", "pi")
    assert explain(str(port), error(errno.EACCES)) == (
        f"no permission to open {port}: it is for the group dialout; "
        "let this user join it (sudo usermod -aG dialout pi), and start anew"
    )
    port.chmod(0o600)
    assert explain(str(port), error(errno.EACCES)).endswith(
        "it is for its owner alone; a udev rule should give it to group dialout"
    )
    port.unlink()
    assert explain(str(port), error(errno.EPERM)) == f"no permission to open {port}"


def test_a_group_that_counts_from_the_next_login_on(tmp_path, monkeypatch):
    joined = next((group for group in grp.getgrall() if group.gr_mem and group.gr_name != "root"), None)
    if joined is None:
        pytest.skip("no group of this machine has a member")
    port = tmp_path / "ttyUSB0"
    port.touch()
    os.chown(port, -1, joined.gr_gid)
    port.chmod(0o660)
    monkeypatch.setenv("LOGNAME", joined.gr_mem[0])
    assert explain(str(port), error(errno.EACCES)).endswith(
        f"it is for the group {joined.gr_name}, which this user has joined since this login: log in anew"
    )


class TestBusy:
    @pytest.fixture
    def port(self, tmp_path):
        (tmp_path / "ttyUSB0").touch()
        (tmp_path / "usb-stick").symlink_to(tmp_path / "ttyUSB0")
        return tmp_path / "usb-stick"

    @pytest.fixture
    def processes(self, tmp_path):
        return tmp_path / "proc"

    def holding(self, processes, pid, name, port):
        folder = processes / str(pid)
        (folder / "fd").mkdir(parents=True)
        (folder / "comm").write_text(f"{name}\n")
        (folder / "fd" / "3").symlink_to(port.resolve())

    @pytest.mark.parametrize("number", [errno.EBUSY, errno.EAGAIN])
    def test_a_port_in_use_names_the_process(self, port, processes, number):
        self.holding(processes, 812, "ModemManager", port)
        self.holding(processes, 17, "ser2net", port)
        (processes / "99").mkdir()
        found = explain(str(port), error(number), processes=processes)
        assert found == f"{port} is in use by ser2net (pid 17), ModemManager (pid 812)"

    def test_it_may_be_ourselves(self, port):
        with port.open():
            assert explain(str(port), error(errno.EBUSY)) == f"{port} is in use by this process"

    def test_whoever_has_locked_it_can_be_told_without_rights(self, port, processes):
        with port.open() as held:
            fcntl.flock(held, fcntl.LOCK_EX)
            self.holding(processes, os.getpid(), "its user", Path("/dev/null"))
            (processes / "locks").write_text(Path("/proc/locks").read_text())
            assert holders(port, processes) == [(os.getpid(), "its user")]
            assert holders(port.with_name("ttyUSB1"), processes) == []

    def test_one_of_another_user_can_not_be_told(self, port, processes):
        found = explain(str(port), error(errno.EBUSY), processes=processes)
        assert found == f"{port} is in use by a process that can't be told (another user's): `sudo fuser -v` names it"


def test_a_file_that_is_no_port(tmp_path):
    (tmp_path / "notes.txt").touch()
    assert (
        explain(f"{tmp_path}/notes.txt", OSError("Could not configure port"))
        == f"{tmp_path}/notes.txt is no serial port"
    )


def test_what_is_not_known_is_passed_on():
    assert explain("/dev/null", error(errno.EIO)) == "can't open /dev/null: Input/output error"
    assert explain("/dev/null", OSError("odd")) == "can't open /dev/null: odd"


def test_the_cause_is_what_counts():
    wrapped = OSError("all attempts have failed")
    wrapped.__cause__ = error(errno.ECONNREFUSED)
    assert explain("socket://pi:3333", wrapped) == (
        "can't open socket://pi:3333: nothing listens there; is ser2net running?"
    )
    assert explain("socket://pi:3333", TimeoutError("no answer within 5 s")) == (
        "can't open socket://pi:3333: no answer within 5 s"
    )
