"""The files by which the servers know a node: whether they can be used, and whether others can read them."""

from __future__ import annotations

import stat
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

import nkeys

from gateway.errors import StoreUnusable
from gateway.store.nats.keys import public_key

if TYPE_CHECKING:
    from collections.abc import Iterator

    from gateway.store.options import StoreOptions


def check_files(options: StoreOptions) -> None:
    """StoreUnusable, which names the option and the file, where one can't be read or is no key."""
    for option in ("nkey", "creds", "ca", "cert", "key"):
        name = getattr(options, option)
        try:
            data = Path(name).read_bytes() if name else b""
        except OSError as error:
            raise StoreUnusable(f"{option} of [store]: {name} can't be read: {error.strerror}") from None
        if option == "nkey" and name:
            _check_seed(name, data)
        elif option == "creds" and name and (b"USER JWT" not in data or b"USER NKEY SEED" not in data):
            raise StoreUnusable(
                f"creds of [store]: {name} holds no JWT and seed of a user (docs.nats.io, 'Credentials')"
            )


def _check_seed(name: str, data: bytes) -> None:
    try:
        if not public_key(data.strip()).startswith("U"):
            raise StoreUnusable(f"nkey of [store]: {name} holds a key, but not that of a user")
    except (nkeys.NkeysError, ValueError):
        pass
    else:
        return
    raise StoreUnusable(
        f"nkey of [store]: {name} holds no seed of a user's key; busgate store nkey FILE makes one"
    ) from None


def readable_by_others(options: StoreOptions) -> Iterator[str]:
    """Secrets that not only their owner and group can read (systemd and others hand keys out by group)."""
    for name in (options.nkey, options.creds, options.key):
        with suppress(OSError):  # that is told where it is read
            if name and Path(name).stat().st_mode & stat.S_IROTH:
                yield name
