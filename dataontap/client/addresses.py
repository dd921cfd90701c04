"""Several addresses of one filer: which is tried first, which is passed over, and that they are one filer's.

It decides; ``transport`` connects.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Callable, Protocol, TypeVar

from dataontap.errors import OntapError, TransportError

if TYPE_CHECKING:
    from dataontap.client.transport import Filer
    from dataontap.deadline import Deadline

LOG = logging.getLogger(__name__)

T = TypeVar("T")

# An address that had less time than this to answer, because the verb had no more, is not noted as silent.
LEAST_SECONDS = 1.0


class Unanswered(TransportError):
    """An address was not connected to: nothing was sent. ``is_silent`` is whether nothing usable answered there.

    ``timed_out`` is whether that took all the time that it may take.
    """

    def __init__(self, message: str, *, transient: bool, is_silent: bool, timed_out: bool) -> None:
        super().__init__(message, sent=False, transient=transient)
        self.is_silent = is_silent
        self.timed_out = timed_out


class Notes(Protocol):
    """What this node noted of the addresses; see ``state.addresses.AddressNotes``."""

    def last(self) -> str | None:
        """The address that worked last, or None."""

    def works(self, address: str) -> None:
        """An address answers, and is the filer's."""

    def answers(self, address: str) -> None:
        """An address answers again, and is the filer's. Another address may be in use."""

    def is_silent(self, address: str) -> bool:
        """Whether an address did not answer lately."""

    def note_silent(self, address: str) -> None:
        """An address does not answer."""

    def svm(self, address: str) -> str | None:
        """The uuid of the SVM, as the filer at an address told it lately."""

    def keep_svm(self, address: str, uuid: str) -> None:
        """The filer at an address told the uuid of the SVM."""


class Addresses:
    """The addresses of one filer. ``filers`` differ in their host names only, and are in HOSTNAME's order.

    ``among`` are all addresses in HOSTNAME, if ``filers`` are some that are only looked at: once, and without
    a note that they are used.
    """

    def __init__(self, filers: Sequence[Filer], notes: Notes, among: Sequence[str] = ()) -> None:
        self._filers = filers
        self._notes = notes
        self._is_look = bool(among)
        self._among = among or [filer.hostname for filer in filers]
        # Asks the filer at the open connection for the SVM's uuid. The client of an API sets it.
        self.identify: Callable[[], str] | None = None
        self._compared: set[str] = set()

    def order(self) -> list[Filer]:
        """The address that worked last; then those that are not known to be silent; then the others."""
        last = self._notes.last()

        def rank(filer: Filer) -> int:
            if filer.hostname == last:
                return 0
            return 2 if self._notes.is_silent(filer.hostname) else 1

        return sorted(self._filers, key=rank)

    def connect(self, dial: Callable[[Filer], T], deadline: Deadline) -> tuple[Filer, T]:
        """The first address that ``dial`` connects to, and the connection, before ``deadline`` is over.

        ``dial`` raises Unanswered. Raises TransportError if no address can be used.
        """
        while True:
            failures: list[Unanswered] = []
            order = self.order()
            for number, filer in enumerate(order):
                if failures and deadline.is_over():
                    break
                share = deadline.rest / (len(order) - number)
                try:
                    with deadline.within(share):
                        return filer, dial(filer)
                except Unanswered as error:
                    self._pass_over(filer, error, share)
                    failures.append(error)
            # As with one address: during a takeover, addresses do not answer for a while.
            if self._is_look or deadline.is_over() or not any(failure.timed_out for failure in failures):
                raise self._without(failures)

    def _pass_over(self, filer: Filer, error: Unanswered, seconds: float) -> None:
        """Another address is tried after ``error``, of which the log tells.

        Also after a wrong certificate, which may be an attack: neither the password nor a request was sent, and
        the next address has to show a right one. It stays out of the notes about silent addresses, so that the
        log tells each time that it is met; and verify tells, too.
        """
        if len(self._filers) > 1:
            LOG.warning("%s; trying HOSTNAME's other addresses", error)
        if error.is_silent and not (error.timed_out and seconds < LEAST_SECONDS):
            self._notes.note_silent(filer.hostname)

    def _without(self, failures: Sequence[Unanswered]) -> TransportError:
        """The error if no address can be used. A wrong certificate comes first, because it may be an attack."""
        first = min(failures, key=lambda failure: failure.is_silent)
        if len(self._filers) == 1:
            return first
        transient = any(failure.transient for failure in failures)
        return TransportError(f"{first}; HOSTNAME's others fail, too", sent=False, transient=transient)

    def arrived(self, filer: Filer) -> None:
        """A connection to this address is open. Raises OntapError if it is not the filer of the other addresses.

        The filer is asked for its SVM once a day, before anything else is sent to it over this connection.
        """
        is_known = filer.hostname in self._compared or self._notes.svm(filer.hostname) is not None
        if self.identify is not None and not is_known:
            self._compare(filer, self._asked(self.identify))
            self._compared.add(filer.hostname)
        if self._is_look:
            self._notes.answers(filer.hostname)
        else:
            self._notes.works(filer.hostname)

    @staticmethod
    def _asked(identify: Callable[[], str]) -> str:
        try:
            return identify()
        except TransportError as error:
            error.sent = False  # the caller's own request was not
            raise

    def _compare(self, filer: Filer, uuid: str) -> None:
        for other in self._among:
            told = self._notes.svm(other) if other != filer.hostname else None
            if told is not None and told != uuid:
                raise OntapError(
                    f"HOSTNAME: {other} and {filer.hostname} are two filers (by SVM uuid); remove one"
                )
        self._notes.keep_svm(filer.hostname, uuid)
