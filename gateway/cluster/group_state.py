"""What a group of nodes is like: complete, partial, detached or broken; a pure function of what one node sees."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, ClassVar, Final, Literal, TypeAlias

from pydantic import Field

from gateway.record import Record

StateName: TypeAlias = Literal["broken", "detached", "complete", "partial"]

#: How many nodes a group should have when nobody says it: the least that gives redundancy.
DEFAULT_NODES: Final = 2


class GroupSettings(Record):
    """What is stored about a group; ``nodes``: how many should run its jobs."""

    what: ClassVar[str] = "group's settings entry"

    nodes: Annotated[int, Field(ge=1)] = DEFAULT_NODES


@dataclass(frozen=True, slots=True)
class Group:
    """A group as one of its nodes sees it.

    Attributes:
        members: names of the live nodes, sorted; this one is among them.
        nodes: how many there should be.
    """

    state: StateName
    members: tuple[str, ...]
    nodes: int


def group_state(live: int, nodes: int, *, cut_off: bool = False, broken: bool = False) -> StateName:
    """The state of a group; the first that holds of broken, cut off, complete, alone, partial.

    Args:
        live: how many of its nodes live, this one included.
        nodes: how many there should be. It does not fall when nodes die.
        cut_off: whether this node can't know about the others.
        broken: whether the store can't be relied upon.
    """
    if broken:
        return "broken"
    if cut_off:
        return "detached"
    if live >= nodes:
        return "complete"
    return "detached" if live <= 1 else "partial"
