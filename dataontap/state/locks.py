"""Locks on this node: a lock for each volume, and a lock for scans."""

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
    """Wait for the lock on an open file, for at most ``seconds``; returns whether this process has it.

    With repeated tries the lock goes to a process by chance, even if another process has waited longer. The kernel
    gives it to waiters in their order (fs/locks.c, since Linux 5.0), but flock has no time limit. A signal could
    end the wait, but signals belong to the whole process. So a thread waits, which may be left behind.
    """
    ours = threading.Event()
    copy = os.dup(descriptor)

    def block() -> None:
        try:
            fcntl.flock(copy, fcntl.LOCK_EX)
            ours.set()
        finally:
            os.close(copy)  # this also releases the lock, if the caller has closed its descriptor

    threading.Thread(target=block, daemon=True).start()
    return ours.wait(seconds)


class Locks:
    """Locks below ``directory``. The wait for a lock ends at ``deadline``. A lock ends with its process."""

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
        """Keep other scripts from changing this volume's device here; attach's hot path does not wait for it.

        The lock's file stays only as long as there is a record for the hot path, so that no files accumulate.
        """
        path = hotpath.lock_path(self._directory, name)
        with self._locked(path, "the volume's lock, held by another script"):
            try:
                yield
            finally:
                if not os.path.lexists(hotpath.record_path(self._directory, name)):
                    Path(path).unlink(missing_ok=True)

    @contextlib.contextmanager
    def scan(self) -> Iterator[None]:
        """Keep other scripts from scanning on this node."""
        with self._locked(f"{self._directory}/scan.lock", "this node's scan lock, held by another script"):
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
                    continue  # no time is left: the next check of the deadline raises DeadlineError
                if os.fstat(descriptor).st_nlink == 0:
                    continue  # the previous holder removed the file: lock the file that is there now
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
