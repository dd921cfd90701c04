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
    assert deadline.left("lun-map") == 10
    clock.now += 10
    assert deadline.is_over()
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
