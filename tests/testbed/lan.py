"""A network that touches no other: a switch in a namespace of its own, and what is plugged into it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import subprocess
from collections.abc import Iterator
from types import TracebackType

NETWORK = "10.77.0"  # private addresses, and only in namespaces that are made here
PREFIX = 24
_CLONE_NEWNET = 0x40000000  # linux/sched.h


class Space:
    """A network namespace that lives as long as this, or as this process: its holder reads a pipe from us."""

    def __init__(self) -> None:
        self._holder: subprocess.Popen[str] | None = None

    @property
    def pid(self) -> int:
        """A process in it."""
        if self._holder is None:
            raise RuntimeError("the namespace is not there")
        return self._holder.pid

    def __enter__(self) -> Space:
        self._holder = subprocess.Popen(
            ["unshare", "--net", "sh", "-c", "ip link set lo up && echo ready && exec cat"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for us, who take it down in good order
        )
        assert self._holder.stdout is not None
        if self._holder.stdout.readline() != "ready\n":
            raise RuntimeError("no network namespace")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        holder, self._holder = self._holder, None
        if holder is not None:
            holder.communicate()

    def enter_command(self) -> tuple[str, ...]:
        """What a command line begins with that is to run in it."""
        return ("nsenter", "--target", str(self.pid), "--net", "--")

    def ip(self, *arguments: str) -> None:
        """Run ip(8) in it."""
        subprocess.run([*self.enter_command(), "ip", *arguments], check=True, stdin=subprocess.DEVNULL)

    @contextlib.contextmanager
    def entered(self) -> Iterator[None]:
        """Let this thread be in it: sockets that are made meanwhile belong to it for ever."""
        with _namespace("/proc/thread-self/ns/net") as home, _namespace(f"/proc/{self.pid}/ns/net") as there:
            _setns(there)
            try:
                yield
            finally:
                _setns(home)


class Lan(Space):
    """The switch."""

    def __enter__(self) -> Lan:
        super().__enter__()
        self.ip("link", "add", "switch", "type", "bridge")
        self.ip("link", "set", "switch", "up")
        return self

    def plug(self, port: str, space: int, address: str) -> None:
        """Give the network namespace of the process ``space`` an eth0 with this address, plugged into ``port``."""
        self.ip("link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", str(space))
        self.ip("link", "set", port, "master", "switch", "up")
        inside = ["nsenter", "--target", str(space), "--net", "--", "ip"]
        for words in (["addr", "add", f"{address}/{PREFIX}", "dev", "eth0"], ["link", "set", "eth0", "up"]):
            subprocess.run([*inside, *words], check=True, stdin=subprocess.DEVNULL)

    @contextlib.contextmanager
    def cut(self, port: str) -> Iterator[None]:
        """What is at ``port`` is cut off meanwhile."""
        self.ip("link", "set", port, "down")
        try:
            yield
        finally:
            self.ip("link", "set", port, "up")


@contextlib.contextmanager
def _namespace(path: str) -> Iterator[int]:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _setns(descriptor: int) -> None:
    """Python has it from 3.12 on only."""
    if ctypes.CDLL(None, use_errno=True).setns(descriptor, _CLONE_NEWNET) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
