"""The configuration: every mistake at once, with its place; never a traceback."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from gateway.abc import Driver
from gateway.code.variables import AttributeMap
from gateway.config import Config, driver_mistakes, load, parse
from gateway.config.sections import default_store_url
from gateway.errors import ConfigError
from gateway.path import P
from gateway.store import StoreOptions

EVERYTHING = """\
[node]
name = "attic"
groups = ["default", "house"]
[store]
url = "sqlite:store.db"
[[interface]]
bus = "attic"
driver = "onewire"
url = "owserver://127.0.0.1:4304"
[[interface]]
bus = "attic"
name = "second"
driver = "onewire"
[plugins]
disabled = ["example"]
[log]
level = "debug"
[locations]
jobs = "my.jobs"
"""


def mistakes(text, name="busgate.toml"):
    with pytest.raises(ConfigError) as caught:
        parse(text, Path(name))
    return list(caught.value.mistakes)


def test_everything():
    config = parse(EVERYTHING, Path("/etc/busgate/gateway.toml"))
    assert config.node.name == "attic"
    assert config.node.groups == ("default", "house")
    assert config.store.url == "sqlite:/etc/busgate/store.db"
    first, second = config.interfaces
    assert (first.name, first.bus, first.driver) == ("attic", "attic", "onewire")
    assert first.options == {"url": "owserver://127.0.0.1:4304"}
    assert second.name == "second"
    assert config.locations.jobs == P("my.jobs")
    assert config.locations.states == P(":.moat.kv.state")


def test_all_mistakes_at_once_in_the_order_of_their_lines():
    found = mistakes(
        '[node]\nnaem = "x"\ngroups = []\n[store]\nurl = 5\n[[interface]]\ndriver = "onewire"\n[log]\nlevel = "loud"\n'
        '[locations]\njobs = "a..b"\n[lgo]\n'
    )
    places = [text.split(": ")[:2] for text in found]
    assert places == [
        ["busgate.toml:2", "node.naem"],
        ["busgate.toml:3", "node.groups"],
        ["busgate.toml:5", "store.url"],
        ["busgate.toml:6", "interface[0].bus"],
        ["busgate.toml:9", "log.level"],
        ["busgate.toml:11", "locations.jobs"],
        ["busgate.toml:12", "lgo"],
    ]
    assert found[0].endswith("unknown option (did you mean 'name'?)")
    assert found[-1].endswith("unknown option (did you mean 'log'?)")


def test_two_interfaces_of_one_name():
    (found,) = mistakes('[[interface]]\nbus = "a"\ndriver = "x"\n[[interface]]\nbus = "a"\ndriver = "x"\n')
    assert found.startswith("busgate.toml:5: interface[1].bus: the name 'a' is that of the interface at line 1")


@pytest.mark.parametrize(
    ("text", "place"),
    [("[node\n", ":1: "), ("a = 1\na = 2\n", ":2: "), ('x = "', ":1: "), ("[node]\n[node]\n", ":2: ")],
)
def test_what_is_no_toml_says_where(text, place):
    (found,) = mistakes(text)
    assert place in found
    assert "not TOML" in found


def test_a_file_that_is_no_text(tmp_path):
    file = tmp_path / "busgate.toml"
    file.write_bytes(b"[node]\nname = '\xff'\n")
    with pytest.raises(ConfigError, match=r"busgate.toml:2: not UTF-8"):
        load(file)


def test_search_order(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BUSGATE_CONFIG", raising=False)
    for name in ("busgate", "by_environment", "by_option"):
        (tmp_path / f"{name}.toml").write_text(f'[node]\nname = "{name}"\n')
    assert load().node.name == "busgate"
    monkeypatch.setenv("BUSGATE_CONFIG", "by_environment.toml")
    assert load().node.name == "by_environment"
    assert load("by_option.toml").node.name == "by_option"
    assert load("by_option.toml", name="by hand").node.name == "by hand"


def test_what_the_command_line_overrides_is_checked_too(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("BUSGATE_CONFIG", raising=False)
    assert load(store="sqlite:x.db").store.url == f"sqlite:{tmp_path}/x.db"
    with pytest.raises(ConfigError, match=r"--store: .*URL"):
        load(store="x.db")
    with pytest.raises(ConfigError, match="--name: "):
        load(name=" ")


def test_stored_code_sees_everything_but_secrets():
    text = '[[interface]]\nbus = "a"\ndriver = "x"\npassword = "hunter2"\nurl = "mqtt://me:hunter2@host/"\nkeep = [1]\n'
    seen = AttributeMap(parse(text, Path("busgate.toml")).for_code())
    assert seen.interface[0].bus == "a"
    assert seen["interface"][0]["keep"] == (1,)
    assert "hunter2" not in repr(seen)
    with pytest.raises(AttributeError):
        seen.node = {}


lines = EVERYTHING.splitlines()
values = st.one_of(st.integers(), st.text(max_size=8), st.booleans(), st.floats(), st.none(), st.lists(st.integers()))


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])  # drawing text takes long on a busy machine
@given(st.data())
def test_no_mutation_gives_a_traceback(data):
    """Lines dropped, doubled, swapped, cut, or given another value: a configuration, or its mistakes."""
    changed = list(lines)
    for _ in range(data.draw(st.integers(1, 4))):
        index = data.draw(st.integers(0, len(changed) - 1))
        match data.draw(st.sampled_from(["drop", "double", "swap", "cut", "value"])):
            case "drop":
                changed[index] = ""
            case "double":
                changed.insert(index, changed[index])
            case "swap":
                other = data.draw(st.integers(0, len(changed) - 1))
                changed[index], changed[other] = changed[other], changed[index]
            case "cut":
                changed[index] = changed[index][: data.draw(st.integers(0, len(changed[index])))]
            case "value":
                changed[index] = f"{changed[index].partition('=')[0]} = {data.draw(values)!r}"
    try:
        assert isinstance(parse("\n".join(changed), Path("busgate.toml")), Config)
    except ConfigError as error:
        assert all(mistake.startswith("busgate.toml") for mistake in error.mistakes)  # noqa: PT017


@pytest.mark.parametrize("url", ["sqlite:", "sqlite:a\\u0000b", "store.db", ""])
def test_what_is_no_store(url):
    (found,) = mistakes(f'[store]\nurl = "{url}"\n')
    assert found.startswith("busgate.toml:2: store.url: should be a URL such as 'sqlite:store.db'")


def test_homes(monkeypatch):
    monkeypatch.setenv("HOME", "/home/me")
    assert default_store_url({"XDG_STATE_HOME": "/x"}) == "sqlite:/x/busgate/store.db"
    assert default_store_url({"XDG_STATE_HOME": "relative"}) == "sqlite:/home/me/.local/state/busgate/store.db"
    assert parse('[store]\nurl = "sqlite:~/my.db"\n', Path("x.toml")).store.url == "sqlite:/home/me/my.db"
    monkeypatch.delenv("HOME")
    monkeypatch.setattr("os.getuid", lambda: 2**31 - 7)
    assert default_store_url({}) == "sqlite:/var/lib/busgate/store.db"


def test_a_secret_of_the_wrong_type_is_not_told():
    class Options(BaseModel):
        password: str
        url: int

    config = parse('[[interface]]\nbus = "b"\ndriver = "x"\npassword = 987\nurl = "a://me:pw@h"\n', Path("x.toml"))
    driver = type("D", (Driver,), {"name": "x", "options": Options})
    text = "\n".join(driver_mistakes(config, lambda _: driver))
    assert "interface[0].password" in text
    assert "interface[0].url" in text
    assert "987" not in text
    assert "pw" not in text


@pytest.mark.parametrize("jobs", [":.moat.kv.state", ":.moat.kv.state.mine", ":.moat"])
def test_locations_are_apart(jobs):
    (found,) = mistakes(f'[locations]\njobs = "{jobs}"\n')
    assert found.startswith("busgate.toml:1: locations: ")
    assert "lies within" in found


class TestStoresOnServers:
    def test_options_come_to_the_store_and_files_become_absolute(self):
        text = '[store]\nurl = "nats://a,b:1/house"\nreplicas = 1\nuser = "me"\npassword = "secret"\nca = "ca.pem"\n'
        store = parse(text, Path("/etc/busgate/x.toml")).store
        assert store.options == StoreOptions(1, "me", "secret", ca="/etc/busgate/ca.pem")
        assert "secret" not in repr(store.options)

    def test_secrets_are_not_shown(self):
        text = '[store]\nurl = "tls://me:secret@a/house"\nuser = "me"\npassword = "secret"\ncreds = "my.creds"\n'
        config = parse(text, Path("/etc/busgate/x.toml"))
        assert config.as_map()["store"] == {
            "url": "tls://me:***@a/house",
            "replicas": 3,
            "user": "me",
            "password": "***",
            "creds": "/etc/busgate/my.creds",
        }
        assert "secret" not in str(config.for_code())

    def test_other_stores_have_none_of_them(self):
        (found,) = mistakes('[store]\nurl = "sqlite:x"\nreplicas = 1\nuser = "me"\n')
        assert "replicas, user: only a store on servers has that" in found
        assert parse('[store]\nurl = "sqlite:/x"\n', Path("x.toml")).as_map()["store"] == {"url": "sqlite:/x"}

    @pytest.mark.parametrize(
        ("options", "complaint"),
        [
            ('password = "x"', "a password needs a user"),
            ('key = "x"', "a key needs the certificate that it belongs to (cert)"),
            ("replicas = 0", "store.replicas"),
        ],
    )
    def test_halves_are_mistakes(self, options, complaint):
        (found,) = mistakes(f'[store]\nurl = "nats://a"\n{options}\n')
        assert complaint in found

    def test_another_url_keeps_the_user_where_there_are_users(self):
        config = parse('[store]\nurl = "nats://a"\nuser = "me"\n', Path("x.toml"))
        assert config.with_overrides(store="nats://b").store.user == "me"
        assert config.with_overrides(store="sqlite:/x").store.user == ""
