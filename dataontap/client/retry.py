"""Decides whether a request is retried, and how long to wait before the retry."""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from typing import Callable, TypeVar

from dataontap.deadline import Deadline
from dataontap.errors import DataOntapError, OntapError, Refusal, TransportError

LOG = logging.getLogger(__name__)

_SHORTEST_PAUSE = 0.2
_LONGEST_PAUSE = 5.0
_LONGEST_LOOK = 2.0
# Waits before a retry, or raises the error of the try with this number.
Again = Callable[[DataOntapError, int], None]
T = TypeVar("T")
# A filer that drops every connection without an answer is treated as unreachable, which takes 20 s at most.
SILENCE_SECONDS = 15.0


class Patience:
    """Waits before a request is retried, twice as long each time, while the verb has time left.

    ``clock`` and ``sleep`` are in seconds.
    """

    def __init__(
        self,
        deadline: Deadline,
        *,
        clock: Callable[[], float] = time.monotonic,
        sleep: Callable[[float], None] = time.sleep,
    ) -> None:
        self._deadline = deadline
        self._clock = clock
        self._sleep = sleep
        self._first_failure = 0.0

    def __call__(self, error: DataOntapError, tries: int) -> None:
        """Wait after try number ``tries`` (from 0) failed with ``error``; raise ``error`` if no time is left."""
        if tries == 0:
            self._first_failure = self._clock()
        silent = isinstance(error, TransportError) and error.status is None
        if silent and self._clock() - self._first_failure > SILENCE_SECONDS:
            raise error
        pause = min(_SHORTEST_PAUSE * 2**tries, _LONGEST_PAUSE)
        if not self._deadline.has(pause):
            raise error
        LOG.warning("%s; retrying in %.1f s", error, pause)
        self._sleep(pause)
        if self._deadline.is_over():  # on a busy node the sleep may take longer
            raise error

    @property
    def left(self) -> float:
        """The seconds that the verb has left."""
        return self._deadline.rest

    def looks(self, step: str, *, seconds: float | None = None) -> Iterator[None]:
        """One look after the other, with longer and longer pauses between, for at most so many ``seconds``.

        Raises DeadlineError with the step's name if the verb has no time left for the next look.
        """
        end = None if seconds is None else self._clock() + seconds
        pause = _SHORTEST_PAUSE
        while True:
            yield
            if end is not None and self._clock() >= end:
                return
            self._sleep(min(pause, self._deadline.left(step)))
            pause = min(pause * 1.5, _LONGEST_LOOK)


class Tries:
    """The attempts at one operation; see ``client.array.Tries``. ``wait`` is usually a ``Patience``."""

    def __init__(self, wait: Callable[[DataOntapError, int], None]) -> None:
        self._wait = wait
        self._number = 0

    def again(self, error: DataOntapError) -> None:
        """Return after a pause if the filer was only busy or its answer was lost, and time is left.

        Raises ``error`` otherwise.
        """
        if not (isinstance(error, OntapError) and error.transient):
            raise error
        self.insist(error)

    def insist(self, error: DataOntapError) -> None:
        """Return after a pause after any error, if time is left. Raises ``error`` otherwise."""
        self._wait(error, self._number)
        self._number += 1


def never_again(error: DataOntapError, tries: int) -> None:
    """No request is repeated."""
    raise error


def persist(attempt: Callable[[], T], again: Again, *, repeatable: bool = True, once: bool = False) -> T:
    """The result of ``attempt``, which makes one request.

    It is retried if the filer was too busy. It is also retried if its answer was lost and it is ``repeatable``. A
    request that creates an object is not repeatable, because the object may exist already. With ``once`` nothing
    is retried, because the request's preconditions must be checked again first.
    """
    tries = 0
    lost = False
    while True:
        try:
            return attempt()
        except TransportError as error:
            if once or not (error.transient and repeatable):
                raise
            failure: OntapError = error
            lost = True
        except Refusal as error:
            error.after_lost_answer = lost
            if once or not error.transient:
                raise
            failure = error
        again(failure, tries)
        tries += 1
