"""Who sees a LUN: this node's initiator group, which id a LUN gets in it, and when it may be mapped at all.

A LUN is mapped for a node only by a verb that runs on that node, and has just seen to it that nothing of it is
left there: what a process had queued for a device whose LUN was taken away is written as soon as it is back,
however long that took and at whatever id (seen on Linux 6.1 with multipath-tools 0.9.4).
"""

from __future__ import annotations

import logging
from collections.abc import Collection, Sequence
from typing import TYPE_CHECKING, Callable

from dataontap.errors import NoSuchIgroup, OntapError, Refusal, VolumeError
from dataontap.volume.placement import GUESSES, Placement
from dataontap.volume.strangers import require_own_cluster
from dataontap.volume.taking import not_alone, take

if TYPE_CHECKING:
    from dataontap.client.array import Array, Lun, LunMap, LunRef
    from dataontap.config import Settings
    from dataontap.deadline import Deadline
    from dataontap.volume.igroups import Igroups

LOG = logging.getLogger(__name__)

# When so many are refused although nothing is there, it is not the id: initiators that two machines have, say.
_MOST_REFUSALS = 32
# How long a request may hold up the other scans of this node.
_LOCKED_SECONDS = 10.0


class Masking:
    """The maps of volumes' LUNs, as far as they concern this node. Only ``map_now`` needs the lock of scans."""

    def __init__(self, array: Array, settings: Settings, igroups: Igroups, deadline: Deadline) -> None:
        self._array = array
        self._settings = settings
        self._igroups = igroups
        self._deadline = deadline
        self._tries = array.tries()

    def place(self, lun: Lun, maps: Sequence[LunMap], *, is_here: bool, any_igroup: bool = False) -> Placement:
        """Where this node sees the LUN, or is to see it: then it has to be mapped by ``map_now``.

        ``is_here``: its device is on this node. A volume that is still in a group that it is to move from stays
        there for now. ``any_igroup``: so does one in a group that is not ours at all, where it is not known which
        is the volume's.
        """
        placement = Placement(lun, lun.naas, self._igroups, maps)
        placement.lun_ids = [mapping.lun_id for mapping in maps if mapping.igroup in self._igroups.mine]
        if placement.lun_ids:
            placement.is_doubtful = not self._may_serve(lun, maps, is_here)
        elif self._igroups.former and any(self._igroups.are_former(mapping.igroup) for mapping in maps):
            former = self._igroups.former
            placement.lun_ids = sorted({mapping.lun_id for mapping in maps if mapping.igroup in former.mine})
            if not self._igroups.is_per_node:
                # Another node's group has it, if this one's has not: that for all nodes would be in conflict.
                placement.igroups = former
        elif any_igroup and not any(self._igroups.are_ours(mapping.igroup) for mapping in maps):
            placement.lun_ids = self._seen_by_others(maps)
        placement.is_mapped = bool(placement.lun_ids)
        if not placement.is_mapped:
            require_own_cluster(self._igroups, lun, self._igroups.strange(mapping.igroup for mapping in maps))
            groups = ", ".join(sorted(mapping.igroup for mapping in maps)) or "no group"
            LOG.info("%s is mapped to %s; mapping it to %s", lun.path, groups, placement.igroups.own)
            self.prepare(placement)
        return placement

    def _may_serve(self, lun: Lun, maps: Sequence[LunMap], is_here: bool) -> bool:
        """Whether the LUN, which is mapped here, might be mapped anew.

        What forbids that is only logged where the device is here: a running instance has to be able to stop and to
        move away. An exclusive open refuses.
        """
        try:
            require_own_cluster(self._igroups, lun, self._igroups.strange(mapping.igroup for mapping in maps))
            self._igroups.ensure()
        except VolumeError as error:
            if not is_here:
                raise
            LOG.error("%s", error)
            return False
        return True

    def _seen_by_others(self, maps: Sequence[LunMap]) -> list[int]:
        """The ids at which groups that are not ours show a LUN to this node, as far as that can be told."""
        if self._igroups.is_per_node and maps:
            names = self._igroups.with_this_node([mapping.igroup for mapping in maps])
            maps = [mapping for mapping in maps if mapping.igroup in names]
        return sorted({mapping.lun_id for mapping in maps})

    def place_new(self, lun: LunRef) -> Placement:
        """The placement of a LUN that was made a moment ago, so that nothing of it can be anywhere."""
        placement = Placement(lun, (), self._igroups)
        self.prepare(placement)
        return placement

    def prepare(self, placement: Placement) -> None:
        """All that a new map needs and that takes requests: the group, and the ids that are not free."""
        igroups = placement.igroups
        igroups.require_allowed()
        igroups.ensure()  # before logging in: some targets let nobody in who is in no group
        placement.avoid |= placement.ids_had(self._settings.lun_id_limit)
        if igroups is not self._igroups:  # by the other one this node sees LUNs, too, and an id is one LUN's
            placement.avoid |= {mapping.lun_id for mapping in self._array.get_igroup_maps(self._igroups.own)}

    def map_now(self, placement: Placement, taken: Collection[int]) -> bool:
        """Map the LUN if it is not mapped; whether it is now, so that it may be scanned for.

        Call with the node's lock of scans, when nothing of the LUN is here; ``taken`` are the LUN ids at which
        something else is. One request at most is made, and waited for ten seconds at most; what came of it, if it
        failed, is for ``go_on``.
        """
        if placement.is_mapped:
            return True
        lun_id = placement.choose_id(self._settings.lun_id_limit, taken)
        if lun_id is None:
            raise VolumeError(f"no LUN id up to LUN_ID_LIMIT is free in {placement.igroups.own}")
        placement.error = None
        with self._deadline.within(_LOCKED_SECONDS):
            try:
                placement.made = self._array.map_lun(placement.lun, placement.igroups.own, lun_id, once=True)
            except OntapError as error:
                placement.error = error
                placement.was_cut_short = self._deadline.is_over()
                placement.avoid |= {lun_id} if placement.is_refused_for_its_id else set()
        placement.is_mapped = placement.made
        placement.lun_ids = [lun_id] if placement.made else []
        return placement.is_mapped

    def go_on(self, placement: Placement) -> None:
        """Do what has to be done before the next ``map_now``, or raise why it would be of no use."""
        error = placement.error
        if error is None:  # somebody else has mapped it just now
            self._find_map(placement)
            if not placement.is_mapped:
                raise VolumeError("its LUN is being mapped and unmapped by another verb; try again")
        elif placement.is_refused_for_its_id:
            self._try_other_ids(placement)
        elif error.transient or (placement.was_cut_short and not self._deadline.is_over()):
            self._tries.insist(error)
            self._find_map(placement)  # the request may have been carried out
            placement.made = placement.is_mapped
        elif self._is_about_the_group(error) and not placement.group_was_made_anew:
            placement.group_was_made_anew = True
            placement.igroups.doubt()  # somebody has removed it since we saw it
            placement.igroups.ensure()
        else:
            raise error

    def _find_map(self, placement: Placement) -> None:
        maps = self._array.get_lun_map(placement.lun)
        placement.lun_ids = [mapping.lun_id for mapping in maps if mapping.igroup == placement.igroups.own]
        placement.is_mapped = bool(placement.lun_ids)

    def _try_other_ids(self, placement: Placement) -> None:
        placement.refusals += 1
        if placement.refusals > _MOST_REFUSALS and placement.error is not None:
            raise placement.error
        LOG.info("the LUN id is taken: %s", placement.error)
        if placement.refusals == GUESSES:
            maps = self._array.get_igroup_maps(placement.igroups.own)
            placement.avoid |= {mapping.lun_id for mapping in maps}

    def _is_about_the_group(self, error: OntapError) -> bool:
        """Whether the node's own group is not there; a fixed one is the storage admin's."""
        return isinstance(error, NoSuchIgroup) and self._igroups.is_per_node

    def exclude_others(self, lun: LunRef, maps: Sequence[LunMap], find: Callable[[LunRef], Lun]) -> None:
        """Take the LUN away from every other node of this cluster: fencing, by masking.

        ``maps`` were read since this node's own is there. They are read again before each further group is taken,
        and at the end: a verb that has lost must not go on taking. A group that is not ours is none of our
        business; that it sees the LUN is logged. ``find`` tells of the LUN where a node outside this cluster has
        it. VolumeError if another node opens it at the same time and was faster.
        """
        strange = self._igroups.strange(mapping.igroup for mapping in maps)
        if strange:
            require_own_cluster(self._igroups, find(lun), strange)
            maps = self._array.get_lun_map(lun)
        for igroup in sorted({mapping.igroup for mapping in maps}):
            if not (self._igroups.are_ours(igroup) or self._igroups.are_former(igroup)):
                LOG.warning("%s is mapped to %s too, which is not ours; it stays so", lun.path, igroup)
        done: set[str] = set()

        def others(now: Sequence[LunMap]) -> list[str]:
            left = self._others({mapping.igroup for mapping in now})
            back = sorted(done & left) or self._igroups.strange(left - {mapping.igroup for mapping in maps})
            if back:
                raise not_alone()  # mapped there again, or just now
            return sorted(left)

        take(self._array, lun, maps, others, done=done)

    def _others(self, groups: set[str]) -> set[str]:
        """The groups that the LUN is to be taken from; VolumeError if this node has it no more itself."""
        former = {igroup for igroup in groups if self._igroups.are_former(igroup)}
        here, others = groups & self._igroups.mine, {igroup for igroup in groups if self._igroups.are_ours(igroup)}
        if here:
            others |= former
        elif self._igroups.former:  # it stays there, because its device is in use
            here = groups & self._igroups.former.mine
        if not here:
            raise not_alone()
        return others - here

    def withdraw(self, lun: LunRef) -> bool:
        """Take the LUN away from this node, whose device of it is gone, where it has groups of its own.

        Whether it was mapped to one of them. Raises NoSuchLun where there is none.
        """
        problems = []
        was_mapped = False
        for igroup in sorted(self._igroups.private):
            try:
                was_mapped |= self._array.unmap_lun(lun, igroup)
            except NoSuchIgroup as error:
                LOG.debug("%s", error)  # not made yet, or not any more
            except Refusal as error:
                problems.append(error)
        if problems:
            raise problems[0]
        return was_mapped
