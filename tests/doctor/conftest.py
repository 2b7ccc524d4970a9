"""A machine in a temporary folder."""

import pytest

from gateway.doctor.machine import Machine


class Made(Machine):
    """Its devices and processes are made by the test."""

    def adapter(self, tty, *links, folder="by-id"):
        """Plug an adapter in: the device file, and links to it."""
        file = self.dev / tty
        file.touch()
        for link in links:
            place = self.dev / "serial" / folder
            place.mkdir(parents=True, exist_ok=True)
            (place / link).symlink_to(f"../../{tty}")
        return file

    def process(self, pid, comm, *files):
        folder = self.proc / str(pid)
        (folder / "fd").mkdir(parents=True)
        (folder / "comm").write_text(f"{comm}\n")
        (folder / "limits").write_text("Limit  Soft Limit\nMax open files            10                   20  files\n")
        for number, file in enumerate(files):
            (folder / "fd" / str(number)).symlink_to(file)


@pytest.fixture
def make_machine(tmp_path):
    def make(**more):
        folders = {name: tmp_path / name for name in ("dev", "proc", "run")}
        for folder in folders.values():
            folder.mkdir(exist_ok=True)
        return Made(**folders, **more)

    return make


@pytest.fixture
def machine(make_machine):
    return make_machine()
