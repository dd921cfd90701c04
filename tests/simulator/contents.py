"""The data in LUNs: one sparse file per LUN, named by its UUID."""

from __future__ import annotations

import errno
import os
from collections.abc import Iterator, Mapping
from pathlib import Path

CHUNK = 64 << 20
# Of ext4's files. Larger LUNs have their data up to here only.
LARGEST_FILE = (16 << 40) - 4096


class Contents:
    """The directory of LUN contents.

    A file is made before the journal knows its LUN and removed after the journal has forgotten it: what a
    kill leaves over is cleared away by ``reconcile`` at the next start.
    """

    def __init__(self, directory: Path) -> None:
        self._directory = directory
        directory.mkdir(parents=True, exist_ok=True)

    def path(self, uuid: str) -> Path:
        """The file that holds this LUN's data."""
        return self._directory / uuid

    def allocated(self, uuid: str) -> int:
        """How much of the data is no hole, in bytes."""
        return self.path(uuid).stat().st_blocks * 512

    def create(self, uuid: str, size: int) -> None:
        """An empty LUN: a file that is one hole."""
        with self.path(uuid).open("wb") as file:
            file.truncate(_held(size))

    def resize(self, uuid: str, size: int) -> None:
        """Longer by a hole, or shorter by what is cut off."""
        os.truncate(self.path(uuid), _held(size))

    def copy(self, source: str, target: str, size: int) -> None:
        """The data of ``source`` as a LUN of its own; holes stay holes."""
        with self.path(source).open("rb") as old, self.path(target).open("wb") as new:
            new.truncate(_held(size))
            for start, end in _data(old.fileno(), _held(size)):
                _copy_range(old.fileno(), new.fileno(), start, end)

    def copy_range(self, source: str, target: str, start: int, to: int, length: int) -> None:
        """A part of one LUN's data over a part of another's, or of its own."""
        with self.path(source).open("rb") as old, self.path(target).open("r+b") as new:
            while length:
                data = os.pread(old.fileno(), min(CHUNK, length), start)
                if not data:
                    raise OSError(errno.EIO, "a LUN's content ended early")
                os.pwrite(new.fileno(), data, to)
                start, to, length = start + len(data), to + len(data), length - len(data)

    def remove(self, uuid: str) -> None:
        """Forget the data; a loop device that still has the file open keeps it until it lets go."""
        self.path(uuid).unlink(missing_ok=True)

    def reconcile(self, sizes: Mapping[str, int]) -> None:
        """Make the files agree with the journal: drop strays, make and resize what is missing or wrong."""
        for file in self._directory.iterdir():
            if file.name not in sizes:
                file.unlink()
        for uuid, size in sizes.items():
            file = self.path(uuid)
            if not file.exists():
                self.create(uuid, size)
            elif file.stat().st_size != _held(size):
                self.resize(uuid, size)


def _held(size: int) -> int:
    """How long the file of a LUN of that size is."""
    return min(size, LARGEST_FILE)


def _data(descriptor: int, size: int) -> Iterator[tuple[int, int]]:
    """The parts of a file that are not holes, as (start, end)."""
    end = 0
    while end < size:
        try:
            start = os.lseek(descriptor, end, os.SEEK_DATA)
        except OSError as error:
            if error.errno == errno.ENXIO:  # only a hole is left
                return
            raise
        end = os.lseek(descriptor, start, os.SEEK_HOLE)
        yield start, min(end, size)


def _copy_range(source: int, target: int, start: int, end: int) -> None:
    while start < end:
        copied = os.copy_file_range(source, target, min(CHUNK, end - start), start, start)
        if not copied:
            raise OSError(errno.EIO, "a LUN's content ended early")
        start += copied
