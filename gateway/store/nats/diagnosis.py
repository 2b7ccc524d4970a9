"""What only this store can see: its servers, their versions, clocks and settings, and what this user may do there."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

import anyio

from gateway.doctor.finding import Finding
from gateway.errors import Denied, StoreError
from gateway.store.nats.bucket import NANOSECONDS, timestamp
from gateway.store.nats.credentials import readable_by_others
from gateway.store.nats.permissions import SERVERS, USER_INFO, node_permissions
from gateway.store.nats.session import Heard, Session
from gateway.store.nats.wire import shown

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from random import Random

    from nats.aio.msg import Msg

    from gateway.clock import Clock
    from gateway.locations import Writable
    from gateway.store.nats.bucket import Bucket
    from gateway.store.options import StoreOptions

#: Seconds by which the clock of a server may be off: entries of nodes that are gone are deleted by it.
SKEW: Final = 1.0
#: Seconds in which all servers answer the question how they are set.
GATHER: Final = 0.5
#: How many consumers a stream may have by default (nats-server 2.15, ``default_max_consumers``).
CONSUMERS: Final = 1000
#: Part of that from which on it is a warning.
NEARLY: Final = 0.5

ACL: Final = "busgate store acl prints what its servers have to allow it; put that in place, and reload them"
SYNC: Final = "sync_interval: always in the section jetstream of its configuration, and restart it"
NTP: Final = "synchronise both: sudo timedatectl set-ntp true"


@dataclass
class _Server:
    """A server of the store's URL, as one session with it shows it."""

    url: str
    failure: str = ""
    info: dict[str, Any] = field(default_factory=dict)
    user: dict[str, Any] | None = None  # None: not told
    ahead: float | None = None  # s
    doubt: float = 0.0
    took: float = 0.0


class Diagnosis:
    """One look at the servers, over a session that is open and over one more with each of them."""

    def __init__(
        self, servers: Sequence[str], options: StoreOptions, bucket: Bucket, node: str, clock: Clock, random: Random
    ) -> None:
        self._urls = servers
        self._options = options
        self._bucket = bucket
        self._node = node
        self._clock = clock
        self._random = random

    async def run(self, session: Session, who: str, writes: Sequence[Writable]) -> list[Finding]:
        """All findings.

        Args:
            who: the node as part of a subject.
            writes: what the node has to write.
        """
        servers = [_Server(url) for url in self._urls]
        async with anyio.create_task_group() as tasks:
            for server in servers:
                tasks.start_soon(self._visit, server, who)
        settings = await _gathered(session)
        return [
            *(finding for server in servers for finding in self._of_server(server)),
            *_of_settings(settings),
            *self._of_rights(servers, writes),
            *self._of_files(),
            *await self._of_bucket(session),
        ]

    async def _visit(self, server: _Server, who: str) -> None:
        session = Session(self._options, self._random, who, lambda silent: None)
        began = self._clock.lease_now()
        try:
            async with session.open(server.url, f"busgate {self._node} doctor"):
                server.info = dict(session.server)
                server.took = self._clock.lease_now() - began
                await self._ask(server, session)
        except StoreError as error:
            server.failure = str(error)

    async def _ask(self, server: _Server, session: Session) -> None:
        """Its time, and what this user may do, if this user may ask that."""
        asked = self._clock.lease_now()
        try:
            answer = await session.ask(USER_INFO)
        except Denied:
            return
        except StoreError as error:  # not through the session, which would make a group of it
            server.failure = str(error)
            return
        server.doubt = (self._clock.lease_now() - asked) / 2
        if "server" in answer:
            server.ahead = timestamp(answer["server"]["time"]) - self._clock.now() + server.doubt
            server.user = answer.get("data", {})

    def _of_server(self, server: _Server) -> Iterator[Finding]:
        name = shown(server.url)
        if server.failure:
            look = "see whether it runs there: systemctl status nats-server"
            yield Finding("store", "problem", name, server.failure.removeprefix(name).lstrip(": "), look)
            return
        about = f"nats-server {server.info.get('version')} of {server.info.get('server_name')}"
        if server.ahead is not None and abs(server.ahead) - server.doubt > SKEW:
            where = "ahead of" if server.ahead > 0 else "behind"
            text = f"its clock is {abs(server.ahead):.1f} s {where} the one here ({about})"
            yield Finding("store", "problem", name, text, NTP)
        else:
            agrees = "" if server.ahead is None else ", and its clock agrees with the one here"
            yield Finding("store", "ok", name, f"{about} lets this node in, in {1000 * server.took:.0f} ms{agrees}")

    def _of_rights(self, servers: Sequence[_Server], writes: Sequence[Writable]) -> Iterator[Finding]:
        told = [server for server in servers if server.user is not None]
        if not told:
            text = f"{self._options.who} may not ask what it may do"
            yield Finding("store", "warning", "permissions", text, ACL)
            return
        needs, lacks = node_permissions(self._bucket.name, self._node, writes), set()
        for server in told:
            has = (server.user or {}).get("permissions")
            for lacking in needs.missing(has):
                if lacking not in lacks:
                    lacks.add(lacking)
                    text = f"{self._options.who} may not {lacking} at {shown(server.url)}"
                    yield Finding("store", "problem", "permissions", text, ACL)
        if not lacks:
            yield Finding("store", "ok", "permissions", f"{self._options.who} may do all that node {self._node} needs")

    def _of_files(self) -> Iterator[Finding]:
        for file in readable_by_others(self._options):
            text = "others on this machine can read it, and it is a secret"
            yield Finding("store", "warning", file, text, f"chmod 600 {file}")

    async def _of_bucket(self, session: Session) -> list[Finding]:
        answer = await self._bucket.info(session)
        name = f"bucket {self._bucket.name}"
        found = [Finding("store", "warning", name, text) for text in self._bucket.complaints(answer["config"])]
        found += _of_replicas(name, answer)
        count = int(answer["state"].get("consumer_count", 0))
        if count > NEARLY * CONSUMERS:
            text = f"it has {count} consumers, of {CONSUMERS} at most: more than nodes have watches"
            found.append(Finding("store", "warning", name, text, "see who makes them: busgate nodes"))
        else:
            found.append(Finding("store", "ok", name, f"{count} watches are open"))
        return found


def _of_replicas(name: str, answer: Mapping[str, Any]) -> Iterator[Finding]:
    """Whether the bucket is where it should be: one server leads, the others follow."""
    cluster = answer.get("cluster") or {}
    followers = cluster.get("replicas") or []
    wanted = int(answer["config"].get("num_replicas", 1))
    for one in followers:
        if one.get("offline") or not one.get("current"):
            state = "is gone" if one.get("offline") else "lags behind"
            lag = f" by {one['lag']} entries" if one.get("lag") and not one.get("offline") else ""
            text = f"its replica on server {one['name']} {state}{lag}: a further failure can stop all writes"
            yield Finding("store", "problem", name, text, "see to nats-server there; it catches up by itself")
    present = [one for one in followers if not one.get("offline") and one.get("current")]
    if len(present) + 1 >= wanted:
        where = ", ".join(sorted([cluster.get("leader", "?"), *(one["name"] for one in present)]))
        count = f"{wanted} replicas" if wanted > 1 else "one replica"
        yield Finding("store", "ok", name, f"{count}, on {where}" if cluster.get("leader") else count)
    elif len(followers) + 1 < wanted:
        text = f"{len(followers) + 1} of {wanted} replicas have a server"
        yield Finding("store", "problem", name, text, "start as many servers")


def _of_settings(answers: Sequence[Mapping[str, Any]]) -> Iterator[Finding]:
    """Whether each server writes to the disk before it acknowledges; and whether all are of one version."""
    if not answers:
        text = "it is not known whether servers write to the disk before they acknowledge: this user may not ask"
        advice = "look there: sync_interval: always, in the section jetstream; or let it ask, as nats-server.conf does"
        yield Finding("store", "warning", "sync_interval", text, advice)
        return
    for answer in answers:
        config = (answer.get("data") or {}).get("config")
        who = str((answer.get("server") or {}).get("name", "?"))
        if config and not config.get("sync_always"):
            seconds = config.get("sync_interval", 0) / NANOSECONDS
            text = f"server {who} may lose up to {seconds:g} s of acknowledged writes in a power cut"
            yield Finding("store", "problem", "sync_interval", text, SYNC)
    if all(((answer.get("data") or {}).get("config") or {}).get("sync_always") for answer in answers):
        yield Finding("store", "ok", "sync_interval", f"{_servers(len(answers))} to the disk before acknowledging")
    versions = sorted({str((answer.get("server") or {}).get("ver")) for answer in answers})
    if len(versions) > 1:
        text = f"they run {', '.join(versions)}: fine while they are upgraded one by one"
        yield Finding("store", "warning", "servers", text, "upgrade the others, too")


def _servers(count: int) -> str:
    return "the server writes" if count == 1 else f"all {count} servers write"


async def _gathered(session: Session) -> list[dict[str, Any]]:
    """What all servers say of their settings; nothing where this user may not ask them."""
    answers: list[dict[str, Any]] = []
    nobody = anyio.Event()

    def receive(message: Msg) -> None:
        if (message.headers or {}).get("Status"):
            nobody.set()
        else:
            answers.append(json.loads(message.data))

    heard = Heard(f"{session.inbox}.s", receive)
    session.subscribe(heard)
    try:
        session.send(SERVERS, reply=heard.subject)
        await session.settle()
        if not session.forbids(SERVERS):
            with anyio.move_on_after(GATHER):
                await nobody.wait()
    finally:
        session.unsubscribe(heard)
    return sorted(answers, key=lambda answer: str((answer.get("server") or {}).get("name")))
