"""What is said of the configuration and of the plugins."""

from pathlib import Path

import pytest

from gateway.config import Config, parse
from gateway.doctor.configuration import check_configuration
from gateway.doctor.plugins import check_plugins
from gateway.plugins import PluginInfo

FILE = Path("busgate.toml")


def test_without_a_file_it_says_how_to_begin():
    (found,) = check_configuration(Config(), [])
    assert found.level == "warning"
    assert "busgate config init busgate.toml" in found.advice
    assert "busgate demo" in found.advice


def test_an_empty_file_is_a_file():
    (found,) = check_configuration(parse("", FILE), [])
    assert (found.level, found.subject) == ("warning", "busgate.toml")
    assert "no [[interface]]" in found.message


def test_a_good_one():
    config = parse('[node]\nname = "attic"\n[[interface]]\nbus = "b"\ndriver = "d"\n', FILE)
    (found,) = check_configuration(config, [])
    assert (found.level, found.message) == ("ok", "no mistakes, 1 interface, node attic")


@pytest.mark.parametrize(
    ("text", "mode", "told"),
    [
        ('[store]\nurl = "nats://one/house"\nuser = "attic"\npassword = "s3cret"\n', 0o644, True),
        ('[store]\nurl = "nats://attic:s3cret@one/house"\n', 0o644, True),
        ('[[interface]]\nbus = "b"\ndriver = "d"\npassword = "s3cret"\n', 0o604, True),
        ('[store]\nurl = "nats://attic:s3cret@one/house"\n', 0o640, False),
        ('[store]\nurl = "nats://one/house"\n', 0o644, False),
    ],
)
def test_a_password_for_everybody_to_read(tmp_path, text, mode, told):
    file = tmp_path / "busgate.toml"
    file.write_text(text)
    file.chmod(mode)
    found = [one for one in check_configuration(parse(text, file), []) if "password" in one.message]
    assert [one.advice for one in found] == [f"chmod 600 {file}"] * told
    assert "s3cret" not in str(found)


def test_each_mistake_is_a_problem_at_its_place():
    found = list(check_configuration(None, ["busgate.toml:2: node.naem: unknown option", "--store: odd one"]))
    assert [(one.level, one.subject, one.message) for one in found] == [
        ("problem", "busgate.toml:2", "node.naem: unknown option"),
        ("problem", "--store", "odd one"),
    ]


def test_plugins():
    well = PluginInfo("onewire", "0.1", "busgate_onewire", drivers=("onewire",), distribution="busgate-onewire")
    off = PluginInfo("dali", "1", "busgate_dali", disabled=True)
    bad = PluginInfo("knx", "1", "busgate_knx", distribution="busgate-knx", error="ImportError: no xknx")
    found = list(check_plugins([well, off, bad]))
    assert [(one.level, one.subject) for one in found] == [("ok", "onewire"), ("ok", "dali"), ("problem", "knx")]
    assert found[0].message == "busgate-onewire 0.1: onewire"
    assert found[2].message == "ImportError: no xknx"
    assert "busgate-knx" in found[2].advice
    (none,) = check_plugins([])
    assert (none.level, "pip install" in none.advice) == ("warning", True)
