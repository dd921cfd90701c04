"""One monotonic deadline a verb, shared by filer requests, commands and waits."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Callable

from dataontap.errors import DeadlineError

# What an error calls a limit that its caller gave no name.
_UNNAMED = "the limit for this step"


class Deadline:
    """``seconds`` from now on; whoever waits asks here how long it still may. Errors call that ``limit``."""

    def __init__(
        self, seconds: float, *, limit: str = "TIMEOUT", clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.seconds = seconds
        self._clock = clock
        self._end = clock() + seconds
        self._limit = (limit, seconds)

    def left(self, step: str) -> float:
        """Seconds left for ``step``, more than 0; raises DeadlineError naming it when there are none."""
        left = self.rest
        if not left:
            limit, seconds = self._limit
            raise DeadlineError(step, seconds, limit=limit)
        return left

    @property
    def rest(self) -> float:
        """Seconds left; 0 when there are none."""
        return max(0.0, self._end - self._clock())

    @property
    def limit(self) -> str:
        """The limit that holds now, for people."""
        limit, seconds = self._limit
        return f"{limit} is {seconds:g} s"

    def is_over(self) -> bool:
        """Whether no time is left."""
        return not self.has(0)

    def has(self, seconds: float) -> bool:
        """Whether more than ``seconds`` are left."""
        return self._end - self._clock() > seconds

    def curtail(self, seconds: float, limit: str = _UNNAMED) -> None:
        """See to it that no more than ``seconds`` are left, for what is not worth more."""
        if self.has(seconds):
            self._set(seconds, limit)

    def allow(self, seconds: float, limit: str = _UNNAMED) -> None:
        """See to it that ``seconds`` are left, for cleaning up after what used up the time."""
        if not self.has(seconds):
            self._set(seconds, limit)

    @contextlib.contextmanager
    def within(self, seconds: float, limit: str = _UNNAMED) -> Iterator[None]:
        """Meanwhile no more than ``seconds`` are left, lest one step use up the time of those after it."""
        before = self._end, self._limit
        self.curtail(seconds, limit)
        try:
            yield
        finally:
            self._end, self._limit = before

    def _set(self, seconds: float, limit: str) -> None:
        self._end = self._clock() + seconds
        self._limit = (limit, seconds)
