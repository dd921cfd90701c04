"""One monotonic deadline a verb, shared by filer requests, commands and waits."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Callable

from dataontap.errors import DeadlineError


class Deadline:
    """``seconds`` from now on; whoever waits asks here how long it still may."""

    def __init__(self, seconds: float, *, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds = seconds
        self._clock = clock
        self._end = clock() + seconds

    def left(self, step: str) -> float:
        """Seconds left for ``step``, more than 0; raises DeadlineError naming it when there are none."""
        left = self._end - self._clock()
        if left <= 0:
            raise DeadlineError(step, self.seconds)
        return left

    def is_over(self) -> bool:
        """Whether no time is left."""
        return not self.has(0)

    def has(self, seconds: float) -> bool:
        """Whether more than ``seconds`` are left."""
        return self._end - self._clock() > seconds

    def curtail(self, seconds: float) -> None:
        """See to it that no more than ``seconds`` are left, for what is not worth more."""
        self._end = min(self._end, self._clock() + seconds)

    def allow(self, seconds: float) -> None:
        """See to it that ``seconds`` are left, for cleaning up after what used up the time."""
        self._end = max(self._end, self._clock() + seconds)

    @contextlib.contextmanager
    def within(self, seconds: float) -> Iterator[None]:
        """Meanwhile no more than ``seconds`` are left, lest one step use up the time of those after it."""
        end = self._end
        self._end = min(end, self._clock() + seconds)
        try:
            yield
        finally:
            self._end = end
