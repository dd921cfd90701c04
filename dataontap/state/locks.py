"""Who may do what at the same time on this node: one lock a volume, and one for scans."""

from __future__ import annotations

import contextlib
import fcntl
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Callable

from dataontap import paths
from dataontap.deadline import Deadline
from dataontap.errors import HostError
from dataontap.state import hotpath


def wait(descriptor: int, seconds: float) -> bool:
    """Wait for the lock on an open file, for so long at most; whether we have it.

    Who asks again and again gets it by chance, while somebody else has been waiting for long. The kernel gives it
    to its waiters in the order in which they came (fs/locks.c, since Linux 5.0), but has no time limit, and a
    signal that would end the waiting is the process's affair: hence the thread, which may stay behind.
    """
    ours = threading.Event()
    copy = os.dup(descriptor)

    def block() -> None:
        try:
            fcntl.flock(copy, fcntl.LOCK_EX)
            ours.set()
        finally:
            os.close(copy)  # and with it the lock, if nobody has waited for us

    threading.Thread(target=block, daemon=True).start()
    return ours.wait(seconds)


class Locks:
    """Locks below ``directory``, waited for within ``deadline``. They end with the process that has them."""

    def __init__(
        self,
        deadline: Deadline,
        *,
        directory: str = paths.RUN,
        wait: Callable[[int, float], bool] = wait,
    ) -> None:
        self._deadline = deadline
        self._directory = directory
        self._wait = wait

    @contextlib.contextmanager
    def volume(self, name: str) -> Iterator[None]:
        """Nobody else changes this volume's device here; attach's hot path waits for nobody and steps aside.

        The lock's file stays only as long as there is a record for the hot path, so that none is left in the end.
        """
        path = hotpath.lock_path(self._directory, name)
        with self._locked(path, "the volume's lock, which another script has"):
            try:
                yield
            finally:
                if not os.path.lexists(hotpath.record_path(self._directory, name)):
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
        while True:
            try:
                Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
            except OSError as error:
                raise HostError(f"cannot lock in {Path(path).parent}: {error.strerror}") from None
            try:
                while not (_taken(descriptor) or self._wait(descriptor, self._deadline.left(step))):
                    continue  # there is no time left, then
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
