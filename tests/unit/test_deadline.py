"""One clock for all that a verb waits for."""

from __future__ import annotations

import pytest

from dataontap.deadline import Deadline
from dataontap.errors import DeadlineError


class Clock:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


def test_what_is_left_and_who_is_told_when_nothing_is() -> None:
    clock = Clock()
    deadline = Deadline(30, clock=clock)
    clock.now += 20
    assert deadline.left("lun-map") == deadline.rest == 10
    clock.now += 10
    assert deadline.is_over()
    assert deadline.rest == 0
    with pytest.raises(DeadlineError) as caught:
        deadline.left("lun-map")
    assert str(caught.value) == "no time left for: lun-map (TIMEOUT is 30 s)"


def test_cleaning_up_is_given_time() -> None:
    clock = Clock()
    deadline = Deadline(30, clock=clock)
    clock.now += 29
    deadline.allow(5)
    assert deadline.left("undo") == 5
    deadline.allow(1)
    assert deadline.left("undo") == 5


def test_a_step_may_get_less_than_all() -> None:
    clock = Clock()
    deadline = Deadline(30, clock=clock)
    with deadline.within(5):
        assert deadline.left("undo") == 5
        clock.now += 5
        assert deadline.is_over()
    assert deadline.left("the rest") == 25
    with deadline.within(100):
        assert deadline.left("undo") == 25


def failure(deadline: Deadline) -> str:
    """The error of a step that has no time left."""
    with pytest.raises(DeadlineError) as caught:
        deadline.left("lun-map")
    return str(caught.value)


def test_the_error_names_the_limit_that_was_reached() -> None:
    """Whoever reads of TIMEOUT raises it, which helps only where it was that."""
    clock = Clock()
    deadline = Deadline(30, clock=clock)
    with deadline.within(5, "the limit for cleaning up"):
        clock.now += 5
        assert failure(deadline) == "no time left for: lun-map (the limit for cleaning up is 5 s)"
    clock.now += 25
    assert failure(deadline) == "no time left for: lun-map (TIMEOUT is 30 s)"
    deadline.allow(7)
    clock.now += 7
    assert failure(deadline) == "no time left for: lun-map (the limit for this step is 7 s)"


def test_a_limit_that_leaves_more_time_than_there_is_was_not_the_one() -> None:
    clock = Clock()
    deadline = Deadline(30, clock=clock)
    deadline.curtail(40)
    deadline.allow(20)
    with deadline.within(31):
        clock.now += 30
        assert failure(deadline) == "no time left for: lun-map (TIMEOUT is 30 s)"


def test_what_is_not_worth_more() -> None:
    clock = Clock()
    deadline = Deadline(30, clock=clock)
    deadline.curtail(2.5)
    clock.now += 2.5
    assert failure(deadline) == "no time left for: lun-map (the limit for this step is 2.5 s)"


def test_a_deadline_that_is_not_timeout() -> None:
    clock = Clock()
    deadline = Deadline(800, limit="the limit for a hook", clock=clock)
    clock.now += 800
    assert failure(deadline) == "no time left for: lun-map (the limit for a hook is 800 s)"
