"""Entries: reading, writing and compare-and-set on single messages of the stream.

Theory of operation
-------------------
1. The servers compare and set by sequence: ``Nats-Expected-Last-Subject-Sequence``. The sequence that a revision stands
   for is what the newest message of the subject has, if its content has been the same since that revision; for
   revision 0 it is that of the marker, or 0 (:mod:`~gateway.store.nats.records`).
2. ``_seen`` remembers the newest message of the entries used last. It only saves a question: a message never changes,
   and when it isn't the newest any more the servers refuse the write. Then the entry is read, and the write is tried
   again only if it still has the revision that was asked for.
3. A read never decides that a write is made. It may show an older state than the truth, as the servers answer it
   without asking each other; then it is asked again until it shows what the refusal told.
4. A write that got no answer is never sent again.
5. A server that led the stream, stood still, and runs again takes itself for the leader until it hears of the new one.
   Till then writes reach both, both answer, and its refusal may come first although the other takes the write. So a
   refusal is final only if it tells of a newer message than was expected. After another one, the entry shows the mark
   of the write, or one that has replaced the same message; else the outcome is uncertain. So it is also when a server
   says that it can't take the write now.
"""

from __future__ import annotations

import base64
import itertools
import re
from collections import OrderedDict
from typing import TYPE_CHECKING, Final

import anyio

from gateway.errors import Conflict, Denied, Detached, Uncertain
from gateway.store.nats.records import EXPECTED, OPERATION, TTL, WRITE, Record
from gateway.store.nats.session import REQUEST_TIMEOUT
from gateway.values import Entry, NotGiven

if TYPE_CHECKING:
    from gateway.path import Path
    from gateway.store.nats.connection import Connection
    from gateway.store.nats.session import Reply
    from gateway.store.nats.subjects import Subjects

#: How many entries are remembered.
SEEN: Final = 16_384
#: Error codes of JetStream (nats-server, server/errors.json): another sequence; another write is under way; no message.
WRONG_SEQUENCE, UNDER_WAY, NO_MESSAGE = 10071, 10164, 10037
#: From this code on, an error tells of the server that answers, not of the message (as in HTTP, which it follows).
NOT_NOW: Final = 500
#: Seconds between looks at an entry whose newest state doesn't show yet.
LOOKS: Final = (0.0, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.4)
#: Seconds between tries while the servers choose a leader.
AGAIN: Final = 0.05


class Refused(Exception):
    """The entry's newest message has another sequence: ``last``, if the server told.

    ``final``: no server can have taken the write.
    """

    def __init__(self, expected: int, last: int | None) -> None:
        self.last = last
        self.final = last is not None and last > expected
        super().__init__(expected, last)


class Entries:
    """The entries of the bucket."""

    def __init__(self, connection: Connection, subjects: Subjects, who: str) -> None:
        self._connection = connection
        self._subjects = subjects
        self._who = who
        self._numbers = itertools.count()
        self._seen: OrderedDict[str, tuple[int, int]] = OrderedDict()  # sequence and revision; revision 0: a marker

    async def get(self, path: Path) -> Entry:
        """Read an entry; never older than what this store has seen of it itself."""
        sequence, _ = self._seen.get(path.key, (0, 0))
        for pause in LOOKS:
            await anyio.sleep(pause)
            record = await self.read(path)
            if (record.sequence if record else 0) >= sequence or (record is None and pause):
                break
        return record.entry(path) if record else Entry(path, NotGiven, 0)

    async def read(self, path: Path) -> Record | None:
        """The newest message of an entry, as far as the server that answers knows; None: there is none."""
        body = {"last_by_subj": self._subjects.entry(path.key)}
        try:
            answer = await self._connection.session().ask(f"$JS.API.STREAM.MSG.GET.{self._subjects.stream}", body)
        except Denied as error:
            raise Denied(f"{self._who} may not read {path} by itself") from error
        if "error" in answer:
            if answer["error"].get("err_code") == NO_MESSAGE:
                return None
            raise Detached(f"{path} can't be read: {answer['error'].get('description')}")
        message = answer["message"]
        data = base64.b64decode(message.get("data", ""))
        record = Record.read(path.key, message["seq"], _headers(message.get("hdrs", "")), data)
        self.saw(record)
        return record

    def saw(self, record: Record) -> None:
        """A watch has been told of an entry."""
        self._note(record.key, record.sequence, record.revision if record.data is not None else 0)

    def _note(self, key: str, sequence: int, revision: int) -> None:
        known = self._seen.get(key)
        if known is None:
            self._seen[key] = sequence, revision
            if len(self._seen) > SEEN:
                self._seen.popitem(last=False)
        elif known[0] <= sequence:
            self._seen[key] = sequence, revision
            self._seen.move_to_end(key)

    async def set(self, path: Path, data: bytes, revision: int | None, headers: dict[str, str] | None = None) -> int:
        """Write an entry; raises as ``Store.set``."""
        written = await self._write(path, data, headers or {}, revision)
        self._note(path.key, written, written)
        return written

    async def delete(self, path: Path, revision: int | None) -> int:
        """Write a marker; raises as ``Store.delete``."""
        if not revision:
            record = await self.read(path)
            if record is None or record.data is None:
                return 0
            if revision == 0:
                raise Conflict(path, 0, record.entry(path))
        return await self.bury(path, revision)

    async def bury(self, path: Path, revision: int | None) -> int:
        """Write a marker over an entry that is there."""
        state = self._connection.state
        headers = {OPERATION: "PURGE", TTL: f"{max(1, int(state.horizon if state else 1))}s"}
        written = await self._write(path, b"", headers, revision)
        self._note(path.key, written, 0)
        return written

    async def replace(self, path: Path, data: bytes, headers: dict[str, str], sequence: int, revision: int) -> int:
        """Write an entry anew with the same content; ``Refused`` when its newest message isn't ``sequence``."""
        written = await self._publish(path, data, headers, sequence)
        self._note(path.key, written, revision)
        return written

    async def _write(self, path: Path, data: bytes, headers: dict[str, str], revision: int | None) -> int:
        if revision is None:
            return await self._publish(path, data, headers, None)
        expected = await self._sequence_of(path, revision)
        mark = f"{self._connection.session().inbox}.{next(self._numbers):x}"
        while True:
            try:
                return await self._publish(path, data, headers | {WRITE: mark}, expected)
            except Refused as refused:
                sequence, landed = await self._look_again(path, revision, mark, expected, refused)
            if landed:
                return sequence
            expected = sequence

    async def _sequence_of(self, path: Path, revision: int) -> int:
        """What a revision is to be asked for by; Conflict when it is over for certain."""
        sequence, content = self._seen.get(path.key, (0, 0))
        if sequence and _is_at(revision, sequence, content):
            return sequence
        if revision == 0:
            return 0
        try:
            record = await self.read(path)
        except Denied:  # the servers compare all the same
            return revision
        if record is None or record.sequence < revision:
            return revision
        if not record.is_at(revision):
            raise Conflict(path, revision, record.entry(path))
        return record.sequence

    async def _look_again(
        self, path: Path, revision: int, mark: str, expected: int, refused: Refused
    ) -> tuple[int, bool]:
        """After a refusal: the sequence that has the revision now, or that of the write, and whether it is this.

        Raises: Conflict when neither is there, Uncertain when the write may have been replaced already.
        """
        record = None
        for pause in LOOKS:
            await anyio.sleep(pause)
            try:
                record = await self.read(path)
            except Denied:
                break
            except Detached:
                continue
            sequence = record.sequence if record else 0
            if record and (record.write, record.replaced) == (mark, expected):
                return sequence, True
            if sequence < (refused.last or 0) or (record and sequence < expected):
                continue  # whoever has answered lags behind
            if not (record.is_at(revision) if record else revision == 0):
                if not refused.final and record and record.replaced != expected:
                    break
                raise Conflict(path, revision, record.entry(path) if record else Entry(path, NotGiven, 0))
            if sequence != expected:
                return sequence, False
            # another's write is under way
        if refused.final:
            raise Conflict(path, revision)
        if record and record.sequence < expected and self._seen[path.key][0] < expected:
            raise Conflict(path, revision, record.entry(path))  # that revision has never been
        raise Uncertain(f"{path} was refused by a server that may not lead any more; another may have taken the write")

    async def _publish(self, path: Path, data: bytes, headers: dict[str, str], expected: int | None) -> int:
        if expected is not None:
            headers = {**headers, EXPECTED: str(expected)}
        try:
            answer = (await self._send(path, data, headers)).json()
        except (Detached, Uncertain):
            self._connection.unheard()
            raise
        if "error" not in answer:
            self._connection.acknowledged()
            return int(answer["seq"])
        error = answer["error"]
        if error.get("err_code") in (WRONG_SEQUENCE, UNDER_WAY):
            told = re.search(r"wrong last sequence: (\d+)", error.get("description", ""))
            raise Refused(expected or 0, int(told[1]) if told else None)
        if error.get("code", 0) >= NOT_NOW:
            self._connection.unheard()
            raise Uncertain(f"a server couldn't take the write, another may have: {error.get('description')}")
        raise Detached(f"the servers don't take the write: {error.get('description')}")

    async def _send(self, path: Path, data: bytes, headers: dict[str, str]) -> Reply:
        """Send a write until somebody is there who answers: while a leader is chosen, nobody is."""
        subject = self._subjects.entry(path.key)
        limit = anyio.current_time() + REQUEST_TIMEOUT
        while True:
            try:
                reply = await self._connection.session().request(subject, data, headers)
            except Denied as error:
                raise Denied(f"{self._who} may not write {path}: the servers forbid it") from error
            if not reply.nobody:
                return reply
            if anyio.current_time() > limit:
                raise Detached("the servers have no leader for the bucket now: nothing was written")
            await anyio.sleep(AGAIN)


def _is_at(revision: int, sequence: int, content: int) -> bool:
    return content <= revision <= sequence if content else revision == 0


def _headers(encoded: str) -> dict[str, str]:
    """The headers of a message as JSON holds them: ``NATS/1.0``, then a line for each."""
    lines = base64.b64decode(encoded).decode(errors="replace").split("\r\n")[1:]
    return {name.strip(): value.strip() for name, _, value in (line.partition(":") for line in lines) if name}
