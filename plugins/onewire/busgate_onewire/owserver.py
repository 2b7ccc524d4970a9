"""One connection to an owserver, through pyownet. Blocking: everything here but ``interrupt`` is for a worker thread.

Theory of operation
-------------------
1. A connection is used by one thread at a time (pyownet's persistent proxy isn't thread-safe) and is made when it is
   first needed, so that a server that comes later is no special case.
2. No exception leaves :meth:`Connection.run`: a pyownet exception keeps its frames, and these keep the socket open.
   What matters of it becomes text.
3. After anything but an answer the proxy is thrown away. A read is then tried once more on a new connection when the
   peer had closed the old one (owserver drops idle clients after 600 s, and all when it is restarted); a write only
   when the connection had been used before, and closed before any byte of the answer. Silence is never tried again.
4. pyownet's public factory reads the table of error texts without any timeout, from which a server that sends
   keepalives for ever would never let it return. So the proxy is made without it; we have our own words for errors.
5. Reads out of the server's cache go in bursts over pyownet's socket (:mod:`busgate_onewire.burst`). What a burst
   leaves over, for whatever reason, is asked one by one.
6. A write asks its permit when all is ready for it, connection included; its repetition asks again. If that one is
   refused, the write counts as lost: the first attempt may have got through, "nothing was written" would be a guess.
7. ``interrupt`` shuts the socket down under the thread, which then ends at once: a thread can't be cancelled.
"""

from __future__ import annotations

import contextlib
import socket
import struct
import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from pyownet import protocol

from busgate_onewire.burst import MESSAGES, WINDOW, AnswerReader, FrameError, encode_read
from gateway.abc import UNFENCED
from gateway.errors import ClaimLost

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from busgate_onewire.burst import Kind
    from busgate_onewire.options import Address
    from gateway.abc import Permit

#: Shows `/bus.N` in the root directory; the bits that are 0 mean °C, mbar and ids like 28.67C6697351FF (owfs.org,
#: "owserver flag word").
_FLAGS: Final = protocol.FLG_OWNET | protocol.FLG_BUS_RET


#: Seconds in which an owserver that has the bus to itself is done with a write: three attempts (owfs, ow_write.c) of
#: some 90 bytes each, on an adapter at 9600 bit/s, its slowest speed (Maxim datasheet DS2480B; 10 bits a byte).
WRITE_TIME: Final = 0.3
#: Bytes asked for in a read; less than a value has would cut it without an error.
LARGEST_VALUE: Final = 8192
#: Seconds to let answers gather while so many are to come: a wake-up for each would cost more than the answer.
GATHER: Final = 0.001
GATHER_FROM: Final = 16


@dataclass(frozen=True, slots=True)
class Request:
    """One message to the server; ``timeout`` in seconds, looked at once a second (when a keepalive comes).

    ``permit`` is for a write that somebody asked for, not for one that belongs to a reading.
    """

    kind: Kind
    path: str = ""
    timeout: float = 5.0
    data: bytes = b""
    permit: Permit = UNFENCED


@dataclass(frozen=True, slots=True)
class Answer:
    """The server's answer: ``code`` 0, or the number of its error; ``at`` in seconds of ``lease_now``."""

    code: int
    data: bytes = b""
    at: float = 0.0


@dataclass(slots=True)
class Outcome:
    """The answers to the first few requests; ``lost`` or ``refused`` says why the next one got none."""

    answers: list[Answer] = field(default_factory=list)
    lost: str = ""
    unsent: bool = False  # nothing of the request without an answer has left
    refused: ClaimLost | None = None


@dataclass(frozen=True, slots=True)
class Loss:
    """Why a request got no answer: ``closed`` by the peer, ``early`` before any byte of one."""

    reason: str
    closed: bool = False
    early: bool = False
    unsent: bool = False


class Connection:
    """A persistent connection, made on demand. ``opened`` counts how often it was made.

    Args:
        now: the clock's ``lease_now``, for the times of answers.
    """

    def __init__(self, address: Address, now: Callable[[], float]) -> None:
        self._address = address
        self._now = now
        self._proxy: Any = None
        self._socket: socket.socket | None = None
        self._interrupted = False
        self.opened = 0

    @property
    def alive(self) -> bool:
        """Whether it is made, as far as is known."""
        return self._proxy is not None and self._proxy.conn is not None

    def run(self, requests: Sequence[Request], slice_: float) -> Outcome:
        """Make requests one after the other; after ``slice_`` seconds no further one is begun.

        Returns:
            at least one answer, or why there is none.
        """
        outcome = Outcome()
        end = time.monotonic() + slice_
        for request in requests:
            if outcome.answers and time.monotonic() >= end:
                break
            try:
                found = self._ask(request)
            except ClaimLost as refusal:
                outcome.refused = refusal
                break
            if isinstance(found, Loss):
                outcome.lost, outcome.unsent = found.reason, found.unsent
                break
            outcome.answers.append(found)
        return outcome

    def run_burst(self, requests: Sequence[Request], slice_: float) -> Outcome:
        """As :meth:`run`, for reads that the server answers without a bus: many of them are on their way at a time."""
        outcome = Outcome()
        try:
            if self._connect() is None:
                self._burst(requests, time.monotonic() + slice_, outcome.answers)
        except TimeoutError:
            self.close()
            outcome.lost = "no answer"
        except (OSError, FrameError):
            self.close()
        return outcome if outcome.answers or outcome.lost else self.run(requests, slice_)

    def _burst(self, requests: Sequence[Request], end: float, answers: list[Answer]) -> None:
        """Add answers as they come, until all have come, or those to what was sent before ``end``."""
        link, reader = self._proxy.conn.socket, AnswerReader()
        sent = 0
        heard = time.monotonic()
        while len(answers) < len(requests):
            now = time.monotonic()
            if now >= end and sent == len(answers) > 0:
                return
            ahead = requests[sent : len(answers) + WINDOW] if now < end or not sent else ()
            if ahead:
                link.sendall(b"".join([encode_read(request.path, LARGEST_VALUE) for request in ahead]))
                sent += len(ahead)
            if sent - len(answers) >= GATHER_FROM:
                time.sleep(GATHER)
            data = link.recv(65536)
            link.setsockopt(socket.IPPROTO_TCP, socket.TCP_QUICKACK, 1)  # Linux forgets it
            fresh = reader.feed(data)
            now, at = time.monotonic(), self._now()
            answers += [Answer(max(0, -ret), found, at) for ret, found in fresh]
            heard = now if fresh else heard
            if now > heard + requests[0].timeout:
                raise TimeoutError
            if not data or not reader.persistent:
                self.close()
                return

    def interrupt(self) -> None:
        """End what a thread is doing here; callable from any thread. The connection can't be used after that."""
        self._interrupted = True
        if self._socket is not None:
            with contextlib.suppress(OSError):  # closed already
                self._socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Hang up. pyownet closes the socket when its connection object goes."""
        if self._proxy is not None:
            self._proxy.conn = None
        self._proxy = self._socket = None

    def _ask(self, request: Request) -> Answer | Loss:
        reused = self.alive
        found = self._once(request)
        if not isinstance(found, Loss):
            return found
        self.close()
        if self._interrupted or not may_repeat(request, found, reused=reused):
            return found
        try:
            second = self._once(request)
        except ClaimLost:
            return found
        if isinstance(second, Loss):
            self.close()
        return second

    def _once(self, request: Request) -> Answer | Loss:
        if loss := self._connect():
            return loss
        return self._exchange(request)

    def _connect(self) -> Loss | None:
        if self._interrupted:
            return Loss("interrupted", unsent=True)
        reason = "no address"
        try:
            if self._proxy is not None:
                self._attach(self._proxy)
                return None
            host, port = self._address
            for family, _, _, _, address in socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM, socket.IPPROTO_TCP):
                proxy = protocol._PersistentProxy(family, address, flags=_FLAGS)  # noqa: SLF001 - rule 4
                try:
                    self._attach(proxy)
                except protocol.ConnError as error:
                    reason = _words(error)
                else:
                    return None
        except (OSError, AssertionError, UnicodeError) as error:
            reason = _words(error)
        return Loss(f"can't connect: {reason}", unsent=True)

    def _attach(self, proxy: Any) -> None:
        if proxy.conn is None:
            proxy.conn = proxy._new_connection()  # noqa: SLF001 - so that its socket is known to `interrupt`
            self.opened += 1
        self._proxy, self._socket = proxy, proxy.conn.socket

    def _exchange(self, request: Request) -> Answer | Loss:
        path = request.path.encode(errors="surrogateescape")
        payload = b"" if request.kind == "ping" else path + b"\0" + request.data
        size = {"read": LARGEST_VALUE, "write": len(request.data)}.get(request.kind, 0)
        if request.kind == "write":
            request.permit.check(WRITE_TIME)
        try:
            ret, data = self._proxy.sendmess(MESSAGES[request.kind], payload, 0, size, 0, request.timeout)
        except protocol.OwnetTimeout:
            return Loss(f"no answer within {request.timeout:g} s, only keepalives")
        except protocol.ShortRead as error:
            return Loss("the connection was closed instead of an answer", closed=True, early=error.read == 0)
        except protocol.ConnError as error:
            silent = error.errno is None
            return Loss("no answer" if silent else _words(error), closed=not silent, early=not silent)
        except (protocol.Error, OSError, AssertionError, ValueError, struct.error) as error:
            return Loss(f"what answers there doesn't speak owserver's protocol: {_words(error)}")
        return Answer(max(0, -ret), bytes(data), self._now())


def may_repeat(request: Request, loss: Loss, *, reused: bool) -> bool:
    """Whether a request may be made once more, by rule 3; ``reused``: on a connection that had been used before."""
    return loss.closed and (reused and loss.early if request.kind == "write" else True)


def _words(error: BaseException) -> str:
    """What an exception says, without its type and without what hangs on it."""
    text = getattr(error, "strerror", None) or str(error.args[0] if error.args else error)
    return str(text).strip()[:200].lower() or type(error).__name__
