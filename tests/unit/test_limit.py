"""Work in children: what they answer, and what becomes of those that fail or take too long."""

from __future__ import annotations

import fcntl
import os
import select
import signal
import traceback
from pathlib import Path
from typing import Callable

import pytest

from dataontap.errors import DeviceError
from dataontap.host.children import Outcome, outcomes_within


def wait_for_ever() -> str:
    select.poll().poll()
    raise AssertionError


def fail() -> str:
    raise OSError(5, "no")


def refuse() -> str:
    raise DeviceError("it is in use")


def die() -> str:
    os.kill(os.getpid(), signal.SIGKILL)
    return "alive"


def crash() -> str:
    raise ZeroDivisionError


def quit_early() -> str:
    raise SystemExit(0)


def answer(work: Callable[[], str]) -> str | None:
    (outcome,) = outcomes_within(10, {"it": work}).values()
    return outcome.answer


def children() -> set[str]:
    return set(Path("/proc/self/task", str(os.getpid()), "children").read_text().split())


def test_all_at_the_same_time_and_each_with_its_answer(tmp_path: Path) -> None:
    fifo = tmp_path / "fifo"
    os.mkfifo(fifo)
    # Neither end opens before the other: they could not end if they came one after the other.
    works = {"reads": fifo.read_text, "writes": lambda: str(fifo.write_text("told"))}
    assert outcomes_within(10, works) == {"reads": Outcome("told"), "writes": Outcome("4")}


def test_who_fails_dies_or_takes_too_long_has_no_answer() -> None:
    before = children()
    works = {"fails": fail, "dies": die, "hangs": wait_for_ever, "is well": lambda: "well"}
    assert outcomes_within(0.2, works) == {
        "fails": Outcome(None, "[Errno 5] no"),
        "dies": Outcome(None, "its child process died"),
        "hangs": Outcome(None, "no answer in time"),
        "is well": Outcome("well"),
    }
    assert children() == before


def test_a_refusal_is_told_in_its_words() -> None:
    assert outcomes_within(10, {"sdb": refuse, "sdd": lambda: ""}) == {
        "sdb": Outcome(None, "it is in use"),
        "sdd": Outcome(""),
    }


@pytest.mark.parametrize("bug", [crash, quit_early, lambda: "\ud800"])
def test_a_bug_in_a_child_is_one_here(bug: Callable[[], str]) -> None:
    """Taken for a path that does not answer, it would have that path, and its map, taken down."""
    before = children()
    with pytest.raises(RuntimeError, match="^in a child: [A-Za-z]+(Error|Exit)") as caught:
        outcomes_within(10, {"crashes": bug, "is well": lambda: "well"})
    shown = "".join(traceback.format_exception(None, caught.value, None))
    assert "in _message" in shown
    assert children() == before


def test_the_childs_own_lines_are_shown() -> None:
    with pytest.raises(RuntimeError) as caught:
        answer(crash)
    assert "in crash\n    raise ZeroDivisionError" in "".join(traceback.format_exception(None, caught.value, None))


def test_an_answer_of_more_than_a_pipe_takes() -> None:
    assert answer(lambda: "x" * 300_000) == "x" * 300_000


def test_nothing_to_do() -> None:
    assert outcomes_within(1, {}) == {}


def test_a_child_has_none_of_our_descriptors(tmp_path: Path) -> None:
    """A lock would be held as long as a child that cannot be killed lives."""
    with open(tmp_path / "lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        listing = answer(lambda: " ".join(os.readlink(f"/proc/self/fd/{one}") for one in range(3)))
        open_here = answer(lambda: str(len(list(Path("/proc/self/fd").iterdir()))))
    assert listing == "/dev/null /dev/null /dev/null"
    assert open_here is not None
    assert int(open_here) <= 5  # the three, the pipe, and the listing's own
