"""A LUN is made whole or not at all: whatever fails once it may be there, it is removed again."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING, Callable

from oslo_utils import excutils

from dataontap.client.zapi import codes
from dataontap.deadline import Deadline
from dataontap.errors import DataOntapError, DeadlineError, NaApiError, OntapError, TransportError, VolumeError

if TYPE_CHECKING:
    from dataontap.client.zapi.base import Lun
    from dataontap.client.zapi.cmode import CmodeClient

LOG = logging.getLogger(__name__)

# What undoing a failed creation may take when the verb's own time is used up.
_UNDO_SECONDS = 20.0
_UNDO_TRIES = 3


class Making:
    """Makes LUNs on a filer; ``destroy`` removes the one at a path again."""

    def __init__(self, client: CmodeClient, deadline: Deadline, destroy: Callable[[str], bool]) -> None:
        self._client = client
        self._deadline = deadline
        self._destroy = destroy

    def make(
        self,
        path: str,
        make: Callable[[], object],
        finish: Callable[[], object],
        *,
        is_ours: Callable[[Lun], bool],
        release: Callable[[], object] = lambda: None,
    ) -> None:
        """``make`` the LUN and ``finish`` it, or leave none behind: whatever fails, it is removed again.

        The caller has just seen that there is none. When the answer to ``make`` is lost, a LUN that is there now
        counts as made if ``is_ours`` says that it must be; any other stays. Before a LUN is removed again,
        ``release`` has to take its device off this node; if that fails it stays, which is said.
        """
        self._make_sure(path, make, is_ours)
        with self.whole_or_none(path, release):
            finish()

    @contextlib.contextmanager
    def whole_or_none(self, path: str, release: Callable[[], object]) -> Iterator[None]:
        """What is done meanwhile belongs to the LUN's making: if it fails, the LUN is removed as in ``make``."""
        try:
            yield
        except BaseException as error:
            with excutils.save_and_reraise_exception(logger=LOG):
                if not self._undo(path, release) and isinstance(error, DataOntapError):
                    error.add(_left(path))

    def _make_sure(self, path: str, make: Callable[[], object], is_ours: Callable[[Lun], bool]) -> None:
        """``make``, again if the filer turned out to be of another version, or if its lost answer made nothing."""
        tries = 0
        while True:
            try:
                make()
            except NaApiError as error:
                if error.code in codes.EXISTS:
                    if tries and any(is_ours(lun) for lun in self._look(path, error)):
                        return  # made by the request before this one, after we had looked for it
                    raise  # somebody else's, made since the caller looked
                if self._client.is_other_version(error):
                    continue
                lost: DataOntapError = error
            except DataOntapError as error:
                if isinstance(error, TransportError) and not error.sent:
                    raise
                lost = error
            else:
                return
            # Lost on the way, cut off by the deadline, an answer that makes no sense, or an errno of a filer that
            # gave up waiting for itself: look what it did.
            if self._was_made(path, is_ours, lost, tries):
                return
            tries += 1

    def _was_made(self, path: str, is_ours: Callable[[Lun], bool], lost: DataOntapError, tries: int) -> bool:
        """Whether a lost request made the LUN. Unless another try is worth it, undoes that and raises ``lost``."""
        final = not (isinstance(lost, TransportError) and lost.transient)
        if not final:
            try:
                self._client.server.again(lost, tries)
            except DataOntapError:
                final = True
        if final:
            self._deadline.allow(_UNDO_SECONDS)
        luns = self._look(path, lost)
        if luns and not is_ours(luns[0]):
            raise _with(lost, f"a LUN of this name in {_pool(path)} is not provably ours, and stays") from None
        if final:
            if luns and not self._undo(path, lambda: None):
                lost.add(_left(path))
            raise lost
        return bool(luns)

    def _look(self, path: str, lost: DataOntapError) -> list[Lun]:
        """The LUN that a request which ended so has made, or another, or none."""
        try:
            found = self._client.get_lun_by_args(path=path)
            if found.problems and not found:
                raise OntapError(str(found.problems[0]))
        except DataOntapError as error:
            LOG.error("whether there is a LUN %s now cannot be told; what was tried: %s", path, lost)
            told = f"whether its LUN was made in {_pool(path)} is not known: look on the filer"
            raise _with(error, told) from lost
        return found

    def _undo(self, path: str, release: Callable[[], object]) -> bool:
        """Remove a LUN that was just made, not giving up at one bad answer; whether it is gone for certain."""
        self._deadline.allow(_UNDO_SECONDS)
        tries = 0
        while True:
            try:
                release()
                with self._deadline.within(_UNDO_SECONDS / (_UNDO_TRIES + 1)):
                    self._destroy(path)
                LOG.info("%s was removed again", path)
                return True
            except DataOntapError as error:
                if tries == _UNDO_TRIES or not self._may_try_again(error, tries):
                    LOG.error("%s could not be removed again, look whether it is there: %s", path, error)
                    return False
            tries += 1

    def _may_try_again(self, error: DataOntapError, tries: int) -> bool:
        """Whether it is the filer that failed and may do better; waits a while."""
        if not isinstance(error, (OntapError, DeadlineError)):
            return False
        try:
            self._client.server.again(error, tries)
        except DataOntapError:
            return False
        return True


def _with(error: DataOntapError, remark: str) -> VolumeError:
    """What is not the filer's failure any more, but a doubt about the volume."""
    doubt = VolumeError(str(error))
    doubt.add(remark)
    return doubt


def _left(path: str) -> str:
    return f"its LUN may be left in {_pool(path)}"


def _pool(path: str) -> str:
    """The volume, or volume and qtree, of a LUN: its name is in the message's beginning already."""
    return path[len("/vol/") :].rpartition("/")[0]
