"""How owserver reads the DS2423: family 1D. Source: its manual page DS2423."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hwsim.onewire.families.ds2423 import PAGE_BYTES, PAGES
from hwsim.onewire.owserver.formats import Format, Value
from hwsim.onewire.owserver.property import Property

if TYPE_CHECKING:
    from hwsim.onewire.families import DS2423
    from hwsim.onewire.owserver.access import Access

_COUNTER_PAGES = (14, 15)
_NEVER = 10 * 365 * 86400.0


async def _page(access: Access[DS2423], page: int) -> bytes:
    async with access.talk() as slave:
        data = slave.read_page(page)
    return access.check16(b"\xa5" + (page * PAGE_BYTES).to_bytes(2, "little"), data)


async def _count(access: Access[DS2423], page: int) -> Value:
    return int.from_bytes((await _page(access, page))[PAGE_BYTES : PAGE_BYTES + 4], "little")


async def _counter(access: Access[DS2423], element: int) -> Value:
    return await _count(access, _COUNTER_PAGES[element])


async def _read_page(access: Access[DS2423], element: int) -> Value:
    return (await _page(access, element))[:PAGE_BYTES]


async def _write_page(access: Access[DS2423], element: int, data: bytes) -> None:
    async with access.talk() as slave:
        slave.write_memory(element * PAGE_BYTES, data[:PAGE_BYTES])


async def _memory(access: Access[DS2423], _element: int) -> Value:
    pages = [(await _page(access, page))[:PAGE_BYTES] for page in range(PAGES)]
    return b"".join(pages)


async def _write_memory(access: Access[DS2423], _element: int, data: bytes) -> None:
    """Pages that stay as they are, are left alone, so that their counters are."""
    for page in range(len(data) // PAGE_BYTES):
        part = data[page * PAGE_BYTES : (page + 1) * PAGE_BYTES]
        if part != (await _page(access, page))[:PAGE_BYTES]:
            await _write_page(access, page, part)


async def _least_count(access: Access[DS2423], _element: int) -> Value:
    """The pulses that both inputs have seen; kept by owserver, not by the device."""
    a, b = [int(await _count(access, page)) for page in _COUNTER_PAGES]
    key = ("mincount", access.rom)
    if known := access.master.cache.get(key):
        last_a, last_b, total = known
        total += min((a - last_a) % (1 << 32), (b - last_b) % (1 << 32))
    else:
        total = min(a, b)
    access.master.cache.put(key, (a, b, total), _NEVER)
    return int(total)


async def _set_least_count(access: Access[DS2423], _element: int, value: int) -> None:
    a, b = [int(await _count(access, page)) for page in _COUNTER_PAGES]
    access.master.cache.put(("mincount", access.rom), (a, b, value), _NEVER)


DS2423_PROPERTIES = (
    Property("counter", Format.UNSIGNED, "v", _counter, count=2, letters=True),
    Property("mincount", Format.UNSIGNED, "v", _least_count, _set_least_count),
    Property("memory", Format.BINARY, "v", _memory, _write_memory, width=PAGES * PAGE_BYTES),
    Property("pages/count", Format.UNSIGNED, "v", _count, count=PAGES),
    Property("pages/page", Format.BINARY, "v", _read_page, _write_page, width=PAGE_BYTES, count=PAGES),
)
