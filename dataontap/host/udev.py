"""Names for our LUNs' devices, which udev gives them, and udev's events. The rules are in ../../udev.

For each of our LUNs there is a file in /run with the name for its device. The rules read the file, so udev starts
no program, and every event sets the name again as long as the file exists.
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

# libudev's multicast group on NETLINK_KOBJECT_UEVENT: events after udev has handled them and made its links.
_DIGITS = 32  # of an NAA identity
_NETLINK_KOBJECT_UEVENT = 15
_PROCESSED = 2
# Events can be lost (a full buffer), or never sent (no udev in this namespace, a device that is closed): check the
# condition without an event, too, at growing intervals.
_SHORTEST_WAIT = 0.02
_LONGEST_WAIT = 0.5
# A check is slow with thousands of disks, and many scripts may wait: pause this many times as long as the last
# check took. Not longer, because some conditions change without an event and are slow to try: a map's flush does.
_REST = 3


class Names:
    """The names for our LUNs' devices, in files below ``directory``; ``dev`` stands for /dev."""

    def __init__(self, directory: str = DIRECTORY, dev: str = "/dev") -> None:
        self._directory = Path(directory)
        self._dev = dev

    def can_give(self, path: str) -> bool:
        """Whether udev can make this name: it makes links only below /dev, and allows only certain characters."""
        plain = path.isascii() and all(c.isalnum() or c in "#+-.:=@_/" for c in path)
        return path.startswith(f"{self._dev}/") and ".." not in path and plain

    def by_id(self, naa: str, *, multipath: bool) -> str:
        """The name that udev's own rules give the LUN's map or disk."""
        kind = "dm-uuid-mpath" if multipath else "scsi"
        return f"{self._dev}/disk/by-id/{kind}-3{naa}"

    def give(self, naa: str, path: str, *, multipath: bool) -> None:
        """Let udev name the LUN's map ``path``, or the LUN's disk if no ``multipath`` is wanted."""
        wanted, other = self._files(naa) if multipath else reversed(self._files(naa))
        text = f"DATAONTAP_LINK={path[len(self._dev) + 1 :]}\n"
        fresh = self._directory / f".{wanted.name}.{os.getpid()}"
        try:
            self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
            fresh.write_text(text, encoding="ascii")
            fresh.replace(wanted)
            other.unlink(missing_ok=True)
        except OSError as error:
            raise HostError(f"the name for udev cannot be written: {error.strerror} ({self._directory})") from None

    def given(self, path: str) -> tuple[str, ...]:
        """The identities of the LUNs whose devices get the name ``path``."""
        text = f"DATAONTAP_LINK={path[len(self._dev) + 1 :]}\n"
        files = [*self._directory.glob("mpath-3*"), *self._directory.glob("naa.*")]
        return tuple(sorted({file.name[-_DIGITS:] for file in files if _text(file) == text}))

    def take(self, naa: str) -> None:
        """Remove our name of the LUN's devices; the link goes at udev's next event of the device."""
        for file in self._files(naa):
            with contextlib.suppress(OSError):
                file.unlink()

    def _files(self, naa: str) -> tuple[Path, Path]:
        """The files' names as the rules look for them: by a map's dm/uuid, by a SCSI disk's wwid."""
        return self._directory / f"mpath-3{naa}", self._directory / f"naa.{naa}"


def _text(file: Path) -> str:
    try:
        return file.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return ""  # removed meanwhile, or not written by ``give``


class Events:
    """udev's events from now on that contain any of ``words``; use it as a context manager.

    An event of a LUN's path or map contains its names, and its identity in ID_SERIAL, DM_UUID or the like.
    """

    def __init__(self, words: Collection[str], *, clock: Callable[[], float] = time.monotonic) -> None:
        self._words = [word.encode() for word in words]
        self._clock = clock
        self._socket: socket.socket | None = None

    def __enter__(self) -> Events:
        kind = socket.SOCK_RAW | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        with contextlib.suppress(OSError):  # without a socket ``until`` checks at intervals
            self._socket = socket.socket(socket.AF_NETLINK, kind, _NETLINK_KOBJECT_UEVENT)
            self._socket.bind((0, _PROCESSED))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._socket is not None:
            self._socket.close()

    def until(self, condition: Callable[[], bool], seconds: float) -> bool:
        """Wait until ``condition`` holds, checking it at each event; False if it does not hold within ``seconds``.

        It is checked once even when ``seconds`` is 0.
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
        """Wait until ``look`` returns an empty list; returns its last result."""
        last: list[str] = []

        def none() -> bool:
            last[:] = look()
            return not last

        self.until(none, seconds)
        return last

    def _wait(self, seconds: float) -> None:
        """Wait for an event of our LUNs, for at most ``seconds``."""
        poll = select.poll()
        if self._socket is not None:
            poll.register(self._socket, select.POLLIN)
        end = self._clock() + seconds
        while (left := end - self._clock()) > 0:
            if poll.poll(left * 1000) and self._socket is not None and self.are_ours(self._socket):
                return

    def are_ours(self, events: socket.socket) -> bool:
        """Read all pending events; returns whether any event is about our LUNs, or events were lost."""
        found = False
        try:
            while message := events.recv(65536):
                found = found or any(word in message for word in self._words)
        except BlockingIOError:
            return found  # no more events
        except OSError:
            return True  # the buffer overflowed: events were lost
        return found
