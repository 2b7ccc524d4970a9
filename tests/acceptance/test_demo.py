"""The README's first command."""

import json
import time


def test_the_demo_ends_by_itself_with_a_checkable_summary(busgate):
    began = time.monotonic()
    done = busgate("demo", "--json")
    assert time.monotonic() - began < 20
    summary = json.loads(done.stdout.splitlines()[-1])
    assert list(summary) == ["ok", "devices", "readings", "suspect", "recovered_after_restart_s", "errors"]
    assert summary["ok"] is True
    assert summary["devices"] >= 12
    assert summary["suspect"] >= 1
    assert summary["errors"] == []


def test_without_the_plugin_it_names_the_pip_command(busgate):
    (busgate.folder / "busgate.toml").write_text('[plugins]\ndisabled = ["onewire"]\n')
    done = busgate("demo", check=False)
    assert done.returncode == 1
    assert "disabled" in done.stderr
