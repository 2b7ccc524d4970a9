"""A user's key: an Ed25519 key pair, the secret half of which is called its seed (docs.nats.io, "NKeys")."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

import nkeys

if TYPE_CHECKING:
    from pathlib import Path


def make_key(file: Path) -> str:
    """Write the seed of a new key to a file that only its owner can read, and return the public key.

    Raises:
        OSError: the file exists already, or can't be written.
    """
    seed = nkeys.encode_seed(os.urandom(32), nkeys.PREFIX_BYTE_USER)
    with open(file, "xb", opener=lambda name, flags: os.open(name, flags, 0o600)) as target:
        target.write(seed + b"\n")
    return public_key(seed)


def public_key(seed: bytes) -> str:
    """What the servers know a user by."""
    return str(nkeys.from_seed(bytearray(seed)).public_key.decode())
