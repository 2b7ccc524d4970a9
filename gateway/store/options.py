"""What a configuration says about a store besides its URL."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class StoreOptions:
    """For stores of the scheme ``nats`` or ``tls``; others have none. Files are named by their paths.

    Attributes:
        replicas: how many servers hold each value; 1 is for a single server.
        user: name at the servers, with ``password``.
        nkey: file with the seed of an nkey (docs.nats.io, "NKeys").
        creds: file with a user's JWT and seed (docs.nats.io, "Credentials files").
        ca: certificates by which the servers are known; default: those of the machine.
        cert: certificate that is shown to the servers, with ``key``, the file of its private key.
    """

    replicas: int = 3
    user: str = ""
    password: str = field(default="", repr=False)
    nkey: str = ""
    creds: str = ""
    ca: str = ""
    cert: str = ""
    key: str = ""

    @property
    def who(self) -> str:
        """Whom the servers take this node for, in words."""
        if self.creds:
            return f"the user of {self.creds}"
        if self.nkey:
            return f"the user of {self.nkey}"
        return f"user {self.user!r}" if self.user else "a user without a name"
