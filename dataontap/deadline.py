"""The deadline of a verb, by the monotonic clock. Filer requests, commands and waits share it."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from typing import Callable

from dataontap.errors import DeadlineError

# The name of a limit in an error, if the caller gave it no name.
_UNNAMED = "the limit for this step"


class Deadline:
    """Ends ``seconds`` from now. Code that waits asks it for the time left. Errors name the time ``limit``."""

    def __init__(
        self, seconds: float, *, limit: str = "TIMEOUT", clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.seconds = seconds
        self._clock = clock
        self._end = clock() + seconds
        self._limit = (limit, seconds)

    def left(self, step: str) -> float:
        """Seconds left for ``step``, more than 0. Raises DeadlineError with the step's name if no time is left."""
        left = self.rest
        if not left:
            limit, seconds = self._limit
            raise DeadlineError(step, seconds, limit=limit)
        return left

    @property
    def rest(self) -> float:
        """Seconds left; 0 if the time is over."""
        return max(0.0, self._end - self._clock())

    @property
    def limit(self) -> str:
        """The current limit, as text for messages."""
        limit, seconds = self._limit
        return f"{limit} is {seconds:g} s"

    def is_over(self) -> bool:
        """Whether no time is left."""
        return not self.has(0)

    def has(self, seconds: float) -> bool:
        """Whether more than ``seconds`` are left."""
        return self._end - self._clock() > seconds

    def curtail(self, seconds: float, limit: str = _UNNAMED) -> None:
        """Reduce the time left to ``seconds``, for a step that may not take longer."""
        if self.has(seconds):
            self._set(seconds, limit)

    def allow(self, seconds: float, limit: str = _UNNAMED) -> None:
        """Extend the time left to ``seconds``, to clean up after a step that used up the time."""
        if not self.has(seconds):
            self._set(seconds, limit)

    @contextlib.contextmanager
    def within(self, seconds: float, limit: str = _UNNAMED) -> Iterator[None]:
        """Limit the block to ``seconds``, so that one step does not use up the time of the following steps."""
        before = self._end, self._limit
        self.curtail(seconds, limit)
        try:
            yield
        finally:
            self._end, self._limit = before

    def _set(self, seconds: float, limit: str) -> None:
        self._end = self._clock() + seconds
        self._limit = (limit, seconds)
