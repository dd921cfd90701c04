"""Decides whether a request is retried, and how long to wait before the retry."""

from __future__ import annotations

import logging
import time
from typing import Callable

from dataontap.deadline import Deadline
from dataontap.errors import DataOntapError, OntapError, TransportError

LOG = logging.getLogger(__name__)

_SHORTEST_PAUSE = 0.2
_LONGEST_PAUSE = 5.0
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
