"""Who may in, by a real server: right credentials work, wrong ones are told at once, and none is ever shown."""

import base64
import hashlib
import json
import logging
import os
import time
import traceback
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from random import Random

import anyio
import nkeys
import pytest
import trustme

from gateway.clock import SystemClock
from gateway.config.load import parse
from gateway.errors import StoreUnusable
from gateway.path import P
from gateway.store import open_store
from gateway.store.nats.keys import make_key
from gateway.store.options import StoreOptions
from gateway.testing.nats_servers import NatsServers

SECRET = "correct-horse-battery"
#: Its bcrypt hash; the servers know it by that as well.
HASH = "$2a$04$abcdefghijklmnopqrstuupOWRSKKNe562z1DsLEArFuJDHVyRIMa"


@asynccontextmanager
async def opened(url, **options):
    """As a node opens it: it waits for servers that can't be reached."""
    with anyio.fail_after(5):  # a mistake in credentials is no reason to wait
        async with open_store(
            url,
            clock=SystemClock(),
            random=Random(1),
            node="attic",
            options=StoreOptions(replicas=1, **options),
            wait=True,
        ) as store:
            yield store


async def works(url, **options):
    async with opened(url, **options) as store:
        await store.set(P("a"), 1)
        return (await store.get(P("a"))).value == 1


async def complaint(caplog, url, **options):
    """What is told of credentials that don't do; none of them is in it, nor in the log, nor in the traceback."""
    caplog.set_level(logging.DEBUG)
    began = time.monotonic()
    with pytest.raises(StoreUnusable) as caught:
        await works(url, **options)
    assert time.monotonic() - began < 3
    shown = "".join(traceback.format_exception(caught.value)) + caplog.text + repr(StoreOptions(**options))
    assert SECRET not in shown
    return str(caught.value)


def nkey(tmp_path, name="attic.nk"):
    file = tmp_path / name
    return str(file), make_key(file)


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A server with a user by password, and one by key, whose file is beside it."""
    folder = tmp_path_factory.mktemp("guarded")
    file, public = nkey(folder)
    known = f'{{ user: "attic", password: "{SECRET}" }}, {{ user: "roof", password: "{HASH}" }}, {{ nkey: {public} }}'
    users = f"authorization {{ users: [ {known} ] }}"
    with NatsServers(1, settings=users) as servers:
        yield servers.url, file


async def test_a_password(guarded, caplog):
    url, _ = guarded
    assert await works(url, user="attic", password=SECRET)
    assert await works(url, user="roof", password=SECRET)
    assert await works(url.replace("nats://", f"nats://attic:{SECRET}@"))
    for options in ({"user": "attic", "password": SECRET + "x"}, {"user": "cellar", "password": SECRET}):
        text = await complaint(caplog, url, **options)
        assert text == f"{url} refuses user {options['user']!r}: check what [store] says of the user"
    assert await complaint(caplog, url) == f"{url} refuses a user without a name: check what [store] says of the user"
    assert "refuses" in await complaint(caplog, url.replace("nats://", f"nats://cellar:{SECRET}@"))


async def test_a_key(guarded, caplog, tmp_path):
    url, file = guarded
    assert await works(url, nkey=file)
    other, _ = nkey(tmp_path)
    assert f"refuses the user of {other}" in await complaint(caplog, url, nkey=other)


@pytest.mark.parametrize(
    ("option", "content", "told"),
    [
        ("nkey", None, "can't be read: No such file or directory"),
        ("nkey", SECRET, "holds no seed of a user's key; busgate store nkey FILE makes one"),
        ("nkey", "", "holds no seed of a user's key"),
        ("creds", None, "can't be read: No such file or directory"),
        ("creds", SECRET, "holds no JWT and seed of a user"),
        ("ca", None, "can't be read: No such file or directory"),
    ],
)
async def test_files_that_are_of_no_use(guarded, caplog, tmp_path, option, content, told):
    file = tmp_path / "file"
    if content is not None:
        file.write_text(content)
    assert (await complaint(caplog, guarded[0], **{option: str(file)})).startswith(
        f"{option} of [store]: {file} {told}"
    )


@pytest.mark.parametrize("option", ["ca", "cert"])
async def test_files_that_hold_no_certificate(guarded, caplog, tmp_path, option):
    file = tmp_path / "file"
    file.write_text(SECRET)
    text = await complaint(caplog, guarded[0], **{option: str(file)})
    assert f"no certificates, or not their key: {file}" in text


async def test_a_credentials_file(caplog, tmp_path):
    house, stranger = Authority(), Authority()
    right, wrong = tmp_path / "right.creds", tmp_path / "wrong.creds"
    right.write_bytes(house.credentials())
    wrong.write_bytes(stranger.credentials())
    with NatsServers(1, settings=house.settings()) as servers:
        assert await works(servers.url, creds=str(right))
        assert f"refuses the user of {wrong}" in await complaint(caplog, servers.url, creds=str(wrong))


class Authority:
    """An operator and an account, in the form that nats-server knows them (docs.nats.io, "JWT")."""

    def __init__(self):
        self.operator, self.account = key(nkeys.PREFIX_BYTE_OPERATOR), key(nkeys.PREFIX_BYTE_ACCOUNT)

    def settings(self):
        system = key(nkeys.PREFIX_BYTE_ACCOUNT)
        operator = signed(self.operator, self.operator, {"type": "operator", "version": 2})
        limits = {"subs": -1, "data": -1, "payload": -1, "imports": -1, "exports": -1, "wildcards": True, "conn": -1}
        storage = {"mem_storage": -1, "disk_storage": -1, "streams": -1, "consumer": -1}
        accounts = [
            f"{account.public_key.decode()}: "
            + signed(self.operator, account, {"type": "account", "version": 2, "limits": limits | more})
            for account, more in ((self.account, storage), (system, {}))
        ]
        preload = "\n".join(accounts)
        return (
            f"operator: {operator}\nsystem_account: {system.public_key.decode()}\n"
            f"resolver: MEMORY\nresolver_preload {{\n{preload}\n}}\n"
        )

    def credentials(self):
        user = key(nkeys.PREFIX_BYTE_USER)
        limits = {"subs": -1, "data": -1, "payload": -1, "pub": {}, "sub": {}}
        jwt = signed(self.account, user, {"type": "user", "version": 2, **limits})
        seed = bytes(user.seed).decode()
        return (
            f"-----BEGIN NATS USER JWT-----\n{jwt}\n------END NATS USER JWT------\n\n"
            f"-----BEGIN USER NKEY SEED-----\n{seed}\n------END USER NKEY SEED------\n"
        ).encode()


def key(prefix):
    return nkeys.from_seed(bytearray(nkeys.encode_seed(os.urandom(32), prefix)))


def signed(issuer, subject, claims):
    """A JWT of NATS: ed25519-nkey."""
    body = {
        "iat": int(time.time()),
        "iss": issuer.public_key.decode(),
        "sub": subject.public_key.decode(),
        "name": "house",
        "nats": claims,
    }
    body["jti"] = base64.b32encode(hashlib.sha256(json.dumps(body).encode()).digest()).decode().rstrip("=")
    parts = [encoded(json.dumps(part).encode()) for part in ({"typ": "JWT", "alg": "ed25519-nkey"}, body)]
    return ".".join([*parts, encoded(issuer.sign(".".join(parts).encode()))])


def encoded(data):
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


@pytest.fixture(scope="module")
def authority():
    return trustme.CA()


def secured(folder, certificate, more=""):
    """Settings of a server with TLS."""
    certificate.private_key_pem.write_to_path(str(folder / "key.pem"))
    (folder / "cert.pem").write_bytes(b"".join(part.bytes() for part in certificate.cert_chain_pems))
    return f'tls {{ cert_file: "{folder}/cert.pem", key_file: "{folder}/key.pem" {more} }}'


def ca_file(authority, folder, name="ca.pem"):
    file = folder / name
    authority.cert_pem.write_to_path(str(file))
    return str(file)


async def test_tls(authority, caplog, tmp_path):
    ca, other = ca_file(authority, tmp_path), ca_file(trustme.CA(), tmp_path, "other.pem")
    with NatsServers(1, settings=secured(tmp_path, authority.issue_cert("localhost"))) as servers:
        url = f"tls://localhost:{servers.port_of(0)}"
        assert await works(url, ca=ca)
        for options in ({"ca": other}, {}):
            text = await complaint(caplog, url, **options)
            assert text.startswith(f"{url}: no secure connection: ")
            assert "certificate" in text.lower()
        address = url.replace("localhost", "127.0.0.1")  # which the certificate doesn't have
        assert "127.0.0.1" in await complaint(caplog, address, ca=ca)


async def test_a_certificate_that_has_expired(authority, caplog, tmp_path):
    expired = authority.issue_cert("localhost", not_after=datetime.now(UTC) - timedelta(days=1))
    with NatsServers(1, settings=secured(tmp_path, expired)) as servers:
        url = f"tls://localhost:{servers.port_of(0)}"
        assert "expired" in await complaint(caplog, url, ca=ca_file(authority, tmp_path))


async def test_a_certificate_of_the_node(authority, caplog, tmp_path):
    ca = ca_file(authority, tmp_path)
    settings = secured(tmp_path, authority.issue_cert("localhost"), f', ca_file: "{ca}", verify: true')
    mine = authority.issue_cert("attic")
    cert, secret = tmp_path / "attic.pem", tmp_path / "attic-key.pem"
    cert.write_bytes(mine.cert_chain_pems[0].bytes())
    secret.write_bytes(mine.private_key_pem.bytes())
    with NatsServers(1, settings=settings) as servers:
        url = f"tls://localhost:{servers.port_of(0)}"
        assert await works(url, ca=ca, cert=str(cert), key=str(secret))
        for _ in range(3):  # the server hangs up, sooner or later
            assert "wants a certificate of this node: name cert and key" in await complaint(caplog, url, ca=ca)


async def test_nothing_goes_out_in_the_clear(caplog):
    with NatsServers(1) as servers:
        url = servers.url.replace("nats:", "tls:")
        text = await complaint(caplog, url, user="attic", password=SECRET)
        assert "no TLS" in text
        assert SECRET not in servers.log(0)


def test_the_configuration_shows_no_secret(tmp_path):
    text = f"""
        [store]
        url = "nats://attic:{SECRET}@one,two/house"
        user = "attic"
        password = "{SECRET}"
    """
    config = parse(text, tmp_path / "busgate.toml")
    for shown in (config.as_map(), config.for_code(), config.store.options):
        assert SECRET not in str(shown)
        assert SECRET not in repr(shown)
    assert SECRET not in repr(config)
    assert SECRET not in str(config.store)
