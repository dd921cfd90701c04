"""What one node sees: links to loop devices over the contents of LUNs.

What belongs to the node is written down beside its links *before* a loop device is set up, so that a fabric
killed at any moment is put right by the next one; and a loop device is taken down only if it still has the
file written down.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import json
import os
from collections.abc import Iterator, Mapping

from tests.simulator import loopdevice
from tests.simulator.loopdevice import Disk

ATTEMPTS = 50


class Node:
    """Its links are ``root/HOSTNAME/POOL/NAME``; all of it happens under the node's lock."""

    def __init__(self, root: str) -> None:
        self.root = root
        self._memory = f"{root}/.fabric.json"
        self._lock = f"{root}/.fabric.lock"
        self._disks: dict[str, Disk] = {}

    @contextlib.contextmanager
    def locked(self) -> Iterator[Node]:
        """Nobody else changes this node meanwhile."""
        while True:
            os.makedirs(self.root, exist_ok=True)
            with open(self._lock, "a") as lock:
                fcntl.flock(lock, fcntl.LOCK_EX)
                # clear() may have removed the file that we waited for.
                if not os.path.exists(self._lock) or not os.path.samefile(lock.fileno(), self._lock):
                    continue
                self._recall()
                yield self
                return

    def _recall(self) -> None:
        if os.path.exists(self._memory):
            with open(self._memory, encoding="utf-8") as file:
                disks = [Disk(**fields) for fields in json.load(file)]
            self._disks = {disk.link: disk for disk in disks}

    def _remember(self) -> None:
        fresh = f"{self._memory}.new"
        with open(fresh, "w", encoding="utf-8") as file:
            file.write(json.dumps([disk._asdict() for disk in self._disks.values()]))
        os.replace(fresh, self._memory)

    def attach(self, hostname: str, luns: Mapping[str, str]) -> None:
        """See these LUNs, POOL/NAME -> the file with their data, and nothing else of this filer."""
        wanted = {f"{self.root}/{hostname}/{name}": file for name, file in luns.items()}
        for disk in list(self._disks.values()):
            if disk.hostname == hostname and (wanted.get(disk.link) != disk.file or not disk.alive):
                self._drop(disk)
        for link, file in wanted.items():
            if link not in self._disks:
                self._set_up(hostname, link, file)
            self._show(self._disks[link])

    def detach(self, hostname: str, volume: str) -> None:
        """Do not see this volume any more; nothing there is success."""
        for disk in list(self._disks.values()):
            if (disk.hostname, disk.volume) == (hostname, volume):
                self._drop(disk)

    def clear(self) -> None:
        """See nothing, and leave nothing behind."""
        for disk in list(self._disks.values()):
            self._drop(disk)
        for file in (self._memory, self._lock):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(file)
        with contextlib.suppress(OSError):  # not ours alone, then it stays
            os.rmdir(self.root)

    def _set_up(self, hostname: str, link: str, file: str) -> None:
        """A loop device of our own; others take free numbers, too, so try again."""
        for attempt in range(1, ATTEMPTS + 1):
            disk = Disk(hostname, os.path.basename(link), link, loopdevice.free_device(), file)
            self._disks[link] = disk
            self._remember()
            try:
                loopdevice.set_up(disk.device, file)
            except OSError as error:
                del self._disks[link]
                self._remember()
                if error.errno != errno.EBUSY or attempt == ATTEMPTS:
                    raise
            else:
                return

    def _show(self, disk: Disk) -> None:
        """The device as large as the LUN, and its link in place all at once."""
        if disk.size != os.stat(disk.file).st_size:
            loopdevice.follow_size(disk.device)
        if _target(disk.link) != disk.device:
            directory, name = os.path.split(disk.link)
            os.makedirs(directory, exist_ok=True)
            fresh = f"{directory}/.{name}.new"
            with contextlib.suppress(FileNotFoundError):
                os.unlink(fresh)
            os.symlink(disk.device, fresh)
            os.replace(fresh, disk.link)

    def _drop(self, disk: Disk) -> None:
        """Take link and loop device away."""
        if _target(disk.link) == disk.device:
            os.unlink(disk.link)
        if disk.alive:
            try:
                loopdevice.take_down(disk.device)
            except OSError:
                if disk.alive:
                    raise
        del self._disks[disk.link]
        self._remember()
        directory = os.path.dirname(disk.link)
        with contextlib.suppress(OSError):  # other links are in it
            while directory.startswith(f"{self.root}/"):
                os.rmdir(directory)
                directory = os.path.dirname(directory)


def _target(link: str) -> str | None:
    """Where the link leads, None where there is none."""
    return os.readlink(link) if os.path.islink(link) else None
