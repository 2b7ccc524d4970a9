"""The bucket: makes it, and names what makes servers or bucket lose what they have acknowledged.

Theory of operation
-------------------
1. The bucket is a JetStream stream that keeps the newest message of each subject (ADR-8 of
   nats-architecture-and-design). Revisions are its sequence numbers. A new one begins at the Unix time in microseconds,
   so that revisions rise even when a bucket is made anew.
2. It is made once, when a store is opened. One that has vanished under a running node is not made again: its values
   would be gone without a word. The node stays detached, and says why.
3. Deletions are remembered for the horizon, which is a setting of the bucket: the same for all.
4. Reads are not served by followers (``allow_direct``), as these lag behind.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from gateway.errors import Denied, Detached, StoreUnusable, Uncertain

if TYPE_CHECKING:
    import logging
    from collections.abc import Iterator, Mapping

    from gateway.clock import Clock
    from gateway.store.nats.session import Session
    from gateway.store.nats.subjects import Subjects
    from gateway.store.options import StoreOptions

#: The first version whose times to live and delete markers can be relied upon (nats-server release notes 2.11, 2.12).
LEAST: Final = (2, 12)
#: Seconds that the servers have to make a bucket: they agree on it first.
CREATE_TIMEOUT: Final = 5.0
NANOSECONDS: Final = 10**9
#: Error codes of JetStream (nats-server, server/errors.json).
NO_STREAM, NOT_CLUSTERED, NO_PEERS = 10059, 10074, 10005
#: Settings of a stream that this store relies upon.
NEEDED: Final = {"max_msgs_per_subject": 1, "allow_msg_ttl": True, "storage": "file", "retention": "limits"}
#: Settings, and the values at which they throw nothing away.
HARMLESS: Final = {"max_age": (0,), "max_msgs": (-1, 0), "max_bytes": (-1, 0), "persist_mode": ("", "default")}


@dataclass(frozen=True, slots=True)
class State:
    """The bucket as the servers see it: its id, its newest revision, when it was made, their time, the horizon in s."""

    id: str
    last: int
    created: float
    now: float
    horizon: float


class Bucket:
    """The bucket of one store; ``horizon``: for how long a new one remembers deletions, in s."""

    def __init__(
        self, subjects: Subjects, options: StoreOptions, horizon: float, clock: Clock, log: logging.Logger
    ) -> None:
        self._subjects = subjects
        self._options = options
        self._horizon = horizon
        self._clock = clock
        self._log = log
        self._told: set[str] = set()

    @property
    def name(self) -> str:
        return self._subjects.bucket

    async def open(self, session: Session, *, make: bool) -> State:
        """Look at it, and make it if it isn't there and may be made.

        Raises:
            Detached: the servers can't say now, or it isn't there.
            StoreUnusable: it can't be used with these servers or settings.
            Denied: this user may not.
        """
        _check_version(session.server)
        answer = await session.ask(f"$JS.API.STREAM.INFO.{self._subjects.stream}")
        if _code(answer) == NO_STREAM:
            if not make:
                raise Detached(f"the bucket {self._subjects.bucket!r} is gone; whoever starts anew makes a new one")
            answer = await self._make(session)
        if (code := _code(answer)) is not None:
            raise Detached(f"the servers don't give access to the bucket: {_description(answer)} ({code})")
        for complaint in [*self.complaints(answer["config"]), *await self._sync_complaints(session)]:
            self._complain(complaint)
        return _state(answer)

    async def state(self, session: Session) -> State:
        """How it is now; Detached when the servers can't say."""
        return _state(await self.info(session))

    async def info(self, session: Session) -> Any:
        """All that the servers say of its stream; Detached when they can't."""
        answer = await session.ask(f"$JS.API.STREAM.INFO.{self._subjects.stream}")
        if _code(answer) is not None:
            raise Detached(f"the servers don't give access to the bucket: {_description(answer)}")
        return answer

    async def _make(self, session: Session) -> Any:
        stream = self._subjects.stream
        config = {
            **NEEDED,
            "name": stream,
            "subjects": [self._subjects.all],
            "num_replicas": self._options.replicas,
            "discard": "new",
            "allow_rollup_hdrs": True,
            "deny_delete": True,
            "allow_direct": False,
            "subject_delete_marker_ttl": int(self._horizon * NANOSECONDS),
            "first_seq": int(self._clock.now() * 1_000_000),
        }
        try:
            answer = await session.ask(f"$JS.API.STREAM.CREATE.{stream}", config, CREATE_TIMEOUT)
        except Denied as error:
            who, bucket = self._options.who, self._subjects.bucket
            raise Denied(
                f"the bucket {bucket!r} is not there, and {who} may not make it: any command of an operator does, "
                "such as busgate store list"
            ) from error
        if (code := _code(answer)) is None:
            self._log.info("made the bucket %s, with %d replicas", self._subjects.bucket, self._options.replicas)
        elif code == NOT_CLUSTERED:
            raise StoreUnusable(
                f"{self._options.replicas} replicas need a cluster of as many servers, and this server is alone: "
                "set replicas = 1 in [store], or run a cluster"
            )
        elif code == NO_PEERS:
            raise Detached(f"{self._options.replicas} replicas need as many servers: {_description(answer)}")
        else:  # another node has been quicker
            answer = await session.ask(f"$JS.API.STREAM.INFO.{stream}")
        return answer

    def complaints(self, config: Mapping[str, Any]) -> Iterator[str]:
        """What may lose what was acknowledged, by the settings of the stream."""
        bucket = self._subjects.bucket
        for key, value in NEEDED.items():
            if config.get(key) != value:
                raise StoreUnusable(
                    f"the stream of bucket {bucket!r} has {key} = {config.get(key)}, which should be {value}: "
                    "it was not made by busgate; name another bucket in the store's URL"
                )
        if (replicas := config.get("num_replicas", 1)) < self._options.replicas:
            yield (
                f"has {replicas} replicas, not the {self._options.replicas} of [store]: "
                "what it acknowledges may be lost with a server "
                f"(nats stream edit {self._subjects.stream} --replicas {self._options.replicas})"
            )
        for key, harmless in HARMLESS.items():
            if config.get(key, harmless[0]) not in harmless:
                yield f"may lose what it has acknowledged: its stream has {key} = {config[key]}"
        if config.get("allow_direct"):
            yield "lets followers answer reads (allow_direct), which lag behind"

    async def _sync_complaints(self, session: Session) -> list[str]:
        """Whether the server writes to the disk before it acknowledges; only known where it lets this user ask."""
        try:
            reply = await session.request("$SYS.REQ.SERVER.PING.JSZ", timeout=0.3)
        except (Detached, Denied, Uncertain):
            return []
        config = (reply.json().get("data") or {}).get("config") or {}
        if not config or config.get("sync_always"):
            return []
        seconds = config.get("sync_interval", 0) / NANOSECONDS
        return [
            f"may lose up to {seconds:g} s of acknowledged writes in a power cut: "
            "set sync_interval: always in the servers' section jetstream"
        ]

    def _complain(self, complaint: str) -> None:
        if complaint not in self._told:
            self._told.add(complaint)
            self._log.error("the bucket %s %s", self._subjects.bucket, complaint)


def _check_version(server: Mapping[str, Any]) -> None:
    version = str(server.get("version", "0"))
    if tuple(int(part) for part in re.findall(r"\d+", version)[:2]) < LEAST:
        raise StoreUnusable(
            f"server {server.get('server_name')} runs nats-server {version}; "
            f"{'.'.join(map(str, LEAST))} or newer is needed: upgrade it"
        )


def _state(answer: Mapping[str, Any]) -> State:
    config = answer["config"]
    return State(
        id=f"{config['name']}-{answer['created']}",
        last=int(answer["state"]["last_seq"]),
        created=timestamp(answer["created"]),
        now=timestamp(answer["ts"]),
        horizon=config.get("subject_delete_marker_ttl", 0) / NANOSECONDS,
    )


def timestamp(text: str) -> float:
    """Unix seconds of a time as the servers write it: RFC 3339 with up to nine digits of a second."""
    whole, _, rest = text.partition(".")
    digits, zone = re.fullmatch(r"(\d*)(.*)", rest).groups() if rest else ("", "")  # type: ignore[union-attr]
    return datetime.fromisoformat(whole + zone).timestamp() + (float(f"0.{digits}") if digits else 0.0)


def _code(answer: Mapping[str, Any]) -> int | None:
    error = answer.get("error")
    return None if error is None else int(error.get("err_code", error.get("code", 0)))


def _description(answer: Mapping[str, Any]) -> str:
    return str(answer.get("error", {}).get("description", "no reason given"))
