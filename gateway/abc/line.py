"""The contract of serial lines: how drivers get an open byte stream."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, Protocol, TypeAlias

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager

    from anyio.abc import ByteStream

#: What speaks to the device files of serial ports: ``pyserial`` is pyserial-asyncio.
SerialLibrary: TypeAlias = Literal["pyserial", "serialx"]


class OpenLine(Protocol):
    """Opens serial lines for drivers. A node has that of :mod:`gateway.bus.line`, a test its own."""

    def __call__(
        self, url: str, *, baudrate: int, library: SerialLibrary = "pyserial", dtr: bool = True
    ) -> AbstractAsyncContextManager[ByteStream]:
        """Open a line, 8N1 without flow control, for this driver alone; leaving gives it back within 2 s.

        One task may receive while another sends; a second of each is a ``BusyResourceError``. ``receive`` gives what
        has come, in pieces that mean nothing; cancelled, it loses nothing. ``send`` returns when the kernel has taken
        all of it; cancelled, nothing, a part or all of it goes out.

        Args:
            url: ``/dev/serial/by-id/...``, ``socket://HOST:PORT`` (ser2net), or what a test has made up.
            baudrate: in bits per second; the remote end of a ``socket://`` has its own.
            library: for device files, from the options of the interface.
            dtr: whether Data Terminal Ready is set when it is open. Many Arduinos restart when it is raised.

        Raises:
            InterfaceDown: it can't be opened, or, from ``receive`` and ``send``, it was lost or takes no bytes (for 2 s
                more than they need). The same exception is a ``BrokenResourceError``, as anyio has it for streams.
                A line has no end: ``EndOfStream`` is never raised.
            Misuse: such a line can't be opened here, whatever is plugged in.
        """
        ...


def open_line(
    url: str, *, baudrate: int, library: SerialLibrary = "pyserial", dtr: bool = True
) -> AbstractAsyncContextManager[ByteStream]:
    """Open a line of this machine or its network; see :class:`OpenLine`."""
    from gateway.bus.line import Lines

    return Lines()(url, baudrate=baudrate, library=library, dtr=dtr)
