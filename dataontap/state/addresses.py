"""What this node noted of the addresses in HOSTNAME: which one worked last, and which ones did not answer lately.

Nothing is noted of a single address. A reboot forgets all of it.
"""

from __future__ import annotations

import random
import time
from typing import TYPE_CHECKING, Callable, Protocol

if TYPE_CHECKING:
    from dataontap.state.cache import Text

# How long an address that did not answer is passed over. Each note has a time of its own, so that a hundred nodes
# do not try the address together.
SHORTEST_PAUSE = 180.0
LONGEST_PAUSE = 420.0


class Caches(Protocol):
    """The caches of a filer; see ``cache.FilerCaches``."""

    def address(self) -> Text:
        """The address that worked last."""

    def silence(self, address: str) -> Text:
        """Until when an address is passed over."""

    def svm_uuid(self, address: str) -> Text:
        """The uuid of the SVM, as the filer at an address told it."""


def _since_boot() -> float:
    """Seconds by a clock that is never set, and that all processes of this node share."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


def _pause() -> float:
    return random.uniform(SHORTEST_PAUSE, LONGEST_PAUSE)  # noqa: S311 - nothing secret depends on it


class AddressNotes:
    """The notes about one filer's addresses, in ``caches``."""

    def __init__(
        self,
        caches: Caches,
        *,
        clock: Callable[[], float] = _since_boot,
        pause: Callable[[], float] = _pause,
    ) -> None:
        self._caches = caches
        self._clock = clock
        self._pause = pause

    def last(self) -> str | None:
        """The address that worked last, or None."""
        return self._caches.address().get(of_any_age=True)

    def works(self, address: str) -> None:
        """An address answers, and is the filer's."""
        if self.last() != address:
            self._caches.address().put(address)
            self.answers(address)

    def answers(self, address: str) -> None:
        """An address answers again, and is the filer's. Another address may be in use."""
        self._caches.silence(address).drop()

    def is_silent(self, address: str) -> bool:
        """Whether an address did not answer lately."""
        try:
            rest = float(self._caches.silence(address).get(of_any_age=True) or 0) - self._clock()
        except ValueError:
            return False
        return 0 < rest <= LONGEST_PAUSE

    def note_silent(self, address: str) -> None:
        """An address does not answer."""
        self._caches.silence(address).put(f"{self._clock() + self._pause():.1f}\n")

    def svm(self, address: str) -> str | None:
        """The uuid of the SVM, as the filer at an address told it within the last day."""
        return self._caches.svm_uuid(address).get()

    def keep_svm(self, address: str, uuid: str) -> None:
        """The filer at an address told the uuid of the SVM."""
        self._caches.svm_uuid(address).put(uuid)

    def forget_svm(self, address: str) -> None:
        """What the filer at an address told counts no more."""
        self._caches.svm_uuid(address).drop()
