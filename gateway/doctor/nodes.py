"""The nodes that run: whether one has this node's name, and whether their clocks agree."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from gateway.cluster.presence import boot_id, machine_name, provably_dead
from gateway.doctor.finding import Finding

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

#: Seconds by which clocks may differ. Readings of several nodes are put side by side by their times.
SKEW: Final = 1.0


def check_nodes(name: str, presence: Mapping[str, Any], replies: Iterable[dict[str, Any]]) -> Iterator[Finding]:
    """Look at the nodes of the store.

    Args:
        name: of this node.
        presence: the records of the nodes that run, by name.
        replies: of those that answered (``gateway.bus.remote.survey``).
    """
    answered = {reply["node"]: reply for reply in replies}
    for node, record in presence.items():
        whose = f"process {record.get('pid', '?')} on {_host(record)}"
        if provably_dead(record):
            yield Finding("nodes", "warning", node, f"its {whose} has died", "busgate release --dead")
        elif node == name and not is_here(record):
            rename = "give this one another name: [node] name"
            yield Finding("nodes", "problem", node, f"the name of this node is taken by {whose}", rename)
        elif node not in answered:
            look = f"look at it there; if it is dead: busgate release {node} {record.get('incarnation', '')}"
            yield Finding("nodes", "problem", node, f"it doesn't answer ({whose})", look)
        else:
            yield _agreement(node, whose, answered[node])
    if name not in presence:
        yield Finding("nodes", "ok", name, "this node doesn't run; to start it: busgate up")


def is_here(record: Mapping[str, Any]) -> bool:
    """Whether a node runs on this machine, where its process id means something."""
    return record.get("machine") == machine_name() and record.get("boot") == boot_id()


def _agreement(node: str, whose: str, reply: Mapping[str, Any]) -> Finding:
    ahead, doubt = reply["ahead"], reply["doubt"]
    if abs(ahead) - doubt > SKEW:
        where = "ahead of" if ahead > 0 else "behind"
        text = f"it runs ({whose}), but its clock is {abs(ahead):.1f} s {where} the one here"
        return Finding("nodes", "problem", node, text, "synchronise both: sudo timedatectl set-ntp true")
    return Finding("nodes", "ok", node, f"it runs ({whose})")


def _host(record: Mapping[str, Any]) -> str:
    return str(record.get("machine", "?")).split("/")[0]
