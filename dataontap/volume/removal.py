"""Destroys a LUN only if it is ours, and if no foreign igroup has it."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dataontap.errors import LunMapped, NoSuchLun, OntapError, VolumeError
from dataontap.volume import tag
from dataontap.volume.candidates import BEING_REMOVED, names_itself
from dataontap.volume.strangers import require_own_cluster
from dataontap.volume.taking import take

if TYPE_CHECKING:
    from dataontap.client.array import Array, Lun, LunMap, LunRef
    from dataontap.volume.igroups import Igroups
    from dataontap.volume.luns import Luns

LOG = logging.getLogger(__name__)


class Removal:
    """Removes LUNs from the filer, never by force."""

    def __init__(self, array: Array, luns: Luns, igroups: Igroups) -> None:
        self._array = array
        self._luns = luns
        self._igroups = igroups

    def destroy(self, lun: LunRef) -> bool:
        """Unmap the LUN at this place from our igroups and destroy it. False if there was none.

        VolumeError if a foreign igroup has it, or if it may be another cluster's.
        """
        return self._destroy(lun, None)

    def destroy_new(self, lun: LunRef) -> bool:
        """The same for a LUN that was created a moment ago. VolumeError if another node has it by now."""
        return self._destroy(lun, None, only_here=True)

    def destroy_elsewhere(self, lun: Lun) -> bool:
        """The same for a volume's LUN outside its own path.

        The LUN is marked first, so that it is found again if it is unmapped and its destruction fails.
        """
        return self._destroy(lun, lun)

    def _destroy(self, lun: LunRef, elsewhere: Lun | None, *, only_here: bool = False) -> bool:
        tries = self._array.tries()
        while True:
            try:
                return self._destroy_now(lun, elsewhere, only_here=only_here)
            except LunMapped as error:  # the filer did not list all maps yet
                tries.insist(error)

    def _destroy_now(self, lun: LunRef, elsewhere: Lun | None, *, only_here: bool) -> bool:
        maps = self._array.get_lun_map(lun)
        self._require_ours(lun, maps, elsewhere, only_here=only_here)
        if not maps:
            # Ask before: a destruction that is repeated after a lost answer does not tell whether the LUN existed.
            found = self._array.get_luns(lun)
            if not found:
                self._luns.require_complete(found)
                return False
            self._destroy_unmapped(found[0])
            return True
        if elsewhere is not None:
            self._mark(elsewhere)
        uuid = maps[0].uuid

        def left(now: Sequence[LunMap]) -> list[str]:
            self._require_ours(lun, now, elsewhere, only_here=only_here)
            groups = {mapping.igroup for mapping in now if mapping.uuid == uuid}
            # This node's own igroups last: its device is gone, and no other node maps a LUN to them.
            return sorted(groups, key=lambda igroup: (igroup in self._igroups.mine, igroup))

        try:
            take(self._array, lun, maps, left)
        except NoSuchLun:  # another program has removed it just now
            return True
        self._destroy_unmapped(self._array.recall(lun.path, uuid))
        return True

    def _require_ours(self, lun: LunRef, maps: Sequence[LunMap], found: Lun | None, *, only_here: bool) -> None:
        """VolumeError if the LUN is mapped to an igroup that is not ours, or to a node outside this cluster.

        ``only_here``: or to another igroup than this node's.
        """
        groups = sorted({mapping.igroup for mapping in maps})
        fits = self._igroups.mine.__contains__ if only_here else self._igroups.are_known
        others = [igroup for igroup in groups if not fits(igroup)]
        if others:
            raise VolumeError(f"its LUN is also mapped to {', '.join(others)}; to remove it, unmap it there first")
        strange = self._igroups.strange(groups)
        if strange:
            require_own_cluster(self._igroups, found or self._luns.at(lun), strange)

    def _destroy_unmapped(self, lun: LunRef) -> None:
        """Destroy the LUN with this uuid. Before a retry, look which LUN is at its path."""
        tries = self._array.tries()
        while True:
            try:
                self._array.destroy_lun(lun, once=True)
            except OntapError as error:
                tries.again(error)
            else:
                return
            found = self._array.get_luns(lun)
            if found and found[0].uuid != lun.uuid:
                LOG.warning("another LUN is at %s now; not removing it", lun.path)
                return
            if not found:
                self._luns.require_complete(found)
                return

    def _mark(self, lun: Lun) -> None:
        if not (names_itself(lun) or lun.comment.startswith(BEING_REMOVED)):
            mark = tag.find(lun.comment)
            self._array.set_lun_comment(lun, tag.compose(BEING_REMOVED, mark) if mark else BEING_REMOVED)
