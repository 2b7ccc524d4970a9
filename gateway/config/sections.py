"""The sections of a configuration and their options, each with its default."""

from __future__ import annotations

import itertools
import os
import pathlib
import re
import socket
from dataclasses import fields
from typing import TYPE_CHECKING, Annotated, Any, Literal, Self

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    PlainSerializer,
    PlainValidator,
    PrivateAttr,
    ValidationError,
    ValidationInfo,
    create_model,
    field_validator,
    model_validator,
)

from gateway.config.mistakes import Source, problem
from gateway.config.secrets import masked
from gateway.errors import ConfigError
from gateway.locations import Locations
from gateway.path import P, Path
from gateway.store.options import StoreOptions

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def _name(text: str) -> str:
    if not text.strip() or not text.isprintable():
        raise ValueError("should be a name of at least one printable character")
    return text


def _interface_name(text: str) -> str:
    if "/" in text:
        raise ValueError("should be a name without '/', which stands between node and interface in a reading's source")
    return _name(text)


def _path(value: Any) -> Path:
    if not isinstance(value, str | Path):
        raise ValueError(f"should be the text of a path, not {value!r}")  # noqa: TRY004 - what pydantic expects
    return value if isinstance(value, Path) else P(value)


def _absolute_file(name: str, info: ValidationInfo) -> str:
    """The path of a file; a relative one starts at the configuration's folder."""
    folder: pathlib.Path = (info.context or {}).get("folder", pathlib.Path.cwd())
    # os.path: no link is followed, and the home of an unknown user is no exception
    return os.path.abspath(folder / os.path.expanduser(name))  # noqa: PTH100, PTH111


def _on_servers(url: str) -> bool:
    return url.startswith(("nats:", "tls:"))


Name = Annotated[str, AfterValidator(_name)]
InterfaceName = Annotated[str, AfterValidator(_interface_name)]
PathText = Annotated[Path, PlainValidator(_path), PlainSerializer(str)]


class Section(BaseModel):
    """Some options; an unknown one is a mistake."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Without secrets: this ends up in logs and tracebacks."""
        for name, value in super().__repr_args__():
            yield name, masked(value, name or "")


class NodeSection(Section):
    """``[node]``: which node this is, the groups in which it runs jobs, and the paths that these write.

    The paths count where the servers of a store forbid all others (``busgate store acl``).
    """

    name: Name = Field(default_factory=socket.gethostname)
    groups: tuple[Name, ...] = ("default",)
    writes: tuple[PathText, ...] = ()

    @field_validator("groups")
    @classmethod
    def _some(cls, groups: tuple[str, ...]) -> tuple[str, ...]:
        if not groups:
            raise ValueError("should name at least one group")
        return tuple(dict.fromkeys(groups))


class StoreSection(Section):
    """``[store]``: which store this node shares; ``url`` is complete, and every path absolute.

    The other options are for the schemes ``nats`` and ``tls``: :class:`gateway.store.StoreOptions`.
    """

    url: str = Field(default_factory=lambda: default_store_url(os.environ))
    replicas: Annotated[int, Field(ge=1, le=5)] = 3
    user: str = ""
    password: str = ""
    nkey: str = ""
    creds: str = ""
    ca: str = ""
    cert: str = ""
    key: str = ""

    @field_validator("url")
    @classmethod
    def _absolute(cls, url: str, info: ValidationInfo) -> str:
        if not re.match(r"[a-z][a-z0-9+]+:", url) or url == "sqlite:" or not url.isprintable():
            raise ValueError(f"should be a URL such as 'sqlite:store.db', not {url!r}")
        scheme, _, rest = url.partition(":")
        return f"sqlite:{_absolute_file(rest, info)}" if scheme == "sqlite" else url

    @field_validator("nkey", "creds", "ca", "cert", "key")
    @classmethod
    def _file(cls, name: str, info: ValidationInfo) -> str:
        return _absolute_file(name, info) if name else ""

    @model_validator(mode="after")
    def _apply(self) -> Self:
        given = sorted(self.model_fields_set - {"url"})
        if given and not self.on_servers:
            raise ValueError(f'{", ".join(given)}: only a store on servers has that (url = "nats://...")')
        if bool(self.password) > bool(self.user):
            raise ValueError("a password needs a user")
        if bool(self.key) > bool(self.cert):
            raise ValueError("a key needs the certificate that it belongs to (cert)")
        return self

    def with_url(self, url: str | None) -> dict[str, Any]:
        """What is given when another URL replaces this one: the other options stay where they can apply."""
        kept = self.model_fields_set - {"url"} if url is not None and _on_servers(url) else ()
        return {"url": url, **{name: getattr(self, name) for name in kept}}

    def as_map(self) -> dict[str, Any]:
        """The options that this store has."""
        if not self.on_servers:
            return {"url": self.url}
        return {name: value for name, value in self.model_dump().items() if value != ""}

    @property
    def on_servers(self) -> bool:
        return _on_servers(self.url)

    @property
    def options(self) -> StoreOptions:
        """What :func:`gateway.store.open_store` wants besides the URL."""
        return StoreOptions(**{option.name: getattr(self, option.name) for option in fields(StoreOptions)})


class InterfaceSection(Section):
    """One ``[[interface]]``: a piece of hardware; ``options`` are the driver's own, not validated yet."""

    bus: Name
    driver: Name
    name: InterfaceName
    options: dict[str, Any] = Field(default_factory=dict)

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, given: Any) -> Any:
        if not isinstance(given, dict):
            return given
        own = {key: given[key] for key in ("bus", "driver", "name") if key in given}
        options = {key: value for key, value in given.items() if key not in own}
        bus = own.get("bus")
        default = bus if isinstance(bus, str) and bus.strip() else "?"
        return {"name": default, **own, "options": options}


class PluginsSection(Section):
    """``[plugins]``: installed plugins that are not loaded, by the name of their entry point."""

    disabled: tuple[str, ...] = ()


class LogSection(Section):
    """``[log]``: how much is logged to stderr."""

    level: Literal["debug", "info", "warning", "error"] = "info"


class ApartSection(Section):
    """The base of ``[locations]``: no two of them may share a subtree, else records would be taken for others."""

    @model_validator(mode="after")
    def _apart(self) -> Self:
        for (one, inner), (other, outer) in itertools.permutations(iter(self), 2):
            if inner.below(outer):
                raise ValueError(f"{one} ({inner}) lies within {other} ({outer}); put it elsewhere")
        return self


# Options of the same names as the attributes of Locations, which stays free of pydantic.
_LOCATIONS: dict[str, Any] = {spot.name: (PathText, spot.default) for spot in fields(Locations)}
LocationsSection: Any = create_model("LocationsSection", __base__=ApartSection, **_LOCATIONS)


class Config(Section):
    """A whole configuration."""

    node: NodeSection = Field(default_factory=NodeSection)
    store: StoreSection = Field(default_factory=StoreSection)
    locations_section: LocationsSection = Field(default_factory=LocationsSection, alias="locations")
    interfaces: tuple[InterfaceSection, ...] = Field(default=(), alias="interface")
    plugins: PluginsSection = Field(default_factory=PluginsSection)
    log: LogSection = Field(default_factory=LogSection)
    _source: Source = PrivateAttr(default_factory=Source)

    @property
    def source(self) -> Source:
        """The file, if there is one, and the lines in it, to give a place to mistakes that are found later."""
        return self._source

    @property
    def locations(self) -> Locations:
        return Locations(**{spot.name: getattr(self.locations_section, spot.name) for spot in fields(Locations)})

    def as_map(self) -> dict[str, Any]:
        """The plain values in the shape of the file, secrets masked."""
        shown = self.model_dump(by_alias=True)
        shown["store"] = self.store.as_map()
        for interface in shown["interface"]:
            interface |= interface.pop("options")
        return masked(shown)  # type: ignore[no-any-return]

    def for_code(self) -> dict[str, Any]:
        """What stored code sees as ``_cfg``: paths as paths, secrets masked."""
        places = {spot.name: getattr(self.locations, spot.name) for spot in fields(Locations)}
        return self.as_map() | {"locations": places}

    def with_overrides(self, *, store: str | None = None, name: str | None = None) -> Self:
        """A copy with what the command line says; a relative path in ``store`` counts from the current directory.

        Raises: ConfigError.
        """
        changes: dict[str, Section] = {}
        mistakes: list[str] = []
        for option, section, given in (
            ("--store", "store", self.store.with_url(store)),
            ("--name", "node", {**dict(self.node), "name": name}),
        ):
            if None in given.values():
                continue
            try:
                changes[section] = type(getattr(self, section)).model_validate(given)
            except ValidationError as error:
                mistakes += [f"{option}: {problem(each, type(self))}" for each in error.errors()]
        if mistakes:
            raise ConfigError(mistakes)
        return self.model_copy(update=changes)


def default_store_url(environ: Mapping[str, str]) -> str:
    """``sqlite:$XDG_STATE_HOME/busgate/store.db``; XDG Base Directory Specification 0.8 gives ``~/.local/state``.

    A user without a home, as in some containers, gets the service's ``/var/lib`` (Filesystem Hierarchy Standard 3.0).
    """
    state = environ.get("XDG_STATE_HOME", "")
    # The specification: "If an implementation encounters a relative path [...] it should ignore it."
    home = state if state.startswith("/") else os.path.expanduser("~/.local/state")  # noqa: PTH111 - never raises
    return f"sqlite:{'/var/lib' if home.startswith('~') else home}/busgate/store.db"
