"""When a request is worth another try, and how long to wait before it."""

from __future__ import annotations

import logging
import time
from typing import Callable

from dataontap.deadline import Deadline
from dataontap.errors import DataOntapError, OntapError, TransportError

LOG = logging.getLogger(__name__)

_SHORTEST_PAUSE = 0.2
_LONGEST_PAUSE = 5.0
# A filer that drops every connection without a word is as good as unreachable, which costs 20 s at most.
SILENCE_SECONDS = 15.0


class Patience:
    """Waits before a request is repeated, twice as long each time, as long as the verb has time.

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
        """Wait after try number ``tries`` (from 0) failed with ``error``, or raise that if there is no time."""
        if tries == 0:
            self._first_failure = self._clock()
        silent = isinstance(error, TransportError) and error.status is None
        if silent and self._clock() - self._first_failure > SILENCE_SECONDS:
            raise error
        pause = min(_SHORTEST_PAUSE * 2**tries, _LONGEST_PAUSE)
        if not self._deadline.has(pause):
            raise error
        LOG.warning("%s; trying again in %.1f s", error, pause)
        self._sleep(pause)
        if self._deadline.is_over():  # a busy node sleeps longer than it wants to
            raise error


class Tries:
    """The attempts at one thing, which is decided anew before each of them. ``wait`` is a ``Patience``, say."""

    def __init__(self, wait: Callable[[DataOntapError, int], None]) -> None:
        self._wait = wait
        self._number = 0

    def again(self, error: DataOntapError) -> None:
        """Return, after a pause, if the filer was only busy or its answer was lost, and time is left.

        Raises ``error`` otherwise.
        """
        if not (isinstance(error, OntapError) and error.transient):
            raise error
        self.insist(error)

    def insist(self, error: DataOntapError) -> None:
        """The same, whatever the error."""
        self._wait(error, self._number)
        self._number += 1
