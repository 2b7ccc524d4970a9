"""Records that stand in the store as maps: jobs, states, procedures; read strictly, with a line for each mistake."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, ClassVar, Final, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, ValidationError

from gateway.errors import RecordError
from gateway.path import Path
from gateway.values import NotGiven

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails


def _as_path(value: Any) -> Path:
    if isinstance(value, Path | str | list | tuple):
        return Path.build(value)
    raise ValueError(f"a path is needed (its text, or a list of its elements), not {value!r}")


def as_list(value: Any) -> Any:
    """What came as a tuple, as a list."""
    return list(value) if isinstance(value, tuple) else value


def _module_name(name: Any) -> Any:
    return ".".join(map(str, name)) if isinstance(name, Path | list | tuple) else name


#: A path, its text, or a list or tuple of its elements.
PathField = Annotated[Path, BeforeValidator(_as_path)]
#: Names of modules, such as ``a.b``; a path counts as one.
ModuleNames = Annotated[list[Annotated[str, BeforeValidator(_module_name)]], BeforeValidator(as_list)]


_GIVEN: Final[set[str]] = set()
_UNKNOWN: Final[dict[str, Any]] = {}


class Record(BaseModel):
    """A map in the store with known fields; unknown ones are kept."""

    model_config = ConfigDict(
        frozen=True,
        strict=True,
        extra="allow",
        arbitrary_types_allowed=True,
        allow_inf_nan=False,
        hide_input_in_errors=True,
    )

    #: What such a record is called in messages.
    what: ClassVar[str] = "record"

    @classmethod
    def from_map(cls, value: Any) -> Self:
        """Read a stored value.

        Raises:
            RecordError: it is no such record; names every field at fault.
        """
        if not isinstance(value, dict):
            raise RecordError([f"a {cls.what} is a map of fields, not {_short(value)}"])
        if strange := [key for key in value if not isinstance(key, str)]:
            raise RecordError([f"the field name {_short(key)} is no text" for key in strange])
        try:
            record = cls(**value)
        except ValidationError as error:
            raise RecordError([_sentence(detail) for detail in error.errors()]) from None
        # pydantic's set of the fields that were given takes half of a record's memory, and nobody asks for it
        object.__setattr__(record, "__pydantic_fields_set__", _GIVEN)
        if not record.__pydantic_extra__:
            object.__setattr__(record, "__pydantic_extra__", _UNKNOWN)
        return record

    def to_map(self) -> dict[str, Any]:
        """The map that is stored for it: every field that has a value, and the unknown ones."""
        return {name: value for name, value in self if value is not NotGiven}

    def replace(self, **changes: Any) -> Self:
        """A copy with some fields changed; they are not checked again."""
        return self.model_copy(update=changes)

    @property
    def unknown(self) -> dict[str, Any]:
        """The fields that have no meaning here."""
        return dict(self.model_extra or {})

    @classmethod
    def check(cls, value: Any) -> list[str]:
        """What is wrong or odd about a stored value: a line for each mistake and each unknown field."""
        try:
            record = cls.from_map(value)
        except RecordError as error:
            return list(error.mistakes)
        return [f"{name}: a {cls.what} has no such field; it is kept, and without effect" for name in record.unknown]


def _sentence(detail: ErrorDetails) -> str:
    message = detail["msg"].removeprefix("Value error, ")
    where = ".".join(str(part) for part in detail["loc"] if not str(part).startswith("function-"))
    found = "" if detail["type"] in ("value_error", "missing") else f", not {_short(detail['input'])}"
    return f"{where}: {message[:1].lower()}{message[1:]}{found}"


def _short(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def same(one: Any, other: Any) -> bool:
    """Whether two values are stored as the same: equal, and of the same types (``1``, ``1.0`` and ``True`` differ)."""
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list | tuple) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same, one, other))
    return type(one) is type(other) and (one == other or (one != one and other != other))
