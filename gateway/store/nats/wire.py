"""One connection to one server, by nats-py 2.16; nothing else here knows that library.

Theory of operation
-------------------
1. The library's own reconnecting is not used: it would send what was waiting after the caller was told that it failed.
   A connection that has ended is thrown away with all that waits in it.
2. Nor are its requests, its JetStream consumers and its limits of what may wait: those drop messages silently.
3. A ping that is given up kills its task that reads (a late answer meets a cancelled future), so none is.
4. Closing it can wait for a peer that stands still, so in the end the socket is aborted.
5. With TLS asked for, nothing is written before it is there, whatever the server says of itself.
"""

from __future__ import annotations

import ssl
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import anyio
import nats.aio.client
import nats.errors
from nats.aio.transport import TcpTransport

from gateway.errors import Detached, LimitExceeded, StoreUnusable
from gateway.store.nats.credentials import check_files

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from nats.aio.msg import Msg
    from nats.aio.subscription import Subscription

    from gateway.store.options import StoreOptions

#: Seconds until a server that has not let us in counts as not answering.
CONNECT_TIMEOUT: Final = 1.0
#: Seconds that closing may take before the socket is aborted.
CLOSE_TIMEOUT: Final = 0.5
#: Never, for options of the library that want a number of seconds.
NEVER: Final = 10**9


class Wire:
    """An open connection.

    Args:
        on_error: gets the text of what the server complains of.
        on_closed: called when it is gone for good.
    """

    def __init__(self, on_error: Callable[[str], None], on_closed: Callable[[], None]) -> None:
        self._client: Any = nats.aio.client.Client()
        self._on_error = on_error
        self._on_closed = on_closed
        self._last_error = ""
        self._begun = False

    async def connect(self, server: str, options: StoreOptions, name: str) -> None:
        """Connect to a server, such as ``nats://host:4222``.

        Raises:
            Detached: it can't be reached, or doesn't answer.
            StoreUnusable: it refuses this user, its TLS is not accepted, or a file of the options can't be used.
        """
        check_files(options)
        secure = server.startswith("tls:") or bool(options.ca or options.cert)
        settings = _settings(server, options, name, secure)
        self._client._transport = _Transport(secure)  # noqa: SLF001 - the library has no other way
        self._begun = True
        try:
            with anyio.fail_after(2 * CONNECT_TIMEOUT):
                await self._client.connect(**settings, **self._callbacks())
        except ModuleNotFoundError as error:
            raise StoreUnusable(
                f"users with keys need the library {error.name}: pip install 'busgate[nats]'"
            ) from error
        except ssl.SSLError as error:
            raise self._explained(server, options, error) from error
        except TimeoutError as error:
            raise Detached(f"{shown(server)} does not answer") from error
        except (nats.errors.Error, OSError) as error:
            raise self._explained(server, options, error) from error

    def _callbacks(self) -> dict[str, Callable[..., Awaitable[None]]]:
        async def failed(error: Exception) -> None:
            self._last_error = str(error)
            self._on_error(str(error))

        async def closed() -> None:
            self._on_closed()

        return {"error_cb": failed, "closed_cb": closed}

    def _explained(self, server: str, options: StoreOptions, error: Exception) -> Detached | StoreUnusable:
        text = f"{error} {self._last_error}".lower()
        if self.info.get("tls_verify") and not options.cert:  # it just hangs up
            return StoreUnusable(f"{shown(server)} wants a certificate of this node: name cert and key in [store]")
        if "authorization" in text or "authentication" in text:
            return StoreUnusable(f"{shown(server)} refuses {options.who}: check what [store] says of the user")
        if isinstance(error, ssl.SSLError) or any(word in text for word in ("tls", "certificate", "ssl")):
            return StoreUnusable(f"{shown(server)}: no secure connection: {_reason(error) or self._last_error}")
        return Detached(f"{shown(server)} can't be reached: {self._last_error or error}")

    @property
    def info(self) -> Mapping[str, Any]:
        """What the server says of itself (docs.nats.io, "INFO")."""
        return self._client._server_info  # type: ignore[no-any-return]  # noqa: SLF001 - it has no public name

    async def publish(self, subject: str, data: bytes, reply: str = "", headers: dict[str, str] | None = None) -> None:
        """Send a message, or have it wait for a moment to be sent with others.

        Raises:
            Detached: the connection has ended.
            LimitExceeded: the server takes no message of that size.
        """
        try:
            await self._client.publish(subject, data, reply=reply, headers=headers)
        except nats.errors.MaxPayloadError as error:
            raise LimitExceeded(f"the server takes messages of {self.info.get('max_payload')} bytes at most") from error
        except (nats.errors.Error, OSError) as error:
            raise Detached(str(error)) from error

    async def subscribe(self, subject: str, receive: Callable[[Msg], None]) -> Subscription:
        """Have ``receive`` called with each message of a subject, in order."""

        async def received(message: Msg) -> None:
            receive(message)

        try:
            subscription: Subscription = await self._client.subscribe(
                subject, cb=received, pending_msgs_limit=0, pending_bytes_limit=0
            )
            await self._client._flush_pending(force_flush=True)  # noqa: SLF001 - pings overtake what waits
        except (nats.errors.Error, OSError) as error:
            raise Detached(str(error)) from error
        return subscription

    async def unsubscribe(self, subscription: Subscription) -> None:
        """End a subscription, if its connection hasn't ended before."""
        with suppress(nats.errors.Error, OSError):
            await subscription.unsubscribe()

    async def ping(self) -> None:
        """Wait for the server's answer, for as long as it takes; not to be cancelled but to end it all."""
        try:
            await self._client.flush(timeout=NEVER)
        except (nats.errors.Error, OSError) as error:
            raise Detached(str(error)) from error

    async def close(self, *, broken: bool = False) -> None:
        """End it; send what waits, if that goes quickly, and unless it is ``broken``."""
        if not self._begun:
            return
        transport = self._client._transport  # noqa: SLF001 - as above
        if broken:
            self._client._pending, self._client._pending_data_size = [], 0  # noqa: SLF001 - it would be waited for
            transport.abort()
        with anyio.CancelScope(shield=True):
            with anyio.move_on_after(CLOSE_TIMEOUT):
                try:
                    await self._client.close()
                except (nats.errors.Error, OSError, AttributeError):  # it had ended, or never begun
                    await anyio.lowlevel.checkpoint()
            transport.abort()


class _Transport(TcpTransport):
    """Sends nothing in the clear when it is to be secure, and can be aborted."""

    def __init__(self, secure: bool) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self._may_write = not secure

    def __bool__(self) -> bool:
        return True  # else the library would put one of its own in its place

    async def connect_tls(self, *args: Any, **options: Any) -> None:
        await super().connect_tls(*args, **options)
        protocol: Any = self._io_writer.transport.get_protocol()  # type: ignore[union-attr]
        if protocol is not None:  # else the peer has closed it already
            protocol._over_ssl = True  # noqa: SLF001 - as asyncio itself does; else it logs a warning at each end
        self._may_write = True

    def write(self, payload: bytes) -> Any:
        if not self._may_write:
            raise nats.errors.Error("the server offers no TLS, so nothing was sent to it")
        return super().write(payload)  # type: ignore[no-untyped-call]

    def abort(self) -> None:
        for writer in (self._io_writer, self._bare_io_writer):
            if writer is not None:
                writer.transport.abort()


def _settings(server: str, options: StoreOptions, name: str, secure: bool) -> dict[str, Any]:
    return {
        "servers": [server],
        "name": name,
        "allow_reconnect": False,
        "max_reconnect_attempts": 1,
        "reconnect_time_wait": 0,
        "connect_timeout": CONNECT_TIMEOUT,
        "ping_interval": NEVER,
        "tls": _tls(options) if secure else None,
        "user": options.user or None,
        "password": options.password or None,
        "nkeys_seed": options.nkey or None,
        "user_credentials": options.creds or None,
    }


def _tls(options: StoreOptions) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=options.ca or None)
        if options.cert:
            context.load_cert_chain(options.cert, options.key or None)
    except ssl.SSLError as error:
        files = ", ".join(filter(None, (options.ca, options.cert, options.key)))
        raise StoreUnusable(f"[store] names what are no certificates, or not their key: {files}") from error
    return context


def shown(server: str) -> str:
    """A server's URL without the password that it may hold."""
    scheme, _, rest = server.partition("://")
    return f"{scheme}://{rest.rpartition('@')[2]}"


def _reason(error: Exception) -> str:
    """Why there is no TLS: of a certificate what is wrong with it."""
    return str(getattr(error, "verify_message", "") or getattr(error, "reason", "") or error)
