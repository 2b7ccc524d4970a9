"""Who may do what on the servers, and how both sides know each other."""

import shutil
import subprocess
from random import Random

import anyio
import nkeys
import pytest

from gateway.clock import SystemClock
from gateway.errors import Denied, StoreUnusable
from gateway.path import P
from gateway.store.nats import NatsStore
from gateway.store.options import StoreOptions
from gateway.testing.nats_servers import NatsServers
from gateway.values import Ready

A = P("t.a")
PATIENCE = 20

USERS = """
authorization { users: [
  { user: admin, password: a }
  { user: attic, password: b, permissions: {
      publish: { allow: ["$KV.*.t.attic.>", "$JS.API.STREAM.INFO.*", "$JS.API.STREAM.MSG.GET.*",
                         "$JS.API.CONSUMER.*.>", "busgate.*.t.attic.>"],
                 deny: ["$JS.API.CONSUMER.CREATE.*.*.$KV.*.secret"] }
      subscribe: { allow: ["_INBOX_attic.>", "busgate.*.t.>"] } } } ] }
"""


#: An account that may see how the servers store.
VISIBLE = """
accounts {
  SYS: { users: [ { user: sys, password: s } ], exports: [ { service: "$SYS.REQ.SERVER.PING.JSZ" } ] }
  APP: { jetstream: enabled, users: [ { user: attic, password: b } ],
         imports: [ { service: { account: SYS, subject: "$SYS.REQ.SERVER.PING.JSZ" } } ] }
}
system_account: SYS
"""


@pytest.fixture(scope="module")
def guarded():
    with NatsServers(1, settings=USERS) as servers:
        yield servers


def _make_certificates(folder):
    """A certificate for 127.0.0.1 that is its own authority, with its key."""
    cert, key = folder / "cert.pem", folder / "key.pem"
    subprocess.run(
        [
            *"openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 2".split(),
            *("-keyout", key, "-out", cert, "-subj", "/CN=test", "-addext", "subjectAltName=IP:127.0.0.1"),
        ],
        check=True,
        capture_output=True,
    )
    return str(cert), str(key)


@pytest.mark.skipif(shutil.which("openssl") is None, reason="makes its certificates with openssl")
class TestTls:
    async def test_servers_and_nodes_know_each_other_by_certificate(self, tmp_path, bucket):
        cert, key = _make_certificates(tmp_path)
        tls = f'tls {{ cert_file: "{cert}", key_file: "{key}", ca_file: "{cert}", verify: true }}'
        with NatsServers(1, settings=tls) as servers:
            url = servers.url.replace("nats:", "tls:")

            def connect(**options):
                return NatsStore([url], bucket, StoreOptions(1, **options), clock=SystemClock(), random=Random(1))

            async with connect(ca=cert, cert=cert, key=key) as store:
                assert await store.set(A, 1) > 0
            with pytest.raises(StoreUnusable, match="no secure connection"):
                async with connect(cert=cert, key=key):
                    pass
            with pytest.raises(StoreUnusable, match="wants a certificate of this node"):
                async with connect(ca=cert):
                    pass


class TestUsers:
    @pytest.fixture
    def connect(self, guarded, bucket):
        def connect(user, password):
            options = StoreOptions(1, user, password)
            return NatsStore([guarded.url], bucket, options, clock=SystemClock(), random=Random(user), node=user)

        return connect

    async def test_what_a_user_may_not_is_denied_at_once_by_path_and_user(self, connect):
        async with connect("admin", "a"), connect("attic", "b") as store:
            own = await store.set(P("t.attic.x"), 1)
            assert (await store.get(P("t.attic.x"))).revision == own
            with anyio.fail_after(PATIENCE):
                with pytest.raises(Denied, match=r"user 'attic' may not write t\.other"):
                    await store.set(P("t.other"), 1)
                with pytest.raises(Denied, match="secret"):
                    async with store.watch(P("secret"), max_depth=0):
                        pass
                with pytest.raises(Denied, match="user 'attic' may not subscribe at elsewhere"):
                    async with store.subscribe(P("elsewhere")):
                        pass
                await store.publish(P("t.other"), 1)  # nobody answers, so the refusal shows with the next one
                await store.get(P("t.attic.x"))
                with pytest.raises(Denied, match=r"user 'attic' may not publish at t\.other"):
                    await store.publish(P("t.other"), 1)
            async with store.watch(P("t.attic")) as events:
                with anyio.fail_after(PATIENCE):
                    found = [await anext(events) for _ in range(2)]
                assert found[0].path == P("t.attic.x")
                assert isinstance(found[1], Ready)

    async def test_a_node_is_known_by_its_key(self, bucket, tmp_path):
        seed = nkeys.encode_seed(bytes(range(32)), nkeys.PREFIX_BYTE_USER)
        (tmp_path / "attic.nk").write_bytes(seed)
        public = nkeys.from_seed(bytearray(seed)).public_key.decode()
        with NatsServers(1, settings=f"authorization {{ users: [ {{ nkey: {public} }} ] }}") as servers:
            for file, welcome in (("attic.nk", True), ("", False)):
                options = StoreOptions(1, nkey=str(tmp_path / file) if file else "")
                store = NatsStore([servers.url], bucket, options, clock=SystemClock(), random=Random(1))
                if welcome:
                    async with store:
                        assert await store.set(A, 1) > 0
                else:
                    with pytest.raises(StoreUnusable, match="refuses a user without a name"):
                        async with store:
                            pass

    @pytest.mark.parametrize("sync", ["always", "120s"])
    async def test_servers_that_may_lose_writes_are_named_where_they_let_us_see(self, bucket, caplog, sync):
        with NatsServers(1, settings=VISIBLE, jetstream=f'sync_interval: "{sync}"') as servers:
            options = StoreOptions(1, "attic", "b")
            async with NatsStore([servers.url], bucket, options, clock=SystemClock(), random=Random(1)):
                pass
        assert ("may lose up to 120 s of acknowledged writes" in caplog.text) == (sync != "always")

    @pytest.mark.parametrize("option", ["nkey", "creds", "ca", "cert"])
    @pytest.mark.parametrize("text", [None, "secret words"])
    async def test_files_that_cannot_be_used_are_named(self, server, bucket, tmp_path, option, text):
        file = tmp_path / "file"
        if text is not None:
            file.write_text(text)
        options = StoreOptions(1, **{option: str(file)})
        store = NatsStore([server.url], bucket, options, clock=SystemClock(), random=Random(1))
        with pytest.raises(StoreUnusable) as caught:
            async with store:
                pass
        assert str(file) in str(caught.value)
        assert "secret" not in str(caught.value)

    async def test_a_wrong_password_is_refused_and_not_shown(self, connect):
        with pytest.raises(StoreUnusable, match="refuses user 'attic'") as caught:
            async with connect("attic", "guessed"):
                pass
        assert "guessed" not in str(caught.value)
