"""Real ports, here pseudo-terminals, through each library: asyncio, real time, waits on events alone."""

import errno
import os
import resource
import time
import tty
from contextlib import contextmanager

import anyio
import anyio.lowlevel
import pytest

from gateway.abc import open_line
from gateway.bus.serial import FULL, open_serial
from gateway.errors import InterfaceDown, Unsupported


@pytest.fixture
def anyio_backend():
    return "asyncio"


@pytest.fixture(params=["pyserial", "serialx"])
def library(request):
    return request.param


class Stick:
    """The far end of a pseudo-terminal."""

    def __init__(self):
        self.far, near = os.openpty()
        tty.setraw(near)
        self.path = os.ttyname(near)
        os.close(near)
        os.set_blocking(self.far, False)

    def write(self, data):
        return os.write(self.far, data)

    async def read(self, size):
        found = b""
        while len(found) < size:
            await anyio.wait_readable(self.far)
            found += os.read(self.far, size - len(found))
        return found

    def drain(self):
        """What is there now."""
        try:
            return os.read(self.far, 4096)
        except BlockingIOError:
            return b""

    def try_write(self, data):
        """How much of it is taken now."""
        try:
            return os.write(self.far, data)
        except BlockingIOError:
            return 0

    def unplug(self):
        if self.far >= 0:
            os.close(self.far)
            self.far = -1


@pytest.fixture
def stick():
    stick = Stick()
    yield stick
    stick.unplug()


@contextmanager
def alone():
    """Fail when the event loop stands still, or when it doesn't end."""
    with anyio.fail_after(10):
        yield


async def opened(stick, library):
    return await open_serial(stick.path, baudrate=57600, library=library, dtr=True)


async def fill(stream):
    """Send until nothing more is taken; the last ``send`` is cancelled."""
    for _ in range(64):
        with anyio.move_on_after(0.05) as scope:
            await stream.send(b"x" * 4096)
        if scope.cancelled_caught:
            return
    raise AssertionError("the port took everything")


def descriptors():
    return len(os.listdir("/proc/self/fd"))  # noqa: PTH208


async def test_bytes_go_both_ways(stick, library):
    with alone():
        stream = await opened(stick, library)
        await stream.send(b"\x00\xff\n\r\x03\x11\x13")  # what terminals like to change
        assert await stick.read(7) == b"\x00\xff\n\r\x03\x11\x13"
        stick.write(bytes(range(256)))
        received = b""
        while len(received) < 256:
            received += await stream.receive(100)
        assert received == bytes(range(256))
        await stream.send(b"")
        await stream.aclose()


async def test_unplugging_is_seen_in_less_than_50_ms(stick, library):
    with alone():
        stream = await opened(stick, library)
        stick.write(b"last")
        assert await stream.receive() == b"last"
        began = time.monotonic()
        stick.unplug()
        with pytest.raises(anyio.BrokenResourceError) as caught:
            await stream.receive()
        assert time.monotonic() - began < 0.05
        assert caught.value.__cause__ is not None
        with pytest.raises(anyio.BrokenResourceError):
            await stream.receive()
        with pytest.raises(anyio.BrokenResourceError):
            await stream.send(b"x")
        await stream.aclose()
        with pytest.raises(anyio.ClosedResourceError):
            await stream.receive()


async def test_unplugging_ends_a_send_that_waits(stick, library):
    with alone():
        stream = await opened(stick, library)
        await fill(stream)
        async with anyio.create_task_group() as tasks:

            async def send():
                with pytest.raises(anyio.BrokenResourceError):
                    await stream.send(b"more")

            tasks.start_soon(send)
            await anyio.wait_all_tasks_blocked()
            stick.unplug()
        await stream.aclose()


async def test_a_port_is_open_once(stick, library):
    with alone():
        stream = await opened(stick, library)
        for other in ("pyserial", "serialx"):
            with pytest.raises(OSError, match="lock") as caught:
                await opened(stick, other)
            assert caught.value.errno in (errno.EAGAIN, errno.EBUSY)
        await stream.aclose()
        await (await opened(stick, library)).aclose()  # right after closing


async def test_a_full_port_costs_no_processor_time_and_loses_nothing(stick, library):
    with alone():
        stream = await opened(stick, library)
        sent = bytes(range(256)) * 400
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stream.send, sent)
            used = time.process_time()
            await anyio.sleep(0.2)  # it is about what it does while nothing happens
            assert time.process_time() - used < 0.1
            assert await stick.read(len(sent)) == sent
        await stream.aclose()


async def test_a_send_returns_when_the_kernel_has_all_of_it(stick, library):
    with alone():
        stream = await opened(stick, library)
        await fill(stream)
        done = anyio.Event()
        async with anyio.create_task_group() as tasks:

            async def send():
                await stream.send(b"behind")
                done.set()

            tasks.start_soon(send)
            await anyio.wait_all_tasks_blocked()
            assert not done.is_set()
            while not done.is_set():
                stick.drain()
                await anyio.lowlevel.checkpoint()
        await stream.aclose()


async def test_the_rest_of_a_cancelled_send_goes_out_before_the_next(stick, library):
    with alone():
        stream = await opened(stick, library)
        await fill(stream)
        taken = b""
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stream.send, b"END")
            while not taken.endswith(b"END"):
                taken += stick.drain()
                await anyio.lowlevel.checkpoint()
        assert len(taken.rstrip(b"END")) % 4096 == 0
        await stream.aclose()


async def test_a_reader_that_is_slow_holds_the_sender_up_and_loses_nothing(stick, library):
    with alone():
        stream = await opened(stick, library)
        sent, received, place, refused = bytes(range(256)) * 1000, bytearray(), 0, 0
        while refused < 50 or place <= FULL:  # until the kernel is full: what is read ahead is bounded
            taken = stick.try_write(sent[place : place + 4096])
            place, refused = place + taken, 0 if taken else refused + 1
            await anyio.lowlevel.checkpoint()
        assert place < FULL + 128 * 1024
        while len(received) < len(sent):
            if len(received) < place:
                received += await stream.receive(1000)
            place += stick.try_write(sent[place : place + 4096])
        assert bytes(received) == sent
        await stream.aclose()


@pytest.mark.parametrize("state", ["idle", "receiving", "sending", "full", "unread", "unplugged", "closed"])
async def test_closing_works_in_any_state_and_gives_all_back(stick, library, state, caplog):
    before = descriptors()
    with alone():
        stream = await opened(stick, library)
        async with anyio.create_task_group() as tasks:
            if state == "receiving":
                tasks.start_soon(ends_closed, stream.receive)
            if state in ("sending", "full"):
                await fill(stream)
            if state == "sending":
                tasks.start_soon(ends_closed, stream.send, b"more")
            if state == "unread":
                stick.write(b"unread")
            if state == "unplugged":
                stick.unplug()
                with pytest.raises(anyio.BrokenResourceError):
                    await stream.receive()
            if state == "closed":
                await stream.aclose()
            await anyio.wait_all_tasks_blocked()
            began = time.monotonic()
            await stream.aclose()
            assert time.monotonic() - began < 1
        await stream.aclose()
    assert descriptors() == before - (state == "unplugged")
    assert caplog.text == ""


async def ends_closed(call, *args):
    with pytest.raises(anyio.ClosedResourceError):
        await call(*args)


async def test_what_was_sent_before_closing_arrives(stick, library):
    with alone():
        stream = await opened(stick, library)
        await stream.send(b"switch off")
        await stream.aclose()
        assert await stick.read(10) == b"switch off"


async def test_closing_is_not_hindered_by_cancellation(stick, library):
    with alone():
        before = descriptors()
        stream = await opened(stick, library)
        await fill(stream)
        with anyio.CancelScope() as scope:
            scope.cancel()
            await stream.aclose()
        assert scope.cancelled_caught
        assert descriptors() == before


async def test_a_cancelled_opening_leaves_nothing_open(stick, library):
    before = descriptors()
    with alone():
        for delay in (0, 0.0005, 0.001, 0.002, 0.005, 0.009, 0.011, 0.02):
            with anyio.move_on_after(delay):
                stream = await opened(stick, library)
                await stream.aclose()
        while descriptors() != before:
            await anyio.lowlevel.checkpoint()
        stream = await opened(stick, library)
        await stream.aclose()


async def test_a_cancelled_receive_loses_nothing(stick, library):
    with alone():
        stream = await opened(stick, library)
        received = b""
        async with anyio.create_task_group() as tasks:

            async def write():
                for n in range(256):
                    stick.write(bytes([n]))
                    await anyio.lowlevel.checkpoint()

            tasks.start_soon(write)
            while len(received) < 256:
                with anyio.move_on_after(0.0001):
                    received += await stream.receive()
        assert received == bytes(range(256))
        await stream.aclose()


async def test_one_receives_and_one_sends(stick, library):
    with alone():
        stream = await opened(stick, library)
        async with anyio.create_task_group() as tasks:
            tasks.start_soon(stream.receive)
            await anyio.wait_all_tasks_blocked()
            with pytest.raises(anyio.BusyResourceError):
                await stream.receive()
            tasks.cancel_scope.cancel()
        await stream.aclose()
        with pytest.raises(NotImplementedError):
            await stream.send_eof()


@pytest.fixture
def many_files():
    """So many open files that the next descriptor has a number over 1023."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    held = [os.open("/dev/null", os.O_RDONLY)]
    while held[-1] <= 1023:
        held.append(os.dup(held[0]))
    yield
    for each in held:
        os.close(each)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


async def test_descriptors_over_1023_work_with_serialx(stick, many_files):
    with alone():
        stream = await opened(stick, "serialx")
        stick.write(b"heard")
        assert await stream.receive() == b"heard"
        await stream.aclose()


async def test_descriptors_over_1023_are_refused_in_words_with_pyserial(stick, many_files):
    before = descriptors()
    with alone(), pytest.raises(InterfaceDown, match=r'limit is 1023: say serial = "serialx"'):
        async with open_line(stick.path, baudrate=57600):
            pass
    assert descriptors() == before


async def test_a_port_that_is_not_there_says_so(library):
    with pytest.raises(FileNotFoundError if library == "serialx" else OSError) as caught:
        await open_serial("/dev/serial/by-id/usb-nothing", baudrate=57600, library=library, dtr=True)
    assert caught.value.errno == errno.ENOENT


async def test_a_file_that_is_no_port_is_refused(library, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(InterfaceDown, match="file is no serial port"):
        async with open_line(str(tmp_path / "file"), baudrate=57600, library=library):
            pass


@pytest.mark.parametrize("anyio_backend", ["trio"])
async def test_under_trio_a_real_port_is_an_error_in_words(stick):
    with pytest.raises(Unsupported, match=r"can be opened under asyncio only; .* by socket://HOST:PORT"):
        async with open_line(stick.path, baudrate=57600):
            pass
