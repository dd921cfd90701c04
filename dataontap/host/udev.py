"""What udev is told of our LUNs, and being told by udev that something happened. The rules are in ../../udev.

For each LUN of ours there is a file in /run with the name that its device shall have. The rules read it, so no
program runs inside udev, and a name comes back with every event as long as the file is there.
"""

from __future__ import annotations

import contextlib
import os
import select
import socket
import time
from collections.abc import Collection
from pathlib import Path
from types import TracebackType
from typing import Callable

from dataontap.errors import HostError

# The rules name this directory, too.
DIRECTORY = "/run/ganeti-extstorage-dataontap/udev"

# libudev's multicast group on NETLINK_KOBJECT_UEVENT: events that udev has dealt with, its links made.
_DIGITS = 32  # of an NAA identity
_NETLINK_KOBJECT_UEVENT = 15
_PROCESSED = 2
# Events can be lost (a full buffer), or not sent at all (no udev in this namespace, a device that is closed): look
# anyway, after a moment, then less and less often.
_SHORTEST_WAIT = 0.02
_LONGEST_WAIT = 0.5
# Looking takes time where there are thousands of disks, and many scripts may wait: rest so many times as long. Not
# longer, because some of what is waited for comes without an event and takes time to try, such as a map's flush.
_REST = 3


class Names:
    """The names that devices of our LUNs are to have, in files below ``directory``; ``dev`` is for /dev."""

    def __init__(self, directory: str = DIRECTORY, dev: str = "/dev") -> None:
        self._directory = Path(directory)
        self._dev = dev

    def can_give(self, path: str) -> bool:
        """Whether udev can make this name: it makes links below /dev only, of the characters that it lets pass."""
        plain = path.isascii() and all(c.isalnum() or c in "#+-.:=@_/" for c in path)
        return path.startswith(f"{self._dev}/") and ".." not in path and plain

    def by_id(self, naa: str, *, multipath: bool) -> str:
        """The name that udev gives the LUN's map or disk by itself."""
        kind = "dm-uuid-mpath" if multipath else "scsi"
        return f"{self._dev}/disk/by-id/{kind}-3{naa}"

    def give(self, naa: str, path: str, *, multipath: bool) -> None:
        """Let the LUN's map, or its disk where no ``multipath`` is wanted, be found at ``path``."""
        wanted, other = self._files(naa) if multipath else reversed(self._files(naa))
        text = f"DATAONTAP_LINK={path[len(self._dev) + 1 :]}\n"
        fresh = self._directory / f".{wanted.name}.{os.getpid()}"
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh.write_text(text, encoding="ascii")
            fresh.replace(wanted)
            other.unlink(missing_ok=True)
        except OSError as error:
            raise HostError(f"udev cannot be told a name: {error.strerror} ({self._directory})") from None

    def given(self, path: str) -> tuple[str, ...]:
        """The identities of the LUNs whose devices are to be found at ``path``."""
        text = f"DATAONTAP_LINK={path[len(self._dev) + 1 :]}\n"
        files = [*self._directory.glob("mpath-3*"), *self._directory.glob("naa.*")]
        return tuple(sorted({file.name[-_DIGITS:] for file in files if _text(file) == text}))

    def take(self, naa: str) -> None:
        """The LUN's devices have no name of ours any more, once udev has looked at them again."""
        for file in self._files(naa):
            with contextlib.suppress(OSError):
                file.unlink()

    def _files(self, naa: str) -> tuple[Path, Path]:
        """As the rules look for them: by a map's dm/uuid, by a SCSI disk's wwid."""
        return self._directory / f"mpath-3{naa}", self._directory / f"naa.{naa}"


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii")
    except OSError:
        return ""  # gone while we looked


class Events:
    """udev's events from now on that have one of ``words`` in them; use it as a context manager.

    What udev tells of a LUN's path or map has its identity in ID_SERIAL, DM_UUID or the like, and its names.
    """

    def __init__(self, words: Collection[str], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._words = [word.encode() for word in words]
        self._clock = clock
        self._socket: socket.socket | None = None

    def __enter__(self) -> Events:
        kind = socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        with contextlib.suppress(OSError):  # then ``until`` looks now and then
            self._socket = socket.socket(socket.AF_NETLINK, kind, _NETLINK_KOBJECT_UEVENT)
            self._socket.bind((0, _PROCESSED))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._socket is not None:
            self._socket.close()

    def until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait until ``condition`` holds, looking at each event; False if it does not within ``seconds``.

        It looks once when there is no time at all.
        """
        end = self._clock() + seconds
        pause = _SHORTEST_WAIT
        while True:
            began = self._clock()
            if condition():
                return True
            looked = self._clock()
            if looked >= end:
                return False
            self._wait(min(end - looked, max(pause, _REST * (looked - began))))
            pause = min(2 * pause, _LONGEST_WAIT)

    def until_none(self, look: Callable[[], list[str]], seconds: float) -> list[str]:
        """Wait until ``look`` returns nothing; returns what it returned last."""
        last: list[str] = []

        def none() -> bool:
            last[:] = look()
            return not last

        self.until(none, seconds)
        return last

    def _wait(self, seconds: float) -> None:
        """Until there is an event of ours, for so long at most."""
        poll = select.poll()
        if self._socket is not None:
            poll.register(self._socket, select.POLLIN)
        end = self._clock() + seconds
        while (left := end - self._clock()) > 0:
            if poll.poll(left * 1000) and self._socket is not None and self.are_ours(self._socket):
                return

    def are_ours(self, events: socket.socket) -> bool:
        """Read what has come; whether something of it is about our LUNs, or was lost."""
        found = False
        try:
            while message := events.recv(65536):
                found = found or any(word in message for word in self._words)
        except BlockingIOError:
            return found  # that was all
        except OSError:
            return True  # more than the buffer could hold
        return found
