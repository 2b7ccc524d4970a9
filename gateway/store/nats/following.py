"""A watch on a subtree or several: how its changes come from the servers, and go on after a break.

Theory of operation
-------------------
1. A follower has a push consumer of its own, by a name of its own, in the memory of one server. Its first messages are
   the newest of each subject (``last_per_subject``), then come changes, in the order of the stream.
2. Every message has the consumer's own number. A gap, a heartbeat that counts otherwise, or silence for ``SILENT``
   heartbeats means that something is lost: the consumer is thrown away and another made.
3. Requests for flow control are answered when what came before them is in the watch, so the servers never send more
   than is taken.
4. Once the snapshot is taken, messages go into the watch as they come in, without another task between.
5. The new consumer begins behind the watch's position. That brings all that has changed since, as long as deletions are
   remembered. So after more than half of the bucket's horizon, or when the bucket is another, or has lost its end, the
   watch is resynchronised: a snapshot is read, and the difference handed out.
6. The snapshot is complete with the message behind which nothing waits, with as many messages as waited when it began,
   or with the first heartbeat, which comes only when there is nothing to send.
7. A consumer that is not needed any more is deleted; should that get lost, the servers do it, as nobody listens.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import anyio

from gateway.errors import Detached, StoreError
from gateway.store.nats.bucket import NANOSECONDS, timestamp
from gateway.store.nats.delivery import HEARTBEAT, SILENT, Broken, Delivery, fields
from gateway.store.nats.records import Record
from gateway.store.nats.session import Heard

if TYPE_CHECKING:
    import logging
    from collections.abc import Callable

    from nats.aio.msg import Msg

    from gateway.abc import Store
    from gateway.store.nats.bucket import State
    from gateway.store.nats.connection import Connection
    from gateway.store.nats.session import Session
    from gateway.store.nats.subjects import Subjects
    from gateway.store.nats.watching import Watch

#: Seconds that the servers have to make a consumer.
CREATE_TIMEOUT: Final = 3.0
#: Seconds after which the servers drop a consumer whose node has gone.
INACTIVE: Final = 10.0
#: Seconds until a consumer is made again: at first, and at most; the real wait is random.
PAUSE: Final = (0.05, 2.0)


class Follower:
    """Feeds one watch.

    Args:
        saw: gets each record.
        node: the node, as part of the name of a consumer.
        remembered: gives the seconds for which deletions are certainly remembered.
    """

    def __init__(
        self,
        watch: Watch,
        store: Store,
        saw: Callable[[Record], None],
        connection: Connection,
        subjects: Subjects,
        filters: list[str],
        node: str,
        log: logging.Logger,
        remembered: Callable[[], float],
    ) -> None:
        self._watch = watch
        self._store = store
        self._saw = saw
        self._connection = connection
        self._subjects = subjects
        self._filters = filters
        self._node = node
        self._log = log
        self._remembered = remembered
        self._since = -1  # the consumer knows everything up to here; -1: nothing
        self._tell = True
        self._resync = ""
        self._started = False
        self._id, self._floor = "", 0  # of the bucket: its id, and a revision before the first consumer
        self._delivery: Delivery | None = None
        self._last_session: Session | None = None
        self._heard = 0.0
        self.scope = anyio.CancelScope()

    async def begin(self, *, fetch: bool, since: tuple[str, int] | None) -> None:
        """Have the first consumer made; whatever is acknowledged afterwards will be told.

        Raises: Detached, Denied.
        """
        session = self._connection.session()
        state = await self._connection.bucket.state(session)
        self._id, self._floor = state.id, state.last
        if since is not None:
            self._resync = await self._doubts(session, state, *since)
            self._since = -1 if self._resync else since[1]
        elif not fetch:
            self._since, self._tell = state.last, False
        self._delivery = await self._make(session, {"deliver_policy": "last_per_subject"})

    async def _doubts(self, session: Session, state: State, store_id: str, since: int) -> str:
        """Why the consumer can't go on from a revision; empty if it can."""
        if store_id != state.id or since > state.last:
            return f"changes since revision {since} of {store_id} are not known here"
        limit = state.now - self._remembered() / 2
        if state.created > limit:
            return ""
        for sequence in (since, since + 1):  # the newest moment of which it is certain that it was not later
            answer = await session.ask(f"$JS.API.STREAM.MSG.GET.{self._subjects.stream}", {"seq": sequence})
            if "message" in answer and timestamp(answer["message"]["time"]) > limit:
                return ""
        return f"deletions since revision {since} may have been forgotten"

    async def run(self) -> None:
        """Follow until cancelled; ends when the servers forbid it, and the watch with it."""
        with self.scope:
            pause = PAUSE[0]
            while True:
                try:
                    await self._follow()
                except (Broken, Detached) as error:
                    self._log.debug("a watch begins anew: %s", error)
                except StoreError as error:
                    self._watch.fail(error)
                    return
                finally:
                    self._drop()
                if self._watch.behind:
                    await self._watch.wanted.wait()
                    pause = PAUSE[0]
                    continue
                await anyio.sleep(self._store.random.uniform(0, pause))
                pause = PAUSE[0] if self._store.clock.lease_now() - self._heard < 1 else min(2 * pause, PAUSE[1])

    async def _follow(self) -> None:
        """Take what one consumer sends, until it can't be relied upon or the watch is behind."""
        if self._delivery is None:
            await self._resume(await self._connection.confirmed())
        delivery = self._delivery
        assert delivery is not None
        self._heard = self._store.clock.lease_now()
        if not self._started:
            await self._begin(delivery)
        while delivery.queue:
            self._pass_on(delivery, delivery.queue.popleft())
        delivery.hand_over(partial(self._pass_on, delivery))
        while not self._watch.behind:
            await self._look_after(delivery)

    def _pass_on(self, delivery: Delivery, message: Msg) -> None:
        record = self._take(delivery, message)
        if record is not None and self._watch.takes(record.key):
            self._watch.offer(record)
            if self._watch.behind:
                delivery.wake()

    async def _look_after(self, delivery: Delivery) -> None:
        """Wait until the watch is behind or it is time to look again; raises when the consumer is in trouble."""
        delivery.session.check()
        if delivery.trouble is not None:
            raise delivery.trouble
        patience = SILENT * HEARTBEAT - (self._store.clock.lease_now() - self._heard)
        if patience <= 0:
            raise Broken("the consumer has become silent")
        with anyio.move_on_after(patience):
            await delivery.arrived.wait()

    async def _resume(self, session: Session) -> None:
        """Make the consumer that comes after another."""
        if not self._started:
            self._delivery = await self._make(session, {"deliver_policy": "last_per_subject"})
            return
        reason = self._gap(session)
        if not reason:
            self._watch.behind = False
            start = {"deliver_policy": "by_start_sequence", "opt_start_seq": self._watch.position + 1}
            self._delivery = await self._make(session, start)
            return
        delivery = self._delivery = await self._make(session, {"deliver_policy": "last_per_subject"})
        snapshot, upto = await self._snapshot(delivery, session.last_sequence)
        state = self._connection.state
        self._id = state.id if state is not None else self._id
        self._watch.behind = False
        self._watch.resync(reason, snapshot, upto)

    def _gap(self, session: Session) -> str:
        """Why the watch can't just go on; empty if it can."""
        state = self._connection.state
        away = self._store.clock.lease_now() - self._heard
        if state is not None and state.id != self._id:
            return "the bucket is another one"
        if away >= self._remembered() / 2:
            return f"nothing was heard for {away:.0f} s: deletions may have been forgotten"
        if session is not self._last_session and session.last_sequence < self._watch.position:
            return f"the servers have lost what came after revision {session.last_sequence}"
        return ""

    async def _begin(self, delivery: Delivery) -> None:
        snapshot, upto = await self._snapshot(delivery, self._floor)
        if self._since >= 0:
            self._watch.begin_at(snapshot, self._since, upto, tell=self._tell)
        else:
            self._watch.begin(snapshot, upto, self._resync)
        self._started = True

    async def _snapshot(self, delivery: Delivery, upto: int) -> tuple[dict[str, Record], int]:
        """The newest record of each entry, markers included; and the sequence up to which that is everything.

        Args:
            upto: a sequence that there was before the consumer was made.
        """
        found: dict[str, Record] = {}
        received = 0
        complete = not delivery.waiting
        while not complete:
            message = await delivery.next()
            record = self._take(delivery, message)
            if record is None:
                complete = (message.headers or {}).get("Description") == "Idle Heartbeat"
                continue
            received += 1
            upto = max(upto, record.sequence)
            complete = received >= delivery.waiting or delivery.behind == 0
            if self._watch.takes(record.key):
                found[record.key] = record
        return found, upto

    def _take(self, delivery: Delivery, message: Msg) -> Record | None:
        """Check the order, answer flow control; gives the record, if the message is one."""
        self._heard = self._store.clock.lease_now()
        headers = message.headers
        if headers and (status := headers.get("Status")) is not None:
            if status != "100":
                raise Broken(headers.get("Description", status))
            if (stalled := headers.get("Nats-Consumer-Stalled")) is not None:
                delivery.session.send(stalled)
            if message.reply:
                delivery.session.send(message.reply)
            elif int(headers.get("Nats-Last-Consumer", delivery.number)) != delivery.number:
                raise Broken("messages were lost on the way")
            return None
        sequence, number, delivery.behind = fields(message)
        if number != delivery.number + 1:
            raise Broken("messages were lost on the way")
        delivery.number = number
        record = Record.read(self._subjects.key(message.subject), sequence, headers, message.data)
        self._saw(record)
        return record

    async def _make(self, session: Session, start: dict[str, Any]) -> Delivery:
        delivery = Delivery(f"{self._node}-{self._store.random.getrandbits(64):016x}", session)
        delivery.heard = Heard(f"{session.inbox}.d.{delivery.name}", delivery.receive)
        config = {
            **start,
            "name": delivery.name,
            "deliver_subject": delivery.heard.subject,
            "ack_policy": "none",
            "max_deliver": 1,
            "replay_policy": "instant",
            "flow_control": True,
            "idle_heartbeat": int(HEARTBEAT * NANOSECONDS),
            "inactive_threshold": int(INACTIVE * NANOSECONDS),
            "num_replicas": 1,
            "mem_storage": True,
        }
        stream, subject = self._subjects.stream, f"$JS.API.CONSUMER.CREATE.{self._subjects.stream}.{delivery.name}"
        if len(self._filters) == 1:
            config["filter_subject"] = self._filters[0]
            subject = f"{subject}.{self._filters[0]}"
        else:
            config["filter_subjects"] = self._filters
        session.waiting[delivery] = None
        session.subscribe(delivery.heard)
        try:
            body = {"stream_name": stream, "config": config, "action": "create"}
            answer = await session.ask(subject, body, CREATE_TIMEOUT)
        except BaseException:
            self._discard(delivery)
            raise
        if "error" in answer:
            self._discard(delivery)
            raise Detached(f"the servers make no consumer: {answer['error'].get('description')}")
        delivery.waiting = int(answer.get("num_pending", 0))
        self._last_session = session
        return delivery

    def _discard(self, delivery: Delivery) -> None:
        delivery.session.waiting.pop(delivery, None)
        if not delivery.session.ended.is_set():
            delivery.session.unsubscribe(delivery.heard)
            delivery.session.send(f"$JS.API.CONSUMER.DELETE.{self._subjects.stream}.{delivery.name}")

    def _drop(self) -> None:
        if self._delivery is not None:
            self._discard(self._delivery)
            self._delivery = None

    def end(self) -> None:
        """The watch was left."""
        self.scope.cancel()
        self._drop()
