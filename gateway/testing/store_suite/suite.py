"""All that every store must do."""

from __future__ import annotations

from gateway.testing.store_suite.histories import Histories
from gateway.testing.store_suite.leases import Leases
from gateway.testing.store_suite.messages import Messages
from gateway.testing.store_suite.resuming import Resuming
from gateway.testing.store_suite.sessions import Sessions
from gateway.testing.store_suite.values import Values
from gateway.testing.store_suite.watching import Watching


class StoreSuite(Values, Sessions, Watching, Resuming, Leases, Messages, Histories):
    """To be subclassed in a test module, with the fixture ``connect``."""
