"""Writes a regression test from a recording: a pytest file that replays it to the program under test."""

from __future__ import annotations

import keyword
import os
import re
import shutil
from pathlib import Path
from string import Template
from typing import Final

from hwsim.errors import RecordingError
from hwsim.recording.tape import read_recording
from hwsim.recording.transcript import summary

_TEST: Final = Template('''"""Replays $summary."""

$imports

RECORDING = Path(__file__).parent / "$recording"
$reader

def test_$name():
    """The host sends what was recorded, byte for byte, all of it, and does what it should with the answers."""
    with replay(RECORDING, fast=True, whole=True).in_thread() as device:
        device.run(reader)
''')
_STAND_IN: Final = '''

def reader(url):
    """Put the program under test here, a function or coroutine function; it gets the URL of the replayed device.

    Until then this stands in for it: a host that sends what was recorded, and insists on the recorded answers.
    """
    act_as_host(RECORDING, url)
'''


def write_test(recording: Path, test: Path, reader: str | None = None) -> Path:
    """Write the test; a recording that is not below its folder is copied beside it. Returns where that is.

    Args:
        recording: must be readable.
        test: the file to write, `test_NAME.py`; must not exist; its folder is made.
        reader: `MODULE:FUNCTION` of the program under test, a function or coroutine function of a URL; none: a
            stand-in, to be edited.

    Raises:
        RecordingError: the recording can't be read, the test exists or can't be written, or one of the names is none.
    """
    described = summary(read_recording(recording))
    if not re.fullmatch(r"test_\w+\.py", test.name):
        raise RecordingError(f"{test} is no name for a test; call it as in tests/test_{_identifier(recording.stem)}.py")
    if test.exists():
        raise RecordingError(f"{test} exists already; name another file, or remove it")
    imports = ["from pathlib import Path", ""]
    if reader is None:
        imports.append("from hwsim.recording import act_as_host, replay")
    else:
        imports += ["from hwsim.recording import replay", _import_of(reader)]
    try:
        test.parent.mkdir(parents=True, exist_ok=True)
        place = _beside(recording, test.parent)
        text = _TEST.substitute(
            summary=described.replace("\\", "/").replace('"', "'"),
            imports="\n".join(imports),
            recording=place.as_posix(),
            reader=_STAND_IN if reader is None else "",
            name=_identifier(test.stem.removeprefix("test_")),
        )
        test.write_text(text)
    except OSError as error:
        raise RecordingError(f"{test} can't be written: {(error.strerror or str(error)).lower()}") from error
    return test.parent / place


def _beside(recording: Path, folder: Path) -> Path:
    """The recording as seen from the folder of the test, copied there if need be."""
    if recording.resolve().is_relative_to(folder.resolve()):
        return Path(os.path.relpath(recording.resolve(), folder.resolve()))
    copy = folder / recording.name
    if copy.exists() and copy.read_bytes() != recording.read_bytes():
        raise RecordingError(f"there is another recording at {copy}; rename one of them")
    shutil.copyfile(recording, copy)
    return Path(recording.name)


def _import_of(reader: str) -> str:
    module, _, function = reader.partition(":")
    parts = [*module.split("."), function]
    if not all(part.isidentifier() and not keyword.iskeyword(part) for part in parts):
        raise RecordingError(f"{reader!r} names no function; write MODULE:FUNCTION, as in greenhouse.bus:read_all")
    return f"from {module} import {function}" + ("" if function == "reader" else " as reader")


def _identifier(text: str) -> str:
    return re.sub(r"\W", "_", text) or "recording"
