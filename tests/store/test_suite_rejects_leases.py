"""Stores whose leases are broken on purpose, in one way each: the suite must reject them, by a named test."""

from typing import Any

import anyio
import pytest

from gateway.store.held_lease import HeldLease
from gateway.store.memory import MemoryServer, MemoryStore


class ExpiresLate(MemoryServer):
    def grant(self, lease, holder, ttl):
        super().grant(lease, holder, 2 * ttl)


class ExpiresEarly(MemoryServer):
    def grant(self, lease, holder, ttl):
        super().grant(lease, holder, 0.5 * ttl)


class TellsRenewals(MemoryServer):
    def renew(self, lease):
        found = super().renew(lease)
        if found:
            for key in self._leases[lease].keys:
                self._put(self._records[key].path, self._records[key].data, lease)
        return found


class NeverDeletesWhatIsBound(MemoryServer):
    def end(self, lease):
        grant = self._leases.pop(lease, None)
        assert grant is None or grant.holder


class NeverUnbinds(MemoryServer):
    def _unbind(self, record, writer):
        pass


class ForgivesForeignWrites(MemoryServer):
    """A holder whose entry another has deleted believes that it is still there."""

    def _unbind(self, record, writer):
        super()._unbind(record, self._leases[record.lease].holder if record.lease in self._leases else writer)


class CountsFromTheReply(MemoryStore):
    """Takes a lease for as good as new when it has been told so, not when it asked."""

    class Lease(HeldLease):
        @property
        def expires(self):
            return super().expires + 0.1

    def lease(self, ttl):
        return self.Lease(self, self, f"lease of {self.name}", ttl)


class NeverLearns(MemoryStore):
    class Lease(HeldLease):
        async def _run_out(self):
            await anyio.sleep_forever()

        async def _renew(self):
            while True:
                await anyio.sleep(self.ttl / 3)
                if self._store.link.state == "connected":
                    self._expires = self._clock.lease_now() + self.ttl
                    await self._granter.renew(self)

    def lease(self, ttl):
        return self.Lease(self, self, f"lease of {self.name}", ttl)


#: Each broken store or server, the test that rejects it, and that test's parameters.
BROKEN: list[tuple[type, str, dict[str, Any]]] = [
    (ExpiresLate, "entries_vanish_when_their_lease_has_run_out_and_not_before", {}),
    (ExpiresEarly, "entries_vanish_when_their_lease_has_run_out_and_not_before", {}),
    (TellsRenewals, "a_lease_renews_itself_unseen", {}),
    (NeverDeletesWhatIsBound, "leaving_a_lease_deletes_what_is_bound", {}),
    (NeverUnbinds, "a_set_without_lease_unbinds", {}),
    (ForgivesForeignWrites, "a_lease_whose_entry_another_deletes_is_lost", {}),
    (CountsFromTheReply, "a_holder_knows_when_its_lease_expires", {}),
    (NeverLearns, "a_holder_learns_that_its_lease_has_run_out", {}),
]


@pytest.mark.parametrize(("broken", "check", "parameters"), BROKEN, ids=lambda each: getattr(each, "__name__", None))
async def test_a_broken_store_is_rejected(reject, broken, check, parameters):
    await reject(broken, check, parameters)


@pytest.mark.parametrize(("check", "parameters"), {each[1]: each[1:] for each in BROKEN}.values())
async def test_the_same_test_passes_on_a_sound_store(accept, check, parameters):
    await accept(check, parameters)
