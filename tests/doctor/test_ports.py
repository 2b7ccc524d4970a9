"""Ports: their lasting names, who may open them, who has them open."""

import grp
import os
from dataclasses import replace
from types import SimpleNamespace

import pytest

from gateway.doctor.ports import check_ports


def interface(name, port, **options):
    return SimpleNamespace(name=name, options={"port": str(port), "baudrate": 57600, **options})


def wrong(machine, *interfaces, own=()):
    return [finding for finding in check_ports(machine, interfaces, own) if finding.level != "ok"]


def test_what_is_plugged_in_is_listed_by_its_lasting_name(machine):
    assert "no serial adapter" in next(check_ports(machine, [])).message
    machine.adapter("ttyUSB1", "usb-RFXCOM-if00")
    machine.adapter("ttyACM0", "usb-Arduino-if00")
    found = list(check_ports(machine, []))
    assert [(one.level, one.subject) for one in found] == [("ok", "ttyACM0"), ("ok", "ttyUSB1")]
    assert found[1].message == f"plugged in: {machine.by_id}/usb-RFXCOM-if00"


def test_a_port_by_its_lasting_name_is_well(machine):
    machine.adapter("ttyUSB0", "usb-RFXCOM-if00")
    assert wrong(machine, interface("radio", machine.by_id / "usb-RFXCOM-if00")) == []


@pytest.mark.parametrize("tty", ["ttyUSB0", "ttyACM12"])
def test_a_name_that_moves_is_answered_with_the_one_that_stays(machine, tty):
    machine.adapter("ttyUSB7", "usb-other")
    port = machine.adapter(tty, "usb-RFXCOM-if00")
    machine.adapter(tty, "platform-usb-0:1.2", folder="by-path")
    (found,) = wrong(machine, interface("radio", port))
    assert (found.level, found.subject) == ("warning", "radio")
    assert found.message == f"{port} may be another device after a restart"
    assert found.advice == f"write its lasting name instead: {machine.by_id}/usb-RFXCOM-if00"


def test_an_adapter_without_a_number_of_its_own_is_known_by_its_socket(machine):
    port = machine.adapter("ttyUSB0", "platform-usb-0:1.2", folder="by-path")
    (found,) = wrong(machine, interface("radio", port))
    assert str(machine.by_path / "platform-usb-0:1.2") in found.advice
    bare = machine.adapter("ttyUSB1")
    assert "no lasting name" in wrong(machine, interface("radio", bare))[0].advice


def test_a_port_of_the_board_does_not_move(machine):
    assert wrong(machine, interface("radio", machine.adapter("ttyAMA0"))) == []


def test_a_terminal_that_stands_elsewhere(machine, tmp_path):
    (tmp_path / "tty-of-socat").symlink_to("/dev/null")
    (tmp_path / "notes").touch()
    found = list(check_ports(machine, [interface("a", tmp_path / "tty-of-socat"), interface("b", tmp_path / "notes")]))
    assert [one.subject for one in found] == ["serial ports", "a"]
    assert [one.subject for one in check_ports(machine, [interface("c", "/" + "x" * 300)])] == ["serial ports"]


def test_what_is_no_device_file_is_left_to_the_driver(machine):
    assert wrong(machine, interface("radio", "socket://pi:3333"), interface("attic", "owserver://localhost")) == []


def test_a_missing_port_names_those_that_are_there(machine):
    wanted = interface("radio", machine.by_id / "usb-gone")
    (found,) = wrong(machine, wanted)
    assert (found.level, found.message) == ("problem", f"there is no {machine.by_id}/usb-gone")
    machine.adapter("ttyUSB0", "usb-here")
    assert str(machine.by_id / "usb-here") in wrong(machine, wanted)[0].advice


def test_a_forbidden_port_names_the_group_and_what_to_type(machine, monkeypatch):
    port = machine.adapter("ttyS1")
    port.chmod(0o660)
    monkeypatch.setenv("LOGNAME", "pi")
    (found,) = wrong(replace(machine, may_use=lambda file: False), interface("radio", port))
    group = grp.getgrgid(port.stat().st_gid).gr_name
    assert found.level == "problem"
    if group != "root":
        assert f"sudo usermod -aG {group} pi" in found.advice
    else:
        assert "udev rule" in found.advice


class TestHeld:
    @pytest.fixture
    def port(self, machine):
        machine.adapter("ttyUSB0", "usb-stick")
        return machine.by_id / "usb-stick"

    def test_by_another_program(self, machine, port):
        machine.process(812, "screen", port.resolve())
        machine.process(813, "sh", "/dev/null", "pipe:[1]")
        (found,) = wrong(machine, interface("radio", port))
        assert (found.level, found.message) == ("problem", f"{port} is in use by screen (pid 812)")

    def test_by_the_node_itself(self, machine, port):
        machine.process(812, "busgate", port.resolve())
        assert wrong(machine, interface("radio", port), own=[812]) == []

    def test_a_real_terminal_by_this_process(self, machine):
        far, near = os.openpty()
        try:
            (machine.dev / "ttyUSB9").symlink_to(os.ttyname(near))
            here = replace(machine, proc=type(machine)().proc)
            name, held = wrong(here, interface("radio", machine.dev / "ttyUSB9"))[:2]
            assert name.level == "warning"
            assert f"(pid {os.getpid()})" in held.message
            assert held.level == "problem"
        finally:
            os.close(far)
            os.close(near)


def test_two_interfaces_of_one_port(machine):
    port = machine.adapter("ttyUSB0", "usb-stick")
    link = machine.by_id / "usb-stick"
    found = wrong(machine, interface("one", link), interface("two", port))[-1]
    assert (found.level, found.subject) == ("problem", "two")
    assert found.message.startswith(f"one and two have one port, {port}")


@pytest.mark.parametrize("service", ["ModemManager", "brltty"])
def test_services_that_open_ports_unasked(machine, service):
    machine.process(99, service)
    assert [one.level for one in check_ports(machine, [])] == ["ok", "ok"]
    port = machine.adapter("ttyS0")
    (found,) = wrong(machine, interface("radio", port))
    assert (found.level, found.subject) == ("warning", service)
    assert "sudo systemctl" in found.advice


def test_the_console_of_a_pi(machine):
    port = machine.adapter("ttyAMA0")
    (machine.proc / "consoles").write_text(
        "ttyAMA0              -W- (EC p a)  204:64\ntty1                 -WU (E  p  )    4:1\n"
    )
    (found,) = wrong(machine, interface("radio", port))
    assert (found.level, found.subject) == ("problem", "radio")
    assert "console" in found.message
