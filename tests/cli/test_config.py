"""``busgate config``, ``plugins``, ``nodes`` and ``errors`` without a node."""

import os


def test_init_writes_what_check_accepts(busgate, tmp_path):
    done = busgate("config init mine.toml")
    assert done.status == 0
    assert "busgate -c mine.toml config check" in done.out
    assert busgate("-c mine.toml config check").out == "mine.toml: no mistakes\n"


def test_every_option_of_the_commented_file_is_one(busgate, tmp_path):
    busgate("config init mine.toml")
    file = tmp_path / "mine.toml"
    lines = [
        line.removeprefix("# ") if " = " in line or line.startswith("# [[") else line
        for line in file.read_text().splitlines()
    ]
    file.write_text("\n".join(lines))
    done = busgate("-c mine.toml config check")
    assert (done.status, done.err) == (0, "")


def test_init_writes_the_files_of_a_cluster_too(busgate, tmp_path):
    done = busgate("config init node.toml --like cluster.toml")
    assert "busgate -c node.toml config check" in done.out
    assert busgate("-c node.toml config check").out == "node.toml: no mistakes\n"
    assert "nats-server -t -c n.conf" in busgate("config init n.conf --like nats-server.conf").out
    assert "sync_interval: always" in (tmp_path / "n.conf").read_text()


def test_init_never_overwrites(busgate, config):
    before = config.read_text()
    done = busgate(f"config init {config.name}")
    assert done.status == 1
    assert "exists already" in done.err
    assert config.read_text() == before


def test_check_reports_all_mistakes_with_their_lines(busgate, config):
    config.write_text('[node]\nnaem = "x"\n[[interface]]\nbus = "b"\ndriver = "onewrie"\n[log]\nlevel = "loud"\n')
    done = busgate("config check")
    assert done.status == 1
    assert "busgate.toml:2: node.naem" in done.err
    assert "did you mean" in done.err
    assert "busgate.toml:7: log.level" in done.err
    config.write_text('[[interface]]\nbus = "b"\ndriver = "onewrie"\n')
    assert "busgate.toml:3: interface" in busgate("config check").err


def test_check_validates_the_options_of_drivers(busgate, config):
    config.write_text('[[interface]]\nbus = "b"\ndriver = "onewire"\nurl = "ftp://x"\nspeed = 1\n')
    done = busgate("config check")
    assert done.status == 1
    assert "busgate.toml:4: " in done.err
    assert "busgate.toml:5: " in done.err


def test_show_masks_secrets(busgate, config):
    config.write_text('[node]\nname = "attic"\n[[interface]]\nbus = "b"\ndriver = "onewire"\npassword = "hunter2"\n')
    for done in (busgate("config show"), busgate("config show --json")):
        assert "attic" in done.out
        assert "hunter2" not in done.out


def test_without_a_file_the_node_has_the_hosts_name(busgate):
    assert busgate("config show --json").object["node"]["name"] == os.uname().nodename


def test_plugins(busgate):
    rows = {row["name"]: row for row in busgate("plugins --json").objects}
    assert rows["onewire"]["drivers"] == ["onewire"]
    assert rows["onewire"]["procedures"] == ["onewire.poll"]
    assert rows["onewire"]["error"] == ""


def test_nobody_and_nothing(busgate):
    assert busgate("nodes").err == "no node runs; `busgate up` starts this one\n"
    assert busgate("errors").err == "no open errors\n"
    assert busgate("bus list").err.startswith("no interface is configured")


def test_check_looks_at_the_stores_url_without_opening_it(busgate, config, tmp_path):
    config.write_text('[store]\nurl = "sqllite:x"\n')
    done = busgate("config check")
    assert done.status == 1
    assert done.err.startswith("busgate.toml:2: store.url: 'sqllite:x' has no known scheme, did you mean 'sqlite'")
    config.write_text('[store]\nurl = "sqlite:store.db"\n')
    assert busgate("config check").status == 0
    assert not (tmp_path / "store.db").exists()


def test_what_show_prints_is_a_configuration_again(busgate, config, tmp_path):
    config.write_text(
        '[node]\nname = "at\\"tic"\n[[interface]]\nbus = "b"\ndriver = "x"\n"a key" = "\\u007f\\n"\nf = nan\n'
        "when = 1979-05-27T07:32:00Z\n[interface.sub]\na = [1, { b = true }]\n"
    )
    first = busgate("config show").out
    (tmp_path / "again.toml").write_text(first)
    second = busgate("-c again.toml config show").out
    assert first.splitlines()[1:] == second.splitlines()[1:]
    assert "sub = { a = [1, { b = true }] }" in first


def test_an_empty_file_name_does_not_mean_the_defaults(busgate):
    done = busgate("-c '' store list")
    assert done.status == 2
    assert "empty" in done.err
