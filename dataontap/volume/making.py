"""Creates a LUN completely or not at all: resolves lost answers, and rolls back if a later step fails."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Callable

from dataontap.deadline import Deadline
from dataontap.errors import DataOntapError, DeadlineError, LunExists, OntapError, TransportError, VolumeError

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from dataontap.client.array import Array, Lun, LunRef, Tries
    from dataontap.volume.removal import Removal

LOG = logging.getLogger(__name__)

# How long the roll-back of a failed creation may take when the verb's own time is used up.
UNDO_SECONDS = 20.0
_UNDO_TRIES = 3


class Making:
    """Creates LUNs on a filer. ``removal`` rolls a creation back, which may take ``undo_seconds``."""

    def __init__(
        self, array: Array, deadline: Deadline, removal: Removal, undo_seconds: float = UNDO_SECONDS
    ) -> None:
        self._array = array
        self._deadline = deadline
        self._removal = removal
        self._undo_seconds = undo_seconds

    def make(self, lun: LunRef, request: Callable[[], Lun | None], is_ours: Callable[[Lun], bool]) -> Lun | None:
        """Repeat ``request`` until the LUN exists for certain. Returns what the filer told about it.

        The caller has just seen that the LUN does not exist. If the answer to a request is lost, a LUN that exists
        now counts as created if ``is_ours`` accepts it. Any other LUN is left unchanged.
        """
        tries = self._array.tries()
        is_repeated = False
        while True:
            try:
                return request()
            except LunExists as error:
                if is_repeated and any(is_ours(one) for one in self._look(lun, error)):
                    return None  # the request before this one created it, after we had looked
                raise  # another program created it after the caller had looked
            except DataOntapError as error:
                if isinstance(error, TransportError) and not error.sent:
                    raise
                lost = error
            # The answer was lost, the deadline cut it off, it makes no sense, or the filer gave up waiting for
            # itself and refused: look at what the filer did.
            made = self._find_made(lun, is_ours, lost, tries)
            if made is not None:
                return made
            is_repeated = True

    @contextlib.contextmanager
    def rolled_back(self, lun: LunRef, released: Callable[[], AbstractContextManager[object]]) -> Iterator[None]:
        """Remove the LUN again if this block fails.

        It is removed within ``released()``, which has to take the LUN's device off this node first. If that fails,
        the LUN stays, and the error says so.
        """
        try:
            yield
        except BaseException as error:
            from oslo_utils import excutils  # slow to import

            with excutils.save_and_reraise_exception(logger=LOG):
                if not self._undo(lun, released) and isinstance(error, DataOntapError):
                    error.add(_left(lun))

    def _find_made(
        self, lun: LunRef, is_ours: Callable[[Lun], bool], lost: DataOntapError, tries: Tries
    ) -> Lun | None:
        """The LUN that a lost request created; None if it created none and a retry may help.

        Otherwise removes what the request created, and raises ``lost``.
        """
        final = not (isinstance(lost, TransportError) and lost.transient)
        if not final:
            try:
                tries.insist(lost)
            except DataOntapError:
                final = True
        if final:
            self._deadline.allow(self._undo_seconds)
        found = self._look(lun, lost)
        if found and not is_ours(found[0]):
            raise _with(lost, f"a LUN of this name in {lun.where} is not provably ours; see its comment") from None
        if final:
            if found:
                is_left = not self._undo(lun, contextlib.nullcontext)
            else:
                is_left = isinstance(lost, TransportError) and lost.is_pending
            if is_left:
                lost.add(_left(lun))
            raise lost
        return found[0] if found else None

    def _look(self, lun: LunRef, lost: DataOntapError) -> list[Lun]:
        """The LUN at this place after a request ended with ``lost``: the request's own, another LUN, or none."""
        try:
            found = self._array.get_luns(lun)
            if found.problems and not found:
                raise OntapError(str(found.problems[0]))
        except DataOntapError as error:
            LOG.error("cannot tell whether the LUN %s exists now; the failed request: %s", lun.path, lost)
            told = f"cannot tell whether its LUN was created in {lun.where}: look on the filer"
            raise _with(error, told) from lost
        return found

    def _undo(self, lun: LunRef, released: Callable[[], AbstractContextManager[object]]) -> bool:
        """Remove a LUN that was just created, with retries. Returns whether it is gone for certain."""
        self._deadline.allow(self._undo_seconds)
        tries = self._array.tries()
        for last in (False,) * _UNDO_TRIES + (True,):
            try:
                with released(), self._deadline.within(self._undo_seconds / (_UNDO_TRIES + 1)):
                    self._removal.destroy_new(lun)
                LOG.info("%s was removed again", lun.path)
                return True
            except DataOntapError as error:
                if last or not self._may_try_again(error, tries):
                    LOG.error("cannot remove %s again; look on the filer whether it exists: %s", lun.path, error)
                    break
        return False

    @staticmethod
    def _may_try_again(error: DataOntapError, tries: Tries) -> bool:
        """Whether the filer failed and may succeed at the next try; waits before that."""
        if not isinstance(error, (OntapError, DeadlineError)):
            return False
        try:
            tries.insist(error)
        except DataOntapError:
            return False
        return True


def _with(error: DataOntapError, remark: str) -> VolumeError:
    """``error`` as a VolumeError with a remark: it is a doubt about the volume, not only the filer's failure."""
    doubt = VolumeError(str(error))
    doubt.add(remark)
    return doubt


def _left(lun: LunRef) -> str:
    return f"its LUN may be left in {lun.where}"
