"""Moves a cluster between one igroup for all nodes and an igroup per node: each volume in an exclusive open."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from dataontap.errors import DataOntapError
from dataontap.volume.placement import Placement
from dataontap.volume.strangers import require_own_cluster
from dataontap.volume.taking import not_alone, take

if TYPE_CHECKING:
    from dataontap.client.array import Array, Lun, LunMap
    from dataontap.deadline import Deadline
    from dataontap.volume.igroups import Igroups
    from dataontap.volume.masking import Masking

LOG = logging.getLogger(__name__)

# How long it may take to map a LUN back to its former igroups, when the verb's own time is used up.
_UNDO_SECONDS = 20.0


def is_to_move(igroups: Igroups, maps: Sequence[LunMap]) -> bool:
    """Whether the LUN is in an igroup that volumes are moving away from, and not in this node's own igroup."""
    former = any(igroups.are_former(mapping.igroup) for mapping in maps)
    return former and not any(mapping.igroup in igroups.mine for mapping in maps)


class Moving:
    """Moves LUNs from FORMER_IGROUP's igroups to this node's own igroup."""

    def __init__(self, array: Array, igroups: Igroups, masking: Masking, deadline: Deadline) -> None:
        self._array = array
        self._igroups = igroups
        self._masking = masking
        self._deadline = deadline

    def move(self, lun: Lun, maps: Sequence[LunMap]) -> Placement:
        """Take the LUN out of the former igroups. ``map_now`` has to map it to this node's own igroup then.

        Its device must not be in use here. If the LUN cannot be mapped to the new igroup, call ``map_back``.
        """
        former = [mapping for mapping in maps if self._igroups.are_former(mapping.igroup)]
        require_own_cluster(self._igroups, lun, self._igroups.strange(mapping.igroup for mapping in former))
        groups = ", ".join(mapping.igroup for mapping in former)
        LOG.info("%s moves from %s to %s", lun.path, groups, self._igroups.own)
        placement = Placement(lun, lun.naas, self._igroups, maps, former)

        def left(now: Sequence[LunMap]) -> list[str]:
            others = {mapping.igroup for mapping in now if self._igroups.are_ours(mapping.igroup)}
            if others - {mapping.igroup for mapping in maps}:
                raise not_alone()  # another node moves it, and was faster
            return sorted({mapping.igroup for mapping in now if self._igroups.are_former(mapping.igroup)})

        try:
            take(self._array, lun, maps, left)
            self._masking.prepare(placement)
        except DataOntapError:
            self.map_back(placement)
            raise
        return placement

    def map_back(self, placement: Placement) -> None:
        """Map a LUN that could not be moved to its former igroups again."""
        if placement.is_mapped:
            return
        self._deadline.allow(_UNDO_SECONDS)
        for mapping in placement.leaves:
            LOG.warning(
                "%s cannot be mapped to %s; mapping it back to %s", mapping.path, self._igroups.own, mapping.igroup
            )
            try:
                self._array.map_lun(placement.lun, mapping.igroup, mapping.lun_id)
            except DataOntapError as error:
                LOG.error("cannot map %s back to %s, do it by hand: %s", mapping.path, mapping.igroup, error)
