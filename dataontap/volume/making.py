"""A LUN is made for certain, and what follows is rolled back if it fails: whole, or not at all."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Callable

from dataontap.deadline import Deadline
from dataontap.errors import DataOntapError, DeadlineError, LunExists, OntapError, TransportError, VolumeError

if TYPE_CHECKING:
    from dataontap.client.array import Array, Lun, LunRef, Tries
    from dataontap.volume.removal import Removal

LOG = logging.getLogger(__name__)

# What undoing a failed creation may take when the verb's own time is used up.
UNDO_SECONDS = 20.0
_UNDO_TRIES = 3


class Making:
    """Makes LUNs on a filer, and removes them again by ``removal``, which may take ``undo_seconds``."""

    def __init__(
        self, array: Array, deadline: Deadline, removal: Removal, undo_seconds: float = UNDO_SECONDS
    ) -> None:
        self._array = array
        self._deadline = deadline
        self._removal = removal
        self._undo_seconds = undo_seconds

    def make(self, lun: LunRef, request: Callable[[], Lun | None], is_ours: Callable[[Lun], bool]) -> Lun | None:
        """``request`` the LUN until it is there for certain; returns what the filer told of it.

        The caller has just seen that there is none. When the answer to a request is lost, a LUN that is there now
        counts as made if ``is_ours`` says that it must be; any other stays.
        """
        tries = self._array.tries()
        is_repeated = False
        while True:
            try:
                return request()
            except LunExists as error:
                if is_repeated and any(is_ours(one) for one in self._look(lun, error)):
                    return None  # made by the request before this one, after we had looked for it
                raise  # another program's, made since the caller looked
            except DataOntapError as error:
                if isinstance(error, TransportError) and not error.sent:
                    raise
                lost = error
            # Lost on the way, cut off by the deadline, an answer that makes no sense, or a refusal of a filer that
            # gave up waiting for itself: look what it did.
            made = self._find_made(lun, is_ours, lost, tries)
            if made is not None:
                return made
            is_repeated = True

    @contextlib.contextmanager
    def rolled_back(self, lun: LunRef, release: Callable[[], object] = lambda: None) -> Iterator[None]:
        """Until the end of this block the LUN is in the making: if that fails, it is removed again.

        Before that ``release`` has to take its device off this node; if it cannot, the LUN stays, which is said.
        """
        try:
            yield
        except BaseException as error:
            from oslo_utils import excutils  # takes its time to start

            with excutils.save_and_reraise_exception(logger=LOG):
                if not self._undo(lun, release) and isinstance(error, DataOntapError):
                    error.add(_left(lun))

    def _find_made(
        self, lun: LunRef, is_ours: Callable[[Lun], bool], lost: DataOntapError, tries: Tries
    ) -> Lun | None:
        """The LUN that a lost request made; None if it made none and another try is worth it.

        Otherwise undoes what it did, and raises ``lost``.
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
            raise _with(lost, f"a LUN of this name in {lun.where} is not provably ours, and stays") from None
        if final:
            if found and not self._undo(lun, lambda: None):
                lost.add(_left(lun))
            raise lost
        return found[0] if found else None

    def _look(self, lun: LunRef, lost: DataOntapError) -> list[Lun]:
        """The LUN that a request which ended so has made, or another, or none."""
        try:
            found = self._array.get_luns(lun)
            if found.problems and not found:
                raise OntapError(str(found.problems[0]))
        except DataOntapError as error:
            LOG.error("whether there is a LUN %s now cannot be told; what was tried: %s", lun.path, lost)
            told = f"whether its LUN was made in {lun.where} is not known: look on the filer"
            raise _with(error, told) from lost
        return found

    def _undo(self, lun: LunRef, release: Callable[[], object]) -> bool:
        """Remove a LUN that was just made, not giving up at one bad answer; whether it is gone for certain."""
        self._deadline.allow(self._undo_seconds)
        tries = self._array.tries()
        for last in (False,) * _UNDO_TRIES + (True,):
            try:
                release()
                with self._deadline.within(self._undo_seconds / (_UNDO_TRIES + 1)):
                    self._removal.destroy(lun)
                LOG.info("%s was removed again", lun.path)
                return True
            except DataOntapError as error:
                if last or not self._may_try_again(error, tries):
                    LOG.error("%s could not be removed again, look whether it is there: %s", lun.path, error)
                    break
        return False

    @staticmethod
    def _may_try_again(error: DataOntapError, tries: Tries) -> bool:
        """Whether it is the filer that failed and may do better; waits a while."""
        if not isinstance(error, (OntapError, DeadlineError)):
            return False
        try:
            tries.insist(error)
        except DataOntapError:
            return False
        return True


def _with(error: DataOntapError, remark: str) -> VolumeError:
    """What is not the filer's failure any more, but a doubt about the volume."""
    doubt = VolumeError(str(error))
    doubt.add(remark)
    return doubt


def _left(lun: LunRef) -> str:
    return f"its LUN may be left in {lun.where}"
