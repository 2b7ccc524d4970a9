"""What a user of the servers needs: the rights of one node, or of an operator, and how nats-server is told of them.

Theory of operation
-------------------
1. Rights are subjects that may be published or subscribed to (docs.nats.io, "Authorization"). A write is a message, and
   so is each question to JetStream; what is in no list is forbidden.
2. What is in the bucket every user may read: a single entry can't be held back from whoever may ask for any
   (``STREAM.MSG.GET`` names the entry in its body). So secrets have no place in it.
3. Names of consumers and inboxes hold 64 random bits, and nobody may list them: so nobody can touch another's.
4. The names of system subjects stand in nats-server, ``server/events.go``; ADR-15 of nats-architecture-and-design has
   the two forms of ``$JS.FC``.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from gateway.bus.remote_messages import REPLIES, REQUESTS
from gateway.path import P
from gateway.store.nats.subjects import Subjects, covers, token

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from gateway.locations import Writable

#: What nodes tell each other: receptions of radios, and orders to transmit.
AMONG_NODES: Final = (P(":.moat.kv.radio"), P(":.moat.kv.transmit"))
USER_INFO: Final = "$SYS.REQ.USER.INFO"
SERVERS: Final = "$SYS.REQ.SERVER.PING.JSZ"


class Grant(NamedTuple):
    """Subjects that are needed for one thing; ``what``: in words that go behind "it may not"."""

    what: str
    subjects: Sequence[str]


class Permissions(NamedTuple):
    """What a user may publish and subscribe to."""

    publish: Sequence[Grant]
    subscribe: Sequence[Grant]

    def text(self, title: str) -> str:
        """The block ``permissions`` of a user, as nats-server's configuration has it.

        Args:
            title: goes into a comment above it.
        """
        lines = [_comment(title), "permissions {"]
        for kind, grants in self._asdict().items():
            lines += [f"  {kind} {{", "    allow: ["]
            for grant in grants:
                lines += [f"      {_comment(grant.what)}", *(f'      "{subject}"' for subject in grant.subjects)]
            lines += ["    ]", "  }"]
        return "\n".join([*lines, "}"])

    def as_map(self) -> dict[str, dict[str, list[str]]]:
        """The subjects alone."""
        return {
            kind: {"allow": [subject for grant in grants for subject in grant.subjects]}
            for kind, grants in self._asdict().items()
        }

    def missing(self, has: Mapping[str, Any] | None) -> list[str]:
        """What of this a user may not do.

        Args:
            has: its permissions as the servers tell of them; None: it may do everything.
        """
        found = []
        for kind, grants in self._asdict().items():
            allow, deny = _lists((has or {}).get(kind) or {})
            for grant in grants:
                lacking = [one for one in grant.subjects if not _allowed(one, allow, deny)]
                if lacking:
                    found.append(f"{grant.what} ({kind} {', '.join(lacking)})")
        return found


def node_permissions(bucket: str, node: str, writable: Iterable[Writable]) -> Permissions:
    """The least that a node needs.

    Args:
        writable: what it may write (:meth:`gateway.locations.Locations.written_by`).
    """
    names, places = Subjects(bucket), list(writable)
    entries = [Grant(f"write {place.what}", _subjects(names, place)) for place in places]
    own = [
        Grant(f"send messages at {place.path}", [names.messages(place.path.key)]) for place in places if place.topics
    ]
    return Permissions(
        [
            *entries,
            *own,
            Grant(
                "use hardware of its own by hand, and ask all nodes what they have",
                [names.message((REQUESTS / node).key), names.message(REQUESTS.key)],
            ),
            Grant("answer who uses its hardware by hand", [names.message(f"{REPLIES.key}.*")]),
            Grant("tell other nodes what its radios hear and send", [names.messages(at.key) for at in AMONG_NODES]),
            *_api(names),
        ],
        [_inbox(node), Grant("hear messages", [names.messages("")])],
    )


def operator_permissions(bucket: str, name: str) -> Permissions:
    """Everything in the bucket, and making one; nothing else on the servers, and not deleting it.

    Args:
        name: the ``[node] name`` of the configuration that the operator's commands use.
    """
    names = Subjects(bucket)
    manage = [f"$JS.API.STREAM.{action}.{names.stream}" for action in ("CREATE", "UPDATE")]
    return Permissions(
        [
            Grant("write entries", [names.all]),
            Grant("send messages", [names.messages("")]),
            Grant("make the bucket, and change its settings", manage),
            *_api(names),
        ],
        [_inbox(name), Grant("hear messages", [names.messages("")])],
    )


def _api(names: Subjects) -> Iterator[Grant]:
    api, stream = "$JS.API", names.stream
    yield Grant("read entries", [f"{api}.STREAM.INFO.{stream}", f"{api}.STREAM.MSG.GET.{stream}"])
    consumers = [f"{api}.CONSUMER.CREATE.{stream}.*", f"{api}.CONSUMER.CREATE.{stream}.*.>"]
    yield Grant("watch entries", [*consumers, f"{api}.CONSUMER.DELETE.{stream}.*"])
    yield Grant("keep the servers from sending too fast", [f"$JS.FC.{stream}.>", f"$JS.FC.*.*.{stream}.>"])
    yield Grant("ask what it may do, and how the servers are set", [USER_INFO, SERVERS])


def _inbox(name: str) -> Grant:
    return Grant("get answers", [f"_INBOX_{token(name)}.>"])


def _subjects(names: Subjects, place: Writable) -> list[str]:
    if not place.path:
        return [names.all]
    entry = names.entry(place.path.key)
    return [entry] * (place.reach != "below") + [f"{entry}.>"] * (place.reach != "entry")


def _comment(text: str) -> str:
    """A comment of one line, whatever is in a name."""
    return "# " + "".join(character if character.isprintable() else "?" for character in text)


def _lists(has: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    return list(has.get("allow") or [">"]), list(has.get("deny") or [])


def _allowed(subject: str, allow: Iterable[str], deny: Iterable[str]) -> bool:
    return any(covers(one, subject) for one in allow) and not any(covers(one, subject) for one in deny)
