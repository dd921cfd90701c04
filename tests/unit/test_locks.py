"""Locks whose files come and go. That they exclude, between processes, is the contract level's."""

from __future__ import annotations

import fcntl
import os
import threading
import time
from pathlib import Path
from typing import IO

import pytest

from dataontap.deadline import Deadline
from dataontap.errors import DeadlineError
from dataontap.state import hotpath, locks
from dataontap.state.locks import Locks


def locked(path: Path) -> IO[str]:
    """The file of a lock that another process has, as far as flock can tell: it goes by open files."""
    path.parent.mkdir(parents=True, exist_ok=True)
    file = path.open("a")
    fcntl.flock(file, fcntl.LOCK_EX)
    return file


def is_held(path: Path) -> bool:
    with path.open() as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return Path(hotpath.lock_path(str(tmp_path), "v"))


@pytest.mark.parametrize("is_attached", [True, False])
def test_a_lock_file_stays_with_the_record_only(tmp_path: Path, path: Path, is_attached: bool) -> None:
    with Locks(Deadline(5), directory=str(tmp_path)).volume("v"):
        assert is_held(path)
        if is_attached:
            record = Path(hotpath.record_path(str(tmp_path), "v"))
            record.parent.mkdir()
            record.touch()
    assert path.exists() == is_attached


def test_nor_does_it_stay_after_a_failure(tmp_path: Path, path: Path) -> None:
    with pytest.raises(ZeroDivisionError), Locks(Deadline(5), directory=str(tmp_path)).volume("v"):
        raise ZeroDivisionError
    assert not path.exists()


def test_a_file_that_was_removed_meanwhile_is_no_lock(tmp_path: Path, path: Path) -> None:
    """Or two would have it: who waited for the old file, and who made a new one."""
    files = [locked(path)]

    def wait(descriptor: int, seconds: float) -> bool:
        if len(files) == 1:  # the one before us leaves, and another one is quicker than we
            path.unlink()
            files.append(locked(path))
            files[0].close()
        else:
            files[1].close()
        return locks.wait(descriptor, seconds)

    with Locks(Deadline(5), directory=str(tmp_path), wait=wait).volume("v"):
        assert len(files) == 2
        assert files[1].closed
        assert is_held(path)


def test_who_came_first_has_it_first(tmp_path: Path) -> None:
    order: list[int] = []
    holder = locked(tmp_path / "scan.lock")

    def work(number: int) -> None:
        with Locks(Deadline(5), directory=str(tmp_path)).scan():
            order.append(number)

    workers = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for number, worker in enumerate(workers):
        worker.start()
        await_waiters(tmp_path / "scan.lock", number + 1)
    holder.close()
    for worker in workers:
        worker.join()
    assert order == sorted(order)


def await_waiters(path: Path, wanted: int) -> None:
    """Until so many wait for a lock, as the kernel says it: "1: -> FLOCK  ADVISORY  WRITE 4711 08:01:99 0 EOF"."""
    inode = path.stat().st_ino
    end = time.monotonic() + 5
    while Path("/proc/locks").read_text().count(f":{inode} 0 EOF") < wanted + 1:
        assert time.monotonic() < end


def test_the_time_is_up(tmp_path: Path) -> None:
    """And nobody is left who would take the lock when it is free."""
    holder = locked(tmp_path / "scan.lock")
    with pytest.raises(DeadlineError, match="no time left for: this node's scan lock"):
        Locks(Deadline(0.05), directory=str(tmp_path)).scan().__enter__()
    holder.close()
    with Locks(Deadline(5), directory=str(tmp_path)).scan():
        assert is_held(tmp_path / "scan.lock")


def test_the_scan_lock_stays(tmp_path: Path) -> None:
    with Locks(Deadline(5), directory=str(tmp_path)).scan():
        pass
    assert os.listdir(tmp_path) == ["scan.lock"]
