"""What `hwsim record`, `replay` and `show` do. They print and end the process."""

from __future__ import annotations

import json
import signal
import sys
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import anyio
import click

from hwsim.command import fail
from hwsim.errors import HwsimError, RecordingError, Unreachable
from hwsim.recording.conversation import dialect_of
from hwsim.recording.regression import write_test
from hwsim.recording.replay import Replay, replay
from hwsim.recording.tap import tap
from hwsim.recording.tape import read_recording
from hwsim.recording.transcript import rows, summary, transcript
from hwsim.requests import EndRecording, Record
from hwsim.steering import ask, find

if TYPE_CHECKING:
    from pathlib import Path

    from hwsim.recording.tape import Recording
    from hwsim.recording.tapped import Tapped


def record(
    source: str,
    file: Path,
    *,
    listen: str | None,
    kind: str | None,
    baud: int | None,
    socket: Path | None,
    as_json: bool,
) -> None:
    """Record a device, or a bus of a running house, until a signal; exits with 1 or 3 when it can't."""
    device = "/" in source
    if not device and (listen or kind or baud):
        raise click.UsageError(f"{source!r} is a bus of a running house; it has no --listen, --kind or --baud")
    if device and socket:
        raise click.UsageError(f"{source!r} is a device, not a bus of a house; leave --socket out")
    try:
        if not device:
            anyio.run(_record_bus, source, file.absolute(), socket, as_json)
            return
        tapped = _usable_tap(source, file, listen=listen, kind=kind, baud=baud)
        anyio.run(_record, tapped, as_json)
    except HwsimError as error:
        fail(error)


def play(path: Path, *, tolerant: bool, fast: bool, listen: str | None, as_json: bool) -> None:
    """Be the recorded device until everything was played, or until a signal; exits with 1 at a mismatch."""
    try:
        recording = _read(path)
        device = replay(recording, tolerant=tolerant, fast=fast, listen=listen)
        anyio.run(_play, device, as_json)
    except HwsimError as error:
        fail(error)
    if device.missing:
        fail(RecordingError(f"the recording was not played to its end; {device.missing}"))


def make_test(path: Path, test: Path, reader: str | None, *, as_json: bool) -> None:
    """Write a regression test; exits with 1 when it can't."""
    try:
        place = write_test(path, test, reader)
    except HwsimError as error:
        fail(error)
    if as_json:
        click.echo(json.dumps({"test": str(test), "recording": str(place)}))
        return
    click.echo(f"{test} replays {place}; run it with: pytest {test}")
    if reader is None:
        click.echo("put the program under test into its function reader, or name it with --reader MODULE:FUNCTION")


def show(path: Path, *, connection: int | None, as_json: bool) -> None:
    """Print a recording; exits with 1 when it is none, or has no such connection."""
    try:
        recording = _read(path)
        if connection is not None and connection not in recording.connections:
            raise RecordingError(f"{path} has no connection {connection}; it has {len(recording.connections)}")
    except HwsimError as error:
        fail(error)
    if connection is not None:
        recording.records = recording.of(connection)
    if as_json:
        header = {**asdict(recording.header), "kind": dialect_of(recording).kind, "damage": recording.damage}
        click.echo(json.dumps(header))
        for row in rows(recording):
            click.echo(json.dumps(row))
        return
    click.echo(summary(recording))
    for line in transcript(recording):
        click.echo(line)


def _usable_tap(source: str, file: Path, **options: Any) -> Tapped:
    try:
        return tap(source, file, **options)
    except RecordingError as error:
        raise click.UsageError(str(error)) from None


def _read(path: Path) -> Recording:
    recording = read_recording(path)
    if recording.damage:
        click.echo(f"warning: {path}: {recording.damage}", err=True)
    return recording


async def _record(tapped: Tapped, as_json: bool) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as signals:
        async with tapped.running():
            said = f"hosts find it at {tapped.url}, which passes everything on to {tapped.peer}"
            _announce({"url": tapped.url, "peer": tapped.peer, "file": str(tapped.file)}, said, as_json=as_json)
            async with anyio.create_task_group() as tasks:

                async def until_failed() -> None:
                    await tapped.recorder.failed.wait()
                    tasks.cancel_scope.cancel()

                tasks.start_soon(until_failed)
                async for _ in signals:
                    break
                tasks.cancel_scope.cancel()
    recorder = tapped.recorder
    _conclude(str(recorder.path), recorder.connections, recorder.bytes, recorder.seconds, as_json=as_json)


async def _record_bus(bus: str, file: Path, socket: Path | None, as_json: bool) -> None:
    place = socket or find()
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as signals:
        answer = _agreed(ask(place, Record(bus=bus, file=str(file))))
        said = f"everything at {answer['url']} is recorded by the house itself"
        _announce({"bus": bus, "url": answer["url"], "file": str(file)}, said, as_json=as_json)
        async with anyio.create_task_group() as tasks:

            async def until_ended() -> None:
                async with await anyio.connect_unix(place) as stream:
                    try:
                        await stream.receive()
                    except (anyio.EndOfStream, anyio.BrokenResourceError):
                        tasks.cancel_scope.cancel()

            tasks.start_soon(until_ended)
            async for _ in signals:
                break
            tasks.cancel_scope.cancel()
    try:
        told = _agreed(ask(place, EndRecording(bus=bus)))
    except Unreachable:
        recording = read_recording(file)
        told = {"connections": len(recording.connections), "seconds": recording.duration}
        told["bytes"] = sum(len(record.data) for record in recording.records)
        click.echo("warning: the house has ended, and the recording with it", err=True)
    _conclude(str(file), told["connections"], told["bytes"], told["seconds"], as_json=as_json)


def _agreed(answer: dict[str, Any]) -> dict[str, Any]:
    """Raise RecordingError when the house has refused."""
    if not answer["ok"]:
        raise RecordingError(answer["message"])
    return answer


def _announce(fields: dict[str, Any], said: str, *, as_json: bool) -> None:
    click.echo(json.dumps(fields) if as_json else f"{said}\nrecording into {fields['file']}; Ctrl-C ends it")
    sys.stdout.flush()


def _conclude(file: str, connections: int, size: int, seconds: float, *, as_json: bool) -> None:
    if as_json:
        click.echo(json.dumps({"file": file, "connections": connections, "bytes": size, "seconds": seconds}))
        return
    plural = "" if connections == 1 else "s"
    click.echo(f"{file}: {connections} connection{plural}, {size} bytes in {seconds:.1f} s; hwsim show shows it")


async def _play(device: Replay, as_json: bool) -> None:
    with anyio.open_signal_receiver(signal.SIGINT, signal.SIGTERM, signal.SIGHUP) as signals:
        async with device.running():
            fields = {"url": device.url, "kind": device.kind, "peer": device.recording.header.peer}
            said = f"{device.kind} of {fields['peer']} is replayed at {device.url}"
            click.echo(json.dumps(fields) if as_json else said)
            sys.stdout.flush()
            async with anyio.create_task_group() as tasks:

                async def until_finished() -> None:
                    await device.wait_finished()
                    tasks.cancel_scope.cancel()

                tasks.start_soon(until_finished)
                async for _ in signals:
                    break
                tasks.cancel_scope.cancel()
    for request in device.unknown:
        click.echo(f"warning: was never recorded: {request}", err=True)
    if as_json:
        told = {"finished": device.finished, "connections": device.connections, "unknown": device.unknown}
        click.echo(json.dumps(told))
    else:
        click.echo(f"{device.connections} connections were played")
