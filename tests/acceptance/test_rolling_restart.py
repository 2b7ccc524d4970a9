"""The servers of a store are restarted one after the other, again and again: no job changes its node."""

import signal
import sys
import time

import pytest

from gateway.testing.nats_servers import NatsServers

#: Seconds between two restarts, and the time that a server is away: an update, or a reboot of its machine.
EVERY, AWAY = 20.0, 3.0
#: Counts how often it was begun, by a line each, and stays.
FOREVER = """
import anyio
with open(file, "a") as lines:
    lines.write("begun\\n")
await _self.setup_done()
await anyio.sleep_forever()
"""


@pytest.mark.soak
@pytest.mark.parametrize("restarts", [3, 15])
def test_a_rolling_restart_of_the_servers_moves_no_job(busgate, restarts):
    begun = busgate.folder / "begun"
    (busgate.folder / "forever.py").write_text(FOREVER)
    with NatsServers(3) as servers:
        (busgate.folder / "busgate.toml").write_text(
            f'[node]\nname = "cli"\n[store]\nurl = "{servers.url}/house"\nreplicas = 3\n'
        )
        busgate("code", "set", "forever", "-S", "forever.py", "--async")
        busgate("run", "set", "radio", "-c", "forever", "-t", "0", "-e", "file", f'"{begun}"')
        watch = busgate.start("run", "monitor", "--json")
        nodes = [busgate.start("run", "all", "--name", name) for name in ("one", "two")]
        holder = watch.object_where(lambda row: row["state"] == "runs")["node"]
        for number in range(restarts):
            restart(servers, number % 3)
        (state,) = busgate.objects("run", "state", "radio")
        sys.stdout.write(f"\n{restarts} restarts: {begun.read_text().count('begun') - 1} changes of holder\n")
        assert (state["holder"], state["runs"]) == (holder, 1)
        assert begun.read_text() == "begun\n"
        assert [node.poll() for node in nodes] == [None, None]
        assert watch.stop(signal.SIGINT) is not None
        assert [node.stop() for node in nodes] == [0, 0]


def restart(servers, number):
    servers.stop(number)
    time.sleep(AWAY)
    servers.start(number)
    time.sleep(EVERY - AWAY)
