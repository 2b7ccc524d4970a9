"""Uses of a bus handle that all end together."""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import anyio

from gateway.errors import HandleRevoked

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

T = TypeVar("T")


class Revocation:
    """Ends every use of one handle at once: what is in flight is cancelled, and raises ``HandleRevoked``."""

    def __init__(self, bus: str) -> None:
        self._bus = bus
        self._revoked = False
        self._scopes: set[anyio.CancelScope] = set()

    def revoke(self) -> None:
        self._revoked = True
        for scope in self._scopes:
            scope.cancel()

    async def guard(self, use: Callable[[], Awaitable[T]]) -> T:
        """Await a use of the handle; HandleRevoked if it is revoked before that has ended."""
        if self._revoked:
            raise self._ended()
        with anyio.CancelScope() as scope:
            self._scopes.add(scope)
            try:
                return await use()
            except Exception as error:
                if not self._revoked:
                    raise
                raise self._ended() from error
            finally:
                self._scopes.discard(scope)
        raise self._ended()

    def _ended(self) -> HandleRevoked:
        return HandleRevoked(f"the run that used bus {self._bus!r} has ended")
