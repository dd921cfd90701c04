"""Work in children: what they answer, and what becomes of those that fail or take too long."""

from __future__ import annotations

import fcntl
import os
import select
from pathlib import Path

from dataontap.host.limit import each_within, within


def wait_for_ever() -> str:
    select.poll().poll()
    raise AssertionError


def fail() -> str:
    raise OSError(5, "no")


def crash() -> str:
    raise ZeroDivisionError


def children() -> set[str]:
    return set(Path("/proc/self/task", str(os.getpid()), "children").read_text().split())


def test_all_at_the_same_time_and_each_with_its_answer(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    # Neither end opens before the other: they could not end if they came one after the other.
    works = {"reads": fifo.read_text, "writes": lambda: str(fifo.write_text("told"))}
    assert each_within(10, works) == {"reads": "told", "writes": "4"}


def test_who_fails_crashes_or_takes_too_long_has_no_answer() -> None:
    before = children()
    works = {"fails": fail, "crashes": crash, "hangs": wait_for_ever, "is well": lambda: "well"}
    assert each_within(0.2, works) == {"is well": "well"}
    assert children() == before


def test_a_single_one() -> None:
    assert within(10, lambda: "") == ""
    assert within(0.05, wait_for_ever) is None


def test_nothing_to_do() -> None:
    assert each_within(1, {}) == {}


def test_a_child_has_none_of_our_descriptors(tmp_path: Path) -> None:
    """A lock would be held as long as a child that cannot be killed lives."""
    with open(tmp_path / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        listing = within(10, lambda: " ".join(os.readlink(f"/proc/self/fd/{one}") for one in range(3)))
        open_here = within(10, lambda: str(len(list(Path("/proc/self/fd").iterdir()))))
    assert listing == "/dev/null /dev/null /dev/null"
    assert open_here is not None
    assert int(open_here) <= 5  # the three, the pipe, and the listing's own
