"""Who may do what at the same time on this node: one lock a volume, and one for scans."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

from dataontap import present
from dataontap.deadline import Deadline
from dataontap.errors import HostError

_SHORTEST_PAUSE = 0.01
_LONGEST_PAUSE = 0.2


class Locks:
    """Locks below ``directory``, waited for within ``deadline``. They end with the process that has them."""

    def __init__(
        self,
        deadline: Deadline,
        *,
        directory: str = present.DIRECTORY,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._deadline = deadline
        self._directory = directory
        self._sleep = sleep

    @contextlib.contextmanager
    def volume(self, name: str) -> Iterator[None]:
        """Nobody else changes this volume's device here; attach's hot path waits for nobody and steps aside.

        The lock's file stays only as long as there is a record for the hot path, so that none is left in the end.
        """
        path = present.lock_path(self._directory, name)
        with self._locked(path, f"the lock of {name}, which another script has"):
            try:
                yield
            finally:
                if not os.path.lexists(present.record_path(self._directory, name)):
                    Path(path).unlink(missing_ok=True)

    @contextlib.contextmanager
    def scan(self) -> Iterator[None]:
        """Nobody else makes devices come or go on this node."""
        with self._locked(
            f"{self._directory}/scan.lock", "the lock of this node's scans, which another script has"
        ):
            yield

    @contextlib.contextmanager
    def _locked(self, path: str, step: str) -> Iterator[None]:
        """flock has no time limit, and a signal that would end it is the process's affair: so ask repeatedly."""
        pause = _SHORTEST_PAUSE
        while True:
            try:
                Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            except OSError as error:
                raise HostError(f"cannot lock {path}: {error.strerror}") from None
            try:
                while not _taken(descriptor):
                    self._sleep(min(pause, self._deadline.left(step)))
                    pause = min(pause * 2, _LONGEST_PAUSE)
                if os.fstat(descriptor).st_nlink == 0:
                    continue  # who had it before us removed the file; whoever comes after us makes a new one
                yield
                return
            finally:
                os.close(descriptor)


def _taken(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
