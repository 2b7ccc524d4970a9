"""Several machines on one: network namespaces, joined by switches whose cables can be pulled.

Theory of operation
-------------------
1. A namespace lasts as long as a process that lives in it (network_namespaces(7)). Each has one, which ends when its
   standard input does; so nothing is left over, however this process ends, and no name that could be taken.
2. One more namespace holds the switches, a bridge for each network. Each machine has a cable (veth(4)) to each.
3. A cable is pulled at the switch: its other end keeps its carrier, and what is sent there vanishes without an answer,
   as when a switch further off fails. That is the worse case: who is cut off isn't told.

For example::

    with Machines(["server", "client"], ["lan"]) as machines, machines.entered("client"):
        connect(machines.address("server", "lan"))
        machines.pull("client", "lan")
"""

from __future__ import annotations

import ctypes
import os
import shutil
import subprocess
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Final, Self

from gateway.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from types import TracebackType

#: The kind of a namespace for setns(2), linux/sched.h.
CLONE_NEWNET: Final = 0x40000000
#: Networks of this block, nobody else's within the namespaces.
BLOCK: Final = "10.77"


class Machines:
    """Each machine is on each network; a context manager. Its calls block for some milliseconds.

    Raises:
        NotFound: ``ip``, ``unshare`` or ``nsenter`` is missing; says what to install.
        OSError: this user, or the kernel, allows no namespaces; with what the program says.
    """

    def __init__(self, names: Sequence[str], networks: Sequence[str]) -> None:
        self._names = list(names)
        self._networks = list(networks)
        self._spaces: list[subprocess.Popen[str]] = []
        self._stack = ExitStack()

    def address(self, name: str, network: str) -> str:
        return f"{BLOCK}.{self._networks.index(network)}.{self._names.index(name) + 1}"

    def command(self, name: str) -> list[str]:
        """What to write before a command that is to run there."""
        return self._within(self._spaces[self._names.index(name)])

    def pull(self, name: str, network: str) -> None:
        """Cut a machine off from a network."""
        self._switch(f"link set {self._plug(name, network)} nomaster")

    def plug(self, name: str, network: str) -> None:
        """Heal that."""
        self._switch(f"link set {self._plug(name, network)} master {self._bridge(network)}")

    @contextmanager
    def entered(self, name: str) -> Iterator[None]:
        """Have this thread open its sockets there, and start its processes."""
        space = self._spaces[self._names.index(name)]
        processes = Path("/proc")
        with (processes / "thread-self/ns/net").open() as home, (processes / f"{space.pid}/ns/net").open() as there:
            _enter(there.fileno())
            try:
                yield
            finally:
                _enter(home.fileno())

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            for _ in range(len(self._names) + 1):
                self._spaces.append(stack.enter_context(_space()))
            self._join()
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._stack.close()
        self._spaces.clear()

    def _join(self) -> None:
        """Make the switches, plug all cables in, and give all addresses."""
        for network in self._networks:
            bridge = self._bridge(network)
            self._switch(f"link add {bridge} type bridge", f"link set {bridge} up")
        for name, space in zip(self._names, self._spaces, strict=False):
            for number, network in enumerate(self._networks):
                plug = self._plug(name, network)
                self._switch(f"link add {plug} type veth peer name eth{number} netns {space.pid}")
                self._switch(f"link set {plug} up")
                self.plug(name, network)
                address = self.address(name, network)
                _ip(self._within(space), f"addr add {address}/24 dev eth{number}", f"link set eth{number} up")
            _ip(self._within(space), "link set lo up")

    def _bridge(self, network: str) -> str:
        return f"switch{self._networks.index(network)}"

    def _plug(self, name: str, network: str) -> str:
        return f"plug{self._networks.index(network)}x{self._names.index(name)}"

    def _switch(self, *lines: str) -> None:
        _ip(self._within(self._spaces[-1]), *lines)

    def _within(self, space: subprocess.Popen[str]) -> list[str]:
        return [_program("nsenter"), f"--net=/proc/{space.pid}/ns/net"]


@contextmanager
def _space() -> Iterator[subprocess.Popen[str]]:
    """A namespace, as a process in it."""
    command = [_program("unshare"), "--net", "sh", "-c", "echo; exec cat"]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    ) as process:
        if process.stdout is None or not process.stdout.readline():
            raise OSError(f"no network namespaces here: {process.communicate()[1].strip()}")
        yield process


def _ip(within: list[str], *lines: str) -> None:
    """Run lines of ``ip -batch`` (ip(8))."""
    command = [*within, _program("ip"), "-batch", "-"]
    done = subprocess.run(command, input="\n".join(lines) + "\n", capture_output=True, text=True, check=False)
    if done.returncode:
        raise OSError(f"ip {'; '.join(lines)}: {done.stderr.strip()}")


def _enter(space: int) -> None:
    """setns(2), for this thread."""
    libc = ctypes.CDLL(None, use_errno=True)
    if libc.setns(space, CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), f"this process can't enter a network: {os.strerror(ctypes.get_errno())}")


def _program(name: str) -> str:
    found = shutil.which(name, path=f"{os.environ.get('PATH', '')}:/usr/sbin:/sbin")
    if found is None:
        raise NotFound(f"there is no program {name}; install it: apt install iproute2 util-linux")
    return found
