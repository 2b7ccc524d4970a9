"""An owserver on a TCP port: connections, persistence, signs of life, and misbehaviour on demand.

Source: behaviour of owserver 3.2p4 as measured.

Theory of operation
 1. A client that wants persistence gets it unless 20 connections have it; the others are closed after their
    first answer. Requests of one connection are answered one after the other.
 2. While a client waits it gets a sign of life after 1 s and then each second; during DIR the first comes
    half a second after each entry. A NOP gets none, nor a read of a remembered value, which never waits.
 3. A frame that stays incomplete for 10 s closes the connection; a persistent one that stays silent is closed
    after 600 s, or after 4200 s while fewer than 10 are open.
 4. `close` cancels all connections and frees the port; `open` takes the same port again.
"""

from __future__ import annotations

import errno
import math
import os
from contextlib import closing, contextmanager, nullcontext
from dataclasses import replace
from typing import TYPE_CHECKING, Final

import anyio
from anyio.lowlevel import checkpoint

from hwsim.junction import Junction, Peer, TappedPeer
from hwsim.onewire.owserver.disturbance import ClosePoint, Disturbance, Treatment
from hwsim.onewire.owserver.frames import (
    HEADER,
    KEEPALIVE,
    Answer,
    Flag,
    FrameError,
    MessageType,
    Request,
    RequestReader,
)
from hwsim.onewire.owserver.memory import MemoryListener
from hwsim.onewire.owserver.sockets import Listener
from hwsim.traffic import Exchange

if TYPE_CHECKING:
    from collections.abc import Iterator

    from anyio.abc import TaskGroup, TaskStatus

    from hwsim.clock import HouseTime
    from hwsim.onewire.owserver.memory import MemoryStream
    from hwsim.onewire.owserver.owserver import Owserver

MOST_PERSISTENT: Final = 20
_FIRST_SIGN, _NEXT_SIGN, _SIGN_IN_DIR = 1.0, 1.0, 0.5
_FRAME_TIMEOUT: Final = 10.0
_HURRIED_AT_MOST: Final = 64
_IDLE_SHORT, _IDLE_LONG, _FEW = 600.0, 4200.0, 10
_TYPE_NAMES = {int(kind): kind.name for kind in MessageType if kind is not MessageType.ERROR}


class OwserverPort:
    """The listening side of one owserver; `in_memory` says where it listens from the next `bind` on."""

    def __init__(
        self, owserver: Owserver, disturbance: Disturbance, time: HouseTime, host: str, port: int | None
    ) -> None:
        self.host = host
        self.port = port or 0
        self.in_memory = False
        self.junction = Junction()
        self._owserver = owserver
        self._disturbance = disturbance
        self._time = time
        self._traffic = owserver.master.traffic
        self._listener: Listener | MemoryListener | None = None
        self._door: MemoryListener | None = None
        self._scope: anyio.CancelScope | None = None
        self._closed = anyio.Event()
        self._reset = False

    @property
    def is_open(self) -> bool:
        """Whether clients are accepted."""
        return self._scope is not None

    def bind(self) -> None:
        """Take the port; clients can connect, and wait for `open`.

        Raises:
            OSError: the port can't be had.
        """
        if self.in_memory:
            self._listener = self._door = MemoryListener()
        else:
            self._listener = listener = Listener(self.host, self.port)
            self.port = listener.port

    def connect(self) -> MemoryStream:
        """Connect within this process.

        Raises:
            ConnectionRefusedError: it does not listen.
        """
        if self._door is None:
            raise ConnectionRefusedError(errno.ECONNREFUSED, os.strerror(errno.ECONNREFUSED))
        return self._door.connect()

    def unbind(self) -> None:
        """Give the port back if it was taken and never opened."""
        if self._listener is not None:
            self._listener.close()
            self._listener = None

    async def open(self, tasks: TaskGroup) -> None:
        """Accept clients; the connections live in `tasks` until `close`. Comes after `bind`."""
        listener, self._listener = self._listener, None
        if listener is None:
            raise RuntimeError("open comes after bind")
        await tasks.start(self._run, listener)

    async def close(self, *, reset: bool) -> None:
        """Stop listening and end all connections, or with `reset` break them; returns when it is done."""
        if self._scope is not None:
            self._reset = reset
            self._scope.cancel()
            await self._closed.wait()

    async def _run(self, listener: Listener | MemoryListener, *, task_status: TaskStatus[None]) -> None:
        self._closed = anyio.Event()
        self._reset = False
        try:
            with closing(listener):
                async with anyio.create_task_group() as connections:
                    self._scope = connections.cancel_scope
                    task_status.started()
                    while True:
                        peer = await listener.accept()
                        connections.start_soon(self._connection, TappedPeer(peer, self.junction))
        finally:
            self._scope = None
            self._closed.set()

    async def _connection(self, peer: Peer) -> None:
        self._traffic.connections += 1
        self._traffic.open_connections += 1
        connection = Connection(peer, self._owserver, self._disturbance, self._time)
        try:
            await connection.run()
        except* OSError:
            pass  # the client has gone while it was being answered
        finally:
            self._traffic.open_connections -= 1
            peer.close(reset=self._reset or connection.reset)


class Connection:
    """One client."""

    def __init__(self, peer: Peer, owserver: Owserver, disturbance: Disturbance, time: HouseTime) -> None:
        self.reset = False
        """The connection is to be broken instead of ended."""
        self._peer = peer
        self._owserver = owserver
        self._disturbance = disturbance
        self._time = time
        self._traffic = owserver.master.traffic
        self._reader = RequestReader()
        self._persistent = False
        self._sent_at = 0.0
        self._silence = anyio.CancelScope()
        """Has a deadline while the client is waited for; one scope for all requests, since each costs time."""
        self._hurried = 0
        """How often in a row something had come without waiting."""
        self._sending = anyio.Lock(fast_acquire=True)
        self._first_sign: float | None = None  # seconds; None: nobody waits who wants a sign
        self._asked = anyio.Event()

    async def run(self) -> None:
        """Answer requests until somebody hangs up, or the client is silent for too long."""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(self._signs_of_life)
            await self._answer_all()
            tasks.cancel_scope.cancel()

    async def _answer_all(self) -> None:
        try:
            with self._silence:
                while (request := await self._next_request()) is not None:
                    await self._disturbance.while_stopped()
                    if not await self._answer(request):
                        break
        except FrameError:
            self._traffic.broken_frames += 1
        finally:
            self._traffic.persistent -= self._persistent

    async def _next_request(self) -> Request | None:
        while (request := self._reader.next()) is None:
            data = await self._receive()
            if not data:
                return None
            self._reader.feed(data)
        return request

    async def _receive(self) -> bytes:
        """What has come or comes; nothing when the client has gone.

        A client that asks one thing after the other has often asked again by now, or has when the other connections
        have had their turn. Waiting costs more than all the rest of a quick read, so first it is tried without; but
        not for ever, since others want to run too.
        """
        self._hurried = (self._hurried + 1) % _HURRIED_AT_MOST
        data = self._peer.receive_now() if self._hurried else None
        if data is None and self._persistent:
            await checkpoint()
            data = self._peer.receive_now()
        if data is None:
            self._hurried = 0
            self._silence.deadline = anyio.current_time() + self._patience()
            data = await self._peer.receive()
            self._silence.deadline = math.inf
        return data

    def _patience(self) -> float:
        if self._reader.within_frame or not self._persistent:
            return _FRAME_TIMEOUT
        return _IDLE_LONG if self._traffic.persistent < _FEW else _IDLE_SHORT

    async def _answer(self, request: Request) -> bool:
        """Answer one request; False: hang up."""
        self._traffic.requests[_TYPE_NAMES.get(request.type, "UNKNOWN")] += 1
        if not self._disturbance.rules:
            flags = self._grant(request.flags)
            if answer := self._owserver.at_once(request, flags):
                self._note(request, answer)
                await self._peer.send(answer.encode())
                return bool(flags & Flag.PERSISTENCE)
        treatment = self._disturbance.treat()
        flags = self._grant(request.flags, treatment.persistence)
        self._sent_at = self._time.now()
        for _ in range(treatment.keepalives if request.type != MessageType.NOP else 0):
            await self._sign_of_life()
        signs = treatment.alive and request.type != MessageType.NOP
        with self._waiting(in_dir=request.type == MessageType.DIR) if signs else nullcontext():
            if not treatment.answered:
                await self._never_answer()
                return False
            kept = await self._serve(request, flags, treatment)
        return kept and bool(flags & Flag.PERSISTENCE)

    @contextmanager
    def _waiting(self, *, in_dir: bool) -> Iterator[None]:
        """While this is entered, the client gets signs of life."""
        self._first_sign = _SIGN_IN_DIR if in_dir else _FIRST_SIGN
        self._asked.set()
        try:
            yield
        finally:
            self._first_sign = None

    def _grant(self, flags: int, possible: bool = True) -> int:
        """The flags of the answers: those of the request, without persistence if there is none to give."""
        if not flags & Flag.PERSISTENCE:
            return flags
        if not self._persistent and possible and self._traffic.persistent < MOST_PERSISTENT:
            self._persistent = True
            self._traffic.persistent += 1
        granted = self._persistent and possible
        return flags if granted else flags & ~Flag.PERSISTENCE

    async def _serve(self, request: Request, flags: int, treatment: Treatment) -> bool:
        hung_up = False

        async def send(answer: Answer) -> None:
            nonlocal hung_up
            if hung_up:
                return
            if answer.ret < 0:
                self._traffic.errors[answer.ret] += 1
                self._owserver.master.statistics[f"return_codes/responses.{-answer.ret}"] += 1
            data = _shortened(replace(answer, flags=flags), request, treatment.shortest)
            self._note(request, data)
            await self._disturbance.while_stopped()
            if treatment.close is not None:
                hung_up = True
                self.reset = treatment.reset
                await self._send(_torn(data, treatment.close))
            else:
                await self._send(data.encode())

        await self._owserver.serve(request, send)
        return not hung_up

    def _note(self, request: Request, answer: Answer) -> None:
        kind = _TYPE_NAMES.get(request.type, "UNKNOWN")
        path = request.path if request.payload else ""
        self._traffic.recent.append(Exchange(self._time.now(), kind, path, answer.ret, answer.payload))

    async def _send(self, data: bytes) -> None:
        async with self._sending:
            await self._peer.send(data)
            self._sent_at = self._time.now()

    async def _sign_of_life(self) -> None:
        self._traffic.keepalives += 1
        await self._send(KEEPALIVE)

    async def _signs_of_life(self) -> None:
        """Give them to whoever waits. It sleeps over requests that are answered soon, which are most."""
        signed_at = -1.0
        while True:
            if (first := self._first_sign) is None:
                self._asked = anyio.Event()
                await self._asked.wait()
                continue
            wait = _NEXT_SIGN if signed_at == self._sent_at else first
            rest = self._sent_at + wait - self._time.now()
            if rest > 0:
                await self._time.sleep(min(rest, _SIGN_IN_DIR))  # the next request may want its first one earlier
                continue
            await self._disturbance.while_stopped()
            if self._first_sign is not None:
                await self._sign_of_life()
                signed_at = self._sent_at

    async def _never_answer(self) -> None:
        """Keep the client waiting until it gives up."""
        while await self._peer.receive():
            pass


def _shortened(answer: Answer, request: Request, shortest: int | None) -> Answer:
    if shortest is None or request.type != MessageType.READ or answer.ret < 0:
        return answer
    payload = answer.payload[:shortest]
    return replace(answer, ret=len(payload), payload=payload, size=len(payload))


def _torn(answer: Answer, point: ClosePoint) -> bytes:
    """The part of an answer that a client still gets."""
    data = answer.encode()
    end = {
        ClosePoint.BEFORE: 0,
        ClosePoint.HEADER: HEADER.size // 2,
        ClosePoint.PAYLOAD: HEADER.size + len(answer.payload) // 2,
    }[point]
    return data[:end]
