"""The file: records with a length and a checksum each, between a header and a trailer.

Theory of operation
1. A record is its length (4 bytes, big-endian), the CRC-32 of its content (4 bytes, big-endian) and its content: a
   value that :mod:`gateway.codec` packs. So whatever can be stored can stand in the file, exactly.
2. The first record is the header ``{"busgate archive": VERSION, "store", "prefix", "time"}``; then one record
   ``[path, value]`` for each entry; the last one is the trailer ``{"entries": n}``.
3. What has no trailer was not written to its end. What has a wrong checksum was damaged. Neither is used: the error
   says where the file goes wrong and how many entries stand before that.
"""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Self

from gateway.codec import decode, encode
from gateway.errors import CodecError, Misuse
from gateway.path import Path

if TYPE_CHECKING:
    from collections.abc import Iterator

#: Rises when older programs can't read what newer ones write.
VERSION: Final = 1
_MARK: Final = "busgate archive"
_FRAME: Final = struct.Struct(">II")


class ArchiveError(Misuse):
    """A file that is no whole archive."""


@dataclass(frozen=True, slots=True)
class Archive:
    """What an archive holds: entries by path, and where they are from.

    Attributes:
        store: id of the store that was exported.
        prefix: the subtree that was exported.
        time: when the export began, in Unix seconds.
    """

    store: str
    prefix: Path
    time: float
    entries: dict[Path, Any]

    def dump(self) -> Iterator[bytes]:
        """The file's bytes, a record at a time."""
        yield _record({_MARK: VERSION, "store": self.store, "prefix": self.prefix, "time": self.time})
        for path, value in self.entries.items():
            yield _record([path, value])
        yield _record({"entries": len(self.entries)})

    @classmethod
    def load(cls, data: bytes) -> Self:
        """Read a whole file.

        Raises:
            ArchiveError: it is no archive, a newer one, damaged, or not written to its end.
        """
        records = _records(data)
        header = next(records, None)
        if not isinstance(header, dict) or _MARK not in header:
            raise ArchiveError("this is no archive: `busgate store export FILE` writes one")
        if header[_MARK] != VERSION:
            raise ArchiveError(f"the archive is of version {header[_MARK]}, this program reads version {VERSION}")
        entries: dict[Path, Any] = {}
        trailer = None
        for record in records:
            match record:
                case [Path() as path, value]:
                    entries[path] = value
                case _:
                    trailer = record
        if trailer != {"entries": len(entries)}:
            raise ArchiveError(f"the archive is not whole: it ends after {len(entries)} entries; export again")
        return cls(header["store"], header["prefix"], header["time"], entries)


def _record(content: Any) -> bytes:
    data = encode(content)
    return _FRAME.pack(len(data), zlib.crc32(data)) + data


def _records(data: bytes) -> Iterator[Any]:
    """The contents, as far as whole records go."""
    offset = 0
    while len(data) - offset >= _FRAME.size:
        length, checksum = _FRAME.unpack_from(data, offset)
        content = data[offset + _FRAME.size : offset + _FRAME.size + length]
        if len(content) < length:
            return
        yield _content(content, checksum, offset)
        offset += _FRAME.size + length


def _content(content: bytes, checksum: int, offset: int) -> Any:
    try:
        if zlib.crc32(content) == checksum:
            return decode(content)
    except CodecError:
        pass  # said below: checksum and content of something that was never an archive may agree by chance
    raise ArchiveError(f"the archive is damaged at byte {offset}, or this is no archive; use another copy")
