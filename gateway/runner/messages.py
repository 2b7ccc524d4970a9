"""What the code of a job finds in its event queue ``_info``; every message has ``.msg``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from gateway.cluster.group_state import Group, StateName
    from gateway.path import Path
    from gateway.radio import Heard
    from gateway.runner.call_admin import Timer
    from gateway.values import Change, Message, Quantity


class RunnerMessage:
    """Something the runner tells the code."""

    #: Called, if there is one, when the code is done with the message: it has asked for the next one, or has returned.
    settle: Callable[[], Awaitable[None]] | None = None

    def __init__(self, msg: Any = None) -> None:
        self.msg = msg

    @property
    def key(self) -> tuple[Any, ...]:
        """Messages of one key tell about the same thing; with ``coalesce`` only the last of them waits."""
        return (type(self),)

    def __repr__(self) -> str:
        return f"{type(self).__name__}({self.msg!r})"


class GroupState(RunnerMessage):
    """What the runner's group is like; ``.msg`` is ``{members, nodes, previous}``.

    ``members`` are the names of the live nodes, ``nodes`` is how many there should be, and ``previous`` is the name of
    the state before this one (``complete``, ``partial``, ``detached``, ``broken``), None if there was none.
    """

    name: ClassVar[str] = ""


class CompleteState(GroupState):
    """All nodes of the group are there."""

    name = "complete"


class PartialState(GroupState):
    """Some nodes of the group are missing."""

    name = "partial"


class DetachedState(GroupState):
    """This node is alone, or cut off from the store."""

    name = "detached"


class BrokenState(GroupState):
    """The store can't be used."""

    name = "broken"


def group_message(group: Group, previous: StateName | None) -> GroupState:
    """The message that tells of a group; a new one for each run, so that no code changes what another sees."""
    kinds: tuple[type[GroupState], ...] = (CompleteState, PartialState, DetachedState, BrokenState)
    (kind,) = (one for one in kinds if one.name == group.state)
    return kind({"members": list(group.members), "nodes": group.nodes, "previous": previous})


class ReadyMsg(RunnerMessage):
    """All watches with ``fetch=True`` have delivered what was there; ``.msg`` is their number."""

    msg: int


class TimerMsg(RunnerMessage):
    """A timer has run out; ``.msg`` is the timer."""

    msg: Timer

    @property
    def key(self) -> tuple[Any, ...]:
        return type(self), id(self.msg)


class ChangeMsg(RunnerMessage):
    """An entry that the code watches was set or deleted; ``.msg`` is the store's change.

    ``.path`` is its full path, ``.value`` its value; the message of a deleted entry has no ``.value``.
    """

    msg: Change

    @property
    def path(self) -> Path:
        return self.msg.path

    @property
    def value(self) -> Any:
        if self.msg.deleted:
            raise AttributeError(f"{self.msg.path} was deleted, so this message has no value")
        return self.msg.value

    @property
    def key(self) -> tuple[Any, ...]:
        return type(self), self.msg.path


class TopicMsg(RunnerMessage):
    """A value was sent to a topic that the code monitors; ``.path`` is the topic, ``.msg`` the store's message."""

    msg: Message

    @property
    def path(self) -> Path:
        return self.msg.topic

    @property
    def value(self) -> Any:
        return self.msg.value

    @property
    def key(self) -> tuple[Any, ...]:
        return type(self), self.msg.topic


class TelegramMsg(RunnerMessage):
    """A telegram was heard on a bus that the code listens to; ``.msg`` is a :class:`gateway.radio.Heard`.

    Each telegram comes once, however many receivers heard it. When the code asks for the next message, this one counts
    as dealt with; if the run ends before, it comes again where the job runs next, with ``replayed`` set.
    """

    msg: Heard

    @property
    def bus(self) -> str:
        return self.msg.reception.bus

    @property
    def device(self) -> str:
        return self.msg.reception.telegram.device

    @property
    def kind(self) -> str:
        """Protocol or packet type."""
        return self.msg.reception.telegram.kind

    @property
    def values(self) -> Mapping[str, Quantity]:
        """What it says: for each name a ``value`` and a ``unit``."""
        return self.msg.reception.telegram.values

    @property
    def rssi(self) -> float | None:
        """Signal strength in dBm at the receiver that was first."""
        return self.msg.reception.telegram.rssi

    @property
    def battery(self) -> int | None:
        """0 to 100 percent."""
        return self.msg.reception.telegram.battery

    @property
    def raw(self) -> bytes:
        return self.msg.reception.telegram.raw

    @property
    def time(self) -> float:
        """When it was heard, in Unix seconds."""
        return self.msg.time

    @property
    def age(self) -> float:
        """Seconds from then until it was given to this job."""
        return self.msg.age

    @property
    def heard(self) -> Mapping[str, float | None]:
        """Signal strength by ``NODE/INTERFACE``, of those who had heard it by then."""
        return self.msg.heard

    @property
    def replayed(self) -> bool:
        """Whether an earlier run may have had it in hand, or it was missed at first."""
        return self.msg.replayed

    @property
    def key(self) -> tuple[Any, ...]:
        return type(self), self.msg.reception.id
