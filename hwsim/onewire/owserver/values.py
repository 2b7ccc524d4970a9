"""Reading and writing the properties of one place: cache, arrays, formats, partial values.

Theory of operation
 1. A unit is what is read at once: all of a combined property, else one element. Units are cached for as
    long as their kind says; paths below /uncached neither look nor wait, but refresh what is there.
 2. A value that a simultaneous conversion has made old is not taken from the cache.
 3. Writing one bit of a combined property reads the others first. A write drops the cached units of its
    property and of no other, as owserver does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hwsim.onewire.owserver.access import simultaneous_key
from hwsim.onewire.owserver.formats import BadValue, Format, Value, parse, render
from hwsim.onewire.owserver.frames import Return
from hwsim.onewire.owserver.property import Element, Property, PropertyError

if TYPE_CHECKING:
    from collections.abc import Hashable

    from hwsim.onewire.bus import Place
    from hwsim.onewire.owserver.access import Master

_BITS = Format.UNSIGNED


@dataclass
class Unit:
    """The properties of one device, or of one folder about the server."""

    master: Master
    owner: Hashable
    """Whose values these are, for the cache."""
    place: Place | None
    uncached: bool
    flags: int
    reader: Any = None
    """What the read and write functions of the properties get."""

    async def read(self, prop: Property, element: int, size: int, offset: int) -> bytes:
        """The part of a file that a client asks for, as text.

        Raises:
            PropertyError, TransactionError: it can't be read.
        """
        if prop.read is None:
            raise PropertyError(Return.NOT_SUPPORTED)
        if offset < 0 or offset >= prop.length(element):
            return b""
        if element == Element.ALL:
            return await self._read_all(prop, size, offset)
        if prop.combined:
            return self._bits_text(prop, element, int(await self.value(prop, 0)))[offset : offset + size]
        return (await self._text(prop, element))[offset : offset + size]

    async def _read_all(self, prop: Property, size: int, offset: int) -> bytes:
        """All elements; an offset goes for each of them, and the size must be enough for all."""
        if prop.combined:
            text = self._bits_text(prop, Element.ALL, int(await self.value(prop, 0)))
            whole = True
        else:
            parts = [(await self._text(prop, i))[offset:] for i in range(prop.count)]
            text = (b"" if prop.form is Format.BINARY else b",").join(parts)
            whole = prop.form is Format.BINARY or not all(parts)
        if offset and whole:
            return b""
        if size < len(text):
            short = Return.BAD_ADDRESS if offset else Return.OUT_OF_RANGE
            raise PropertyError(Return.MESSAGE_SIZE if self.place is None else short)
        return text

    async def _text(self, prop: Property, element: int) -> bytes:
        return render(await self.value(prop, element), prop.form, self.flags)

    async def value(self, prop: Property, element: int) -> Value:
        """One unit, from the cache or from the device."""
        found = self.remembered(prop, element)
        if found is not None:
            return found
        if prop.read is None:
            raise PropertyError(Return.NOT_SUPPORTED)
        value = await prop.read(self.reader, element)
        self.master.cache.put(("value", self.owner, prop.name, element), value, self._lifetime(prop))
        return value

    def remembered(self, prop: Property, element: int, *, counted: bool = True) -> Value | None:
        """One unit from the cache; None: it is to be read from the device."""
        key = ("value", self.owner, prop.name, element)
        if self.uncached or not self._lifetime(prop) or self._is_old(prop, key):
            return None
        cache = self.master.cache
        found: Value | None = cache.get(key) if counted else cache.peek(key)
        return found

    async def write(self, prop: Property, element: int, data: bytes, offset: int) -> int:
        """Write what a client sent; returns how many bytes of it were taken.

        Raises:
            BadValue: it is no value of this property.
            PropertyError, TransactionError: it can't be written.
        """
        if prop.write is None:
            raise PropertyError(Return.NOT_SUPPORTED)
        if prop.combined:
            await prop.write(self.reader, 0, await self._new_bits(prop, element, data))
        elif element != Element.ALL:
            await prop.write(self.reader, element, await self._new_value(prop, element, data, offset))
        else:
            for index, part in enumerate(_split(prop, data)):
                await prop.write(self.reader, index, await self._new_value(prop, index, part, 0))
        self.master.cache.drop_where(self._is_unit_of(prop))
        single_text = prop.form.is_text and element != Element.ALL
        return min(len(data), max(0, prop.element_width - offset)) if single_text else len(data)

    def _is_unit_of(self, prop: Property) -> Any:
        start = ("value", self.owner, prop.name)
        return lambda key: isinstance(key, tuple) and key[:3] == start

    def _lifetime(self, prop: Property) -> float:
        if self.place is None or prop.linked:
            return 0.0
        timeouts = self.master.timeouts
        return {"s": timeouts.stable, "v": timeouts.volatile, "t": 1.0}.get(prop.change, 0.0)

    def _is_old(self, prop: Property, key: Hashable) -> bool:
        if not prop.converts or self.place is None:
            return False
        converted = self.master.cache.age(simultaneous_key(self.place))
        cached = None if converted is None else self.master.cache.age(key)
        return converted is not None and cached is not None and converted < cached

    def _bits_text(self, prop: Property, element: int, bits: int) -> bytes:
        if element == Element.BYTE:
            return render(bits, _BITS, self.flags)
        if element == Element.ALL:
            return b",".join(b"1" if bits >> i & 1 else b"0" for i in range(prop.count))
        return b"1" if bits >> element & 1 else b"0"

    async def _new_bits(self, prop: Property, element: int, data: bytes) -> int:
        now = self.master.time.now()
        if element == Element.BYTE:
            return int(parse(data, _BITS, self.flags, now))
        if element == Element.ALL:
            parts = _split(prop, data)
            return sum(bool(parse(part, prop.form, self.flags, now)) << i for i, part in enumerate(parts))
        on = bool(parse(data, prop.form, self.flags, now))
        others = 0 if prop.read is None else int(await self.value(prop, 0))
        return others & ~(1 << element) | on << element

    async def _new_value(self, prop: Property, element: int, data: bytes, offset: int) -> Value:
        data = data[: max(0, prop.element_width - offset)]
        if prop.form is Format.BINARY and prop.read is not None and (offset or len(data) < prop.element_width):
            whole = bytearray(await prop.read(self.reader, element))  # type: ignore[arg-type]
            whole[offset : offset + len(data)] = data
            return bytes(whole)
        return parse(data, prop.form, self.flags, self.master.time.now())


def _split(prop: Property, data: bytes) -> list[bytes]:
    if prop.form is Format.BINARY:
        width = prop.element_width
        parts = [data[i * width : (i + 1) * width] for i in range(prop.count)]
    else:
        parts = data.split(b",", prop.count - 1)
    if len(parts) != prop.count or not all(parts):
        raise BadValue(f"{prop.count} values are needed")
    return parts
