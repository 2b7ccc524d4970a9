"""What a running node opens to the network."""

from pathlib import Path

LISTEN = "0A"  # Linux, include/net/tcp_states.h


def test_a_node_listens_nowhere(busgate):
    """MoaT-KV's server ignored the address it was told, and listened on all of them."""
    busgate.configure()
    node = busgate.start("up")
    node.line_with("runs the jobs of")
    files = Path(f"/proc/{node.pid}/fd")
    opened = {str(file.readlink()) for file in files.iterdir()}
    found = [
        line
        for table in ("tcp", "tcp6")
        for line in Path(f"/proc/{node.pid}/net/{table}").read_text().splitlines()[1:]
        if line.split()[3] == LISTEN and f"socket:[{line.split()[9]}]" in opened
    ]
    assert found == []
    assert node.stop() == 0
