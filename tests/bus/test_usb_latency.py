"""The latency timer of an FTDI adapter, in a folder that looks like the kernel's."""

import pytest

from gateway.bus.usb_latency import lessen_latency


@pytest.fixture
def adapter(tmp_path):
    """The timer, and the link under which udev shows the port."""
    timer = tmp_path / "devices" / "ttyUSB7" / "latency_timer"
    timer.parent.mkdir(parents=True)
    timer.write_text("16\n")
    (tmp_path / "ttyUSB7").touch()
    link = tmp_path / "usb-RFXCOM_RFXtrx433"
    link.symlink_to(tmp_path / "ttyUSB7")
    return timer, link


def test_a_timer_that_may_be_set_is_set(adapter, tmp_path):
    timer, link = adapter
    lessen_latency(str(link), devices=tmp_path / "devices")
    assert timer.read_text() == "4\n"


@pytest.mark.parametrize("text", ["1\n", "4\n", "", "none"])
def test_what_is_little_enough_or_no_number_stays(adapter, tmp_path, text):
    timer, link = adapter
    timer.write_text(text)
    lessen_latency(str(link), devices=tmp_path / "devices")
    assert timer.read_text() == text


def test_where_it_may_not_be_set_nothing_happens(adapter, tmp_path):
    timer, link = adapter
    timer.unlink()
    lessen_latency(str(link), devices=tmp_path / "devices")
    timer.mkdir()  # can be neither read nor written, not even by root
    lessen_latency(str(link), devices=tmp_path / "devices")
    assert timer.is_dir()
