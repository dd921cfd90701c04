"""The volumes' LUNs on the filer: found, made whole or not at all, destroyed only if nobody else sees them."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Callable

from oslo_utils import excutils

from dataontap import tag
from dataontap.client import codes
from dataontap.deadline import Deadline
from dataontap.environ import Snapshot
from dataontap.errors import (
    DataOntapError,
    DeadlineError,
    NaApiError,
    OntapError,
    TransportError,
    VolumeError,
)
from dataontap.tag import Tag

if TYPE_CHECKING:
    from dataontap.client.client_base import Lun
    from dataontap.client.client_cmode import CmodeClient
    from dataontap.config import Settings
    from dataontap.igroups import Igroups

LOG = logging.getLogger(__name__)

# What undoing a failed creation may take when the verb's own time is used up.
_UNDO_SECONDS = 20.0
_UNDO_TRIES = 3
# In the place of Ganeti's text, in the comment of a LUN in another pool while it is being removed.
_BEING_REMOVED = "being removed"


class Luns:
    """The LUNs that ``settings`` point to, as ``client`` sees them."""

    def __init__(
        self, client: CmodeClient, settings: Settings, deadline: Deadline, igroups: Igroups, cluster: str
    ) -> None:
        self._client = client
        self._settings = settings
        self._deadline = deadline
        self._igroups = igroups
        self._cluster = cluster

    def path(self, name: str) -> str:
        """Where the volume ``name`` belongs."""
        return f"/vol/{self._settings.pool}/{name}"

    def existing(self, name: str) -> Lun:
        """The volume's LUN: in its own pool, or else in the one other pool that has it."""
        path = self.path(name)
        found = self._client.get_lun_by_args(path=path)
        lun = found[0] if len(found) == 1 else self.search(name) if not found else None
        if lun is None:
            several = "more than one LUN answers to" if found else "there is no LUN"
            raise VolumeError(f"{several} {path}; check POOL and CLUSTER_MODE_VSERVER")
        return lun

    def at(self, path: str) -> Lun:
        """The LUN at this path, which was there a moment ago."""
        found = self._client.get_lun_by_args(path=path)
        if len(found) != 1:
            raise VolumeError(f"{path} was there a moment ago, and is not any more")
        return found[0]

    def anywhere(self, name: str) -> Lun | None:
        """The volume's LUN, in its own pool or else as ``search`` finds it: both by one request."""
        found = self._client.get_lun_by_args(path=_anywhere(name))
        own = [lun for lun in found if lun.path == self.path(name)]
        return own[0] if own else self._of_other_pools(found)

    def search(self, name: str) -> Lun | None:
        """The LUN of this name in another allowed pool, or None; two are a VolumeError.

        What FlexClones and mirrors of a pool show under that name are copies, not the volume; and so is what is
        mapped to nobody, as long as one group is for all nodes, and always was: every volume of ours was mapped
        when it was made, and a copy bears the same tag. With a group per node, where a stopped instance's LUN is
        mapped to nobody, its tag has to do, of whichever cluster: this one may have had another name. One whose
        removal was begun says so.
        """
        return self._of_other_pools(self._client.get_lun_by_args(path=_anywhere(name)))

    def _of_other_pools(self, luns: Iterable[Lun]) -> Lun | None:
        found = {}
        for lun in luns:
            if lun.pool == self._settings.pool or not self._settings.allows_pool(lun.pool):
                continue
            tagged = self._igroups.may_be_unmapped and tag.find(lun.comment) is not None
            if lun.mapped or tagged or lun.comment.startswith(_BEING_REMOVED):
                found[lun.path] = lun
            else:
                LOG.warning("%s has this name, too, but is mapped to nobody; not taken for the volume", lun.path)
        if not found:
            return None
        originals = only_originals(self._client, [lun for _, lun in sorted(found.items())])
        if len(originals) > 1:
            pools = ", ".join(lun.pool for lun in originals)
            raise VolumeError(f"there is a LUN of this name in each of the pools {pools}")
        return originals[0] if originals else None

    def mark(self, lun: Lun) -> Tag | None:
        """The tag that the LUN ought to have if it has one: this cluster may have had another name once."""
        found = tag.find(lun.comment)
        return replace(found, cluster=self._cluster) if found and self._cluster != "-" else found

    def keep_findable(self, lun: Lun) -> None:
        """See to it that the LUN is known for this cluster's, as it has to be where it is mapped to nobody.

        A tag of another cluster's is this one's from before it was renamed: Ganeti has the volume.
        """
        text, found = tag.split(lun.comment)
        if found is None and (not self._igroups.is_per_node or lun.pool == self._settings.pool):
            return
        mark = self.mark(lun) or Tag(self._cluster, "-", tag.DISK)
        if mark == found:
            return
        try:
            self._client.set_lun_comment(lun.path, tag.compose(text, mark))
        except DataOntapError as error:
            if found is None:
                raise
            LOG.warning("%s keeps the name that the cluster had before: %s", lun.path, error)

    def source_and_snapshot(self, volume: Snapshot) -> tuple[Lun, Lun | None]:
        """The LUN to be cloned and, if there is one, a LUN that has the clone's name already."""
        paths = (self.path(volume.name), self.path(volume.snapshot_name))
        found = {lun.path: lun for lun in self._client.get_lun_by_args(path="|".join(paths))}
        if paths[0] in found:
            return found[paths[0]], found.get(paths[1])
        source = self.existing(volume.name)
        beside = f"/vol/{source.pool}/{volume.snapshot_name}"
        other = found.get(paths[1]) or self.search(volume.snapshot_name)
        if other is not None and other.path != beside:
            # Whoever asks for the clone by its name would get that one.
            raise VolumeError(f"there is a LUN {other.path} already, in another pool than the volume; it stays")
        leftover = self._client.get_lun_by_args(path=beside)
        return source, leftover[0] if leftover else None

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
        except BaseException:
            with excutils.save_and_reraise_exception(logger=LOG):
                self._undo(path, release)

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
            raise VolumeError(f"{lost}; and there is a LUN {path} now, not provably ours; it stays") from None
        if final:
            if luns:
                self._undo(path, lambda: None)
            raise lost
        return bool(luns)

    def _look(self, path: str, lost: DataOntapError) -> list[Lun]:
        """The LUN that a request which ended so has made, or another, or none."""
        try:
            return self._client.get_lun_by_args(path=path)
        except DataOntapError as error:
            LOG.error("whether there is a LUN %s now cannot be told; what was tried: %s", path, lost)
            raise VolumeError(f"look whether it was made all the same: {error}") from lost

    def _undo(self, path: str, release: Callable[[], object]) -> None:
        """Remove a LUN that was just made, not giving up at one bad answer; what goes wrong is only said."""
        self._deadline.allow(_UNDO_SECONDS)
        tries = 0
        while True:
            try:
                release()
                with self._deadline.within(_UNDO_SECONDS / (_UNDO_TRIES + 1)):
                    self.destroy(path)
                LOG.info("%s was removed again", path)
                return
            except DataOntapError as error:
                if tries == _UNDO_TRIES or not self._may_try_again(error, tries):
                    LOG.error("%s could not be removed again, look whether it is there: %s", path, error)
                    return
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

    def destroy(self, path: str) -> bool:
        """Unmap a LUN from our groups and destroy it; False if there was none, VolumeError if others see it."""
        groups = sorted(mapping.igroup for mapping in self._client.get_lun_map(path))
        others = [one for one in groups if not (self._igroups.are_ours(one) or self._igroups.are_former(one))]
        if others:
            raise VolumeError(f"its LUN is mapped to {', '.join(others)} too; it stays until it is unmapped there")
        if groups:
            self._mark_if_elsewhere(path)
        elif not self._client.get_lun_by_args(path=path):
            # Asked before: a destruction that is repeated after a lost answer cannot tell.
            return False
        for igroup in groups:
            self._client.unmap_lun(path, igroup)
        self._client.destroy_lun(path)
        return True

    def _mark_if_elsewhere(self, path: str) -> None:
        """Let ``search`` find the LUN also when it is unmapped and the destruction fails."""
        if path.rpartition("/")[0] != f"/vol/{self._settings.pool}":
            for lun in self._client.get_lun_by_args(path=path):
                mark = tag.find(lun.comment)
                self._client.set_lun_comment(path, tag.compose(_BEING_REMOVED, mark) if mark else _BEING_REMOVED)


def only_originals(client: CmodeClient, luns: Sequence[Lun]) -> list[Lun]:
    """Those of ``luns`` that are not in a FlexClone or a mirror of their volume."""
    if not luns:
        return []
    volumes = sorted({lun.volume for lun in luns})
    originals = {pool.name for pool in client.get_pools(volumes) if pool.writable and not pool.is_clone}
    return [lun for lun in luns if lun.volume in originals]


def _anywhere(name: str) -> str:
    """What a query has to say for a LUN of this name in whichever pool, or in a pool's qtree."""
    return f"/vol/*/{name}"
