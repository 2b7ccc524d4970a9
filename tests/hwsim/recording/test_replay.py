"""Replays in virtual time: what the device says when, and what happens to hosts that do something else."""

import re

import anyio
import pytest

from hwsim import HwsimError, PortInUse
from hwsim.errors import ReplayMismatch
from hwsim.recording import Event, act_as_host, replay
from tests.hwsim.recording.conftest import answer, request

PING, PONG = b"10;PING;\r\n", b"20;01;PONG;\r\n"
KAKU = b"20;02;Kaku;ID=41;SWITCH=1;CMD=ON;\r\n"
READ = request(2, b"/28.67C6697351FF/temperature", 8192)
VALUE = answer(b"        21.5")


@pytest.fixture
def rflink(tape):
    """Asked at 2 s after the opening, answered at 2.5 s; something by itself at 12.5 s."""
    tape = tape("rflink", "tty").opened(wait=5.0)
    return tape.host(PING, wait=2.0).device(PONG, wait=0.5).device(KAKU, wait=10.0).recording


async def let(host, device):
    """Run a host on a stream to a replay in this process."""
    async with device.running(ptys=False):
        await host(device.connect())


class TestStrict:
    async def test_answers_come_when_they_were_recorded(self, rflink):
        async with replay(rflink).running(ptys=False) as device:
            stream = device.connect()
            await anyio.sleep(2.0)
            await stream.send(PING)
            asked = anyio.current_time()
            assert await stream.receive() == PONG
            assert anyio.current_time() - asked == pytest.approx(0.5)
            assert await stream.receive() == KAKU
            assert anyio.current_time() - asked == pytest.approx(10.5)
            assert device.finished

    async def test_nothing_comes_before_its_question(self, rflink):
        async with replay(rflink, fast=True).running(ptys=False) as device:
            stream = device.connect()
            with anyio.move_on_after(1000.0) as scope:
                await stream.receive()
            assert scope.cancelled_caught
            assert device.missing == (
                "connection 1: the host has not sent the last 10 bytes: 31 30 3b 50 49 4e 47 3b 0d 0a (10;PING;)"
            )

    async def test_fast_takes_no_time(self, rflink):
        async with replay(rflink, fast=True, whole=True).running(ptys=False) as device:
            stream = device.connect()
            began = anyio.current_time()
            for byte in PING:
                await stream.send(bytes([byte]))
            received = b""
            while len(received) < len(PONG + KAKU):
                received += await stream.receive()
            assert received == PONG + KAKU
            assert anyio.current_time() == began

    async def test_another_byte_is_an_error_with_its_place(self, rflink):
        expected = (
            "connection 1, byte 3: the host sends something else than was recorded; "
            "expected 50 49 4e 47 3b 0d 0a (10;PING;), got 56 45 52 0d 0a"
        )

        async def host(stream):
            await stream.send(b"10;VER\r\n")
            with pytest.raises(anyio.BrokenResourceError):
                await stream.receive()

        with pytest.raises(ReplayMismatch, match=re.escape(expected)):
            await let(host, replay(rflink))

    async def test_the_mismatch_explains_the_error_of_the_host(self, rflink):
        async def host(stream):
            await stream.send(PING.lower())
            await stream.receive()

        with pytest.raises(ReplayMismatch) as caught:
            await let(host, replay(rflink))
        assert isinstance(caught.value.__cause__, anyio.BrokenResourceError)

    async def test_more_than_was_recorded(self, rflink):
        async def host(stream):
            await stream.send(PING + b"\n")
            with pytest.raises(anyio.BrokenResourceError):
                await stream.receive()

        with pytest.raises(ReplayMismatch, match=r"byte 10: .* expected nothing more, got 0a"):
            await let(host, replay(rflink))

    async def test_less_than_was_recorded_when_it_must_be_whole(self, rflink):
        with pytest.raises(ReplayMismatch, match="not played to its end; 1 of 1 recorded connections were not made"):
            async with replay(rflink, whole=True).running(ptys=False):
                pass

    async def test_one_opening_too_many(self, rflink):
        device = replay(rflink, fast=True)

        async def host(stream):
            await stream.aclose()
            with pytest.raises(anyio.BrokenResourceError):
                await device.connect().receive()

        with pytest.raises(ReplayMismatch, match=re.escape("a host connects for the 2. time; the recording has 1")):
            await let(host, device)

    async def test_a_stick_that_was_pulled_goes_and_comes_back(self, tape):
        tape = tape("rflink", "tty").opened().device(PONG)
        tape(Event.CLOSED_BY_DEVICE).opened(2, 30.0).device(KAKU, 2)
        async with replay(tape.recording, whole=True).running(ptys=False) as device:
            stream = device.connect()
            assert await stream.receive() == PONG
            with pytest.raises(anyio.BrokenResourceError):
                await stream.receive()
            await anyio.sleep(0.1)
            assert await device.connect().receive() == KAKU

    async def test_what_a_host_does_not_read_waits_for_it(self, tape):
        tape = tape("rflink", "tty").opened()
        for _ in range(2000):
            tape.device(KAKU)
        async with replay(tape.recording, fast=True).running(ptys=False) as device:
            stream = device.connect()
            await anyio.sleep(60.0)
            received = 0
            while received < 2000 * len(KAKU):
                received += len(await stream.receive())
                await anyio.sleep(0.01)


class TestTolerant:
    async def test_what_it_said_by_itself_comes_at_its_time(self, rflink):
        async with replay(rflink, tolerant=True).running(ptys=False) as device:
            stream = device.connect()
            opened = anyio.current_time()
            assert await stream.receive() == KAKU
            assert anyio.current_time() - opened == pytest.approx(12.5)

    async def test_noise_and_strange_lines_are_passed_over(self, rflink):
        async with replay(rflink, tolerant=True).running(ptys=False) as device:
            stream = device.connect()
            await stream.send(b"\xff;\x00\r\n10;VERSION;\n" + PING.lower())
            assert await stream.receive() == PONG
            assert device.unknown == ["10;VERSION;"]

    async def test_equal_questions_get_the_answers_in_turn(self, tape):
        tape = tape("rflink", "tty").opened()
        for number in (1, 2, 3):
            tape.host(b"10;STATUS;\n").device(b"20;%02d;STATUS;\r\n" % number)
        async with replay(tape.recording, tolerant=True, fast=True).running(ptys=False) as device:
            stream = device.connect()
            answers = []
            for _ in range(5):
                await stream.send(b"10;STATUS;\r\n")
                answers.append((await stream.receive())[3:5])
            assert answers == [b"01", b"02", b"03", b"03", b"03"]

    async def test_answers_of_an_rfxtrx_get_the_number_of_the_question(self, tape):
        tape = tape("serial", "tty").opened().host(bytes.fromhex("0D 00 00 01 02" + "00" * 9))
        tape.device(bytes.fromhex("0D 01 00 01 02 53 5E 08 04 25 00 01 01 1C"))
        tape.host(bytes.fromhex("0B 11 00 02 00 AB 12 CD 01 01 0F 00")).device(bytes.fromhex("04 02 01 02 00"))
        async with replay(tape.recording, tolerant=True, fast=True).running(ptys=False) as device:
            assert device.kind == "rfxtrx"
            stream = device.connect()
            await stream.send(bytes.fromhex("0B 11 00 77 00 AB 12 CD 01 01 0F 00"))
            assert await stream.receive() == bytes.fromhex("04 02 01 77 00")

    async def test_fast_keeps_what_was_heard_behind_the_handshake(self, rflink):
        async with replay(rflink, tolerant=True, fast=True).running(ptys=False) as device:
            stream = device.connect()
            began = anyio.current_time()
            await stream.send(PING)
            received = b""
            while len(received) < len(PONG + KAKU):
                received += await stream.receive()
            assert received == PONG + KAKU
            assert anyio.current_time() == began

    async def test_a_line_of_unknown_protocol_is_answered_by_what_was_sent(self, tape):
        tape = tape("serial", "tty").opened()
        tape.host(b"?v", wait=1).host(b"er\n", wait=0.1).device(b"1.7 ").device(b"ok\n", wait=0.5)
        tape.host(b"?temp\n").device(b"21.5\n")
        async with replay(tape.recording, tolerant=True).running(ptys=False) as device:
            assert device.kind == "serial"
            stream = device.connect()
            await stream.send(b"\n\n?tem")
            await stream.send(b"p\n")
            assert await stream.receive() == b"21.5\n"
            await stream.send(b"?ver\n")
            assert await stream.receive() == b"1.7 "
            assert await stream.receive() == b"ok\n"


class TestOwserver:
    """Over TCP; the event loops themselves wait for the sockets."""

    @pytest.fixture
    def recording(self, tape):
        tape = tape("owserver", "tcp").opened().host(READ).device(VALUE, wait=0.01)
        tape.opened(2).host(request(2, b"/x", 8192), 2).device(answer(ret=-1), 2, wait=0.01)
        return tape(Event.CLOSED_BY_DEVICE, connection=2).recording

    async def test_strict(self, recording, connect):
        async with replay(recording, fast=True, whole=True).running() as device:
            assert device.url.startswith("owserver://127.0.0.1:")
            assert await (await connect(device.url)).read("/28.67C6697351FF/temperature", flags=0x104) == "21.5"
            assert await (await connect(device.url)).read("/x", flags=0x104) == -1

    async def test_a_mismatch_is_told_in_words(self, recording, connect):
        async def host():
            async with replay(recording, fast=True).running() as device:
                client = await connect(device.url)
                with pytest.raises((anyio.BrokenResourceError, anyio.EndOfStream)):
                    await client.read("/28.67C6697351FF/humidity", flags=0x104)

        with pytest.raises(ReplayMismatch, match=r"expected .* \(READ /28.67C6697351FF/temperature .* \(READ /28.67"):
            await host()

    async def test_tolerant_answers_in_any_order_on_any_connection(self, recording, connect):
        async with replay(recording, tolerant=True, fast=True).running() as device:
            client = await connect(device.url)
            for _ in range(3):
                assert await client.read("/28.67C6697351FF/temperature") == "21.5"
            assert await client.read("/28.67C6697351FF/type") == -2
            assert await client.read("/x") == -1
            with pytest.raises((anyio.EndOfStream, anyio.BrokenResourceError)):
                await client.read("/x")  # it has hung up, as it did then
            assert device.unknown == ["READ /28.67C6697351FF/type +persistence"]

    async def test_a_port_of_ones_own(self, recording):
        async with replay(recording).running() as device:
            where = device.url.removeprefix("owserver://")
            with pytest.raises(PortInUse, match=rf"can't listen on {where}: .*address already in use"):
                async with replay(recording, listen=where).running():
                    pass
        async with replay(recording, listen=where.rpartition(":")[2]).running() as device:
            assert device.url == f"owserver://{where}"

    async def test_no_address(self, recording):
        with pytest.raises(PortInUse, match="'attic' is no address to listen at; write HOST:PORT or PORT"):
            async with replay(recording, listen="attic").running():
                pass

    async def test_it_is_nowhere_before_it_runs(self, recording):
        with pytest.raises(HwsimError, match="the replay does not run"):
            _ = replay(recording).url


class TestWithoutAnEventLoop:
    def test_a_program_that_blocks(self, rflink):
        with replay(rflink, fast=True, whole=True).in_thread() as device:
            device.run(lambda url: act_as_host(rflink, url))
        with replay(rflink, fast=True, whole=True).in_thread() as device:

            async def host(url):
                await anyio.to_thread.run_sync(act_as_host, rflink, url)
                return url

            assert device.run(host) == device.url

    def test_the_recorded_host_notices_another_answer(self, rflink, tape):
        other = tape("rflink", "tty").opened().host(PING).device(b"20;01;PANG;\r\n").recording
        with (
            pytest.raises(ReplayMismatch, match=r"byte 0: the device says something else .*PONG.*PANG"),
            replay(other, fast=True).in_thread() as device,
        ):
            act_as_host(rflink, device.url)

    def test_the_recorded_host_notices_silence(self, rflink, tape):
        other = tape("rflink", "tty").opened().host(PING).recording
        with (
            pytest.raises(ReplayMismatch, match=r"byte 0: the device is silent; expected 32 30"),
            replay(other, fast=True).in_thread() as device,
        ):
            act_as_host(rflink, device.url, patience=0.05)
