"""Who sees a LUN: this node's igroup, the LUN's id in it, and when the LUN may be mapped at all.

A LUN is mapped for a node only by a verb that runs on that node and has just made sure that nothing of it is left
there. If a device's LUN was unmapped, what a process had queued for the device is written as soon as the LUN is
mapped again, after any time and at any LUN id (seen on Linux 6.1 with multipath-tools 0.9.4).
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

# If so many free ids are refused, the id is not the reason: for example, two machines may share an initiator.
_MOST_REFUSALS = 32
# How long a request may delay the other scans of this node.
_LOCKED_SECONDS = 10.0


class Masking:
    """The maps of volumes' LUNs, as far as they concern this node. Only ``map_now`` needs the scan lock."""

    def __init__(self, array: Array, settings: Settings, igroups: Igroups, deadline: Deadline) -> None:
        self._array = array
        self._settings = settings
        self._igroups = igroups
        self._deadline = deadline

    def place(self, lun: Lun, maps: Sequence[LunMap], *, is_here: bool, any_igroup: bool = False) -> Placement:
        """Where this node sees the LUN, or where ``map_now`` has to map it.

        ``is_here``: its device is on this node. A volume in an igroup that it is to move from stays there for now.
        ``any_igroup``: the volume's igroup is not known, so that a volume in an igroup that is not ours stays
        there, too.
        """
        placement = Placement(lun, lun.naas, self._igroups, maps)
        placement.lun_ids = [mapping.lun_id for mapping in maps if mapping.igroup in self._igroups.mine]
        if placement.lun_ids:
            placement.is_doubtful = not self._may_serve(lun, maps, is_here)
        elif self._igroups.former and any(self._igroups.are_former(mapping.igroup) for mapping in maps):
            former = self._igroups.former
            placement.lun_ids = sorted({mapping.lun_id for mapping in maps if mapping.igroup in former.mine})
            if not self._igroups.is_per_node:
                # If not this node's, another node's igroup has the LUN: the igroup for all nodes would conflict.
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
        """Whether the LUN, which is mapped here, could also be mapped now.

        A reason against that is only logged if the device is here: a running instance must be able to stop and to
        move. An exclusive open refuses.
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
        """The ids at which igroups that are not ours show a LUN to this node, as far as that is known."""
        if self._igroups.is_per_node and maps:
            names = self._igroups.with_this_node([mapping.igroup for mapping in maps])
            maps = [mapping for mapping in maps if mapping.igroup in names]
        return sorted({mapping.lun_id for mapping in maps})

    def place_new(self, lun: LunRef) -> Placement:
        """The placement of a LUN that was created a moment ago: nothing of it can be on any node."""
        placement = Placement(lun, (), self._igroups)
        self.prepare(placement)
        return placement

    def prepare(self, placement: Placement) -> None:
        """Do the requests that a new map needs: for the igroup, and for the ids that are not free."""
        igroups = placement.igroups
        igroups.require_allowed()
        igroups.ensure()  # before the login: some targets refuse an initiator that is in no igroup
        placement.avoid |= placement.ids_had(self._settings.lun_id_limit)
        if igroups is not self._igroups:  # this node sees LUNs through both igroups, and an id shows one LUN only
            placement.avoid |= {mapping.lun_id for mapping in self._array.get_igroup_maps(self._igroups.own)}

    def map_now(self, placement: Placement, taken: Collection[int]) -> bool:
        """Map the LUN if it is not mapped. Returns whether it is mapped now, so that it may be scanned for.

        Call with the scan lock held, when nothing of the LUN is here. ``taken`` are the LUN ids at which another
        LUN is. Sends one request at most, and waits ten seconds for it at most. ``go_on`` handles its failure.
        """
        if placement.is_mapped:
            return True
        lun_id = placement.choose_id(self._settings.lun_id_limit, taken)
        if lun_id is None:
            raise VolumeError(f"no LUN id up to LUN_ID_LIMIT is free in {placement.igroups.own}")
        placement.tried, placement.error = lun_id, None
        with self._deadline.within(_LOCKED_SECONDS):
            try:
                placement.made = self._array.map_lun(placement.lun, placement.igroups.own, lun_id, once=True)
            except OntapError as error:
                placement.error = error
                placement.was_cut_short = self._deadline.is_over()
        placement.is_mapped = placement.made
        placement.lun_ids = [lun_id] if placement.made else []
        return placement.is_mapped

    def go_on(self, placement: Placement) -> None:
        """Do what the next ``map_now`` needs, or raise the reason why it would not help."""
        if isinstance(placement.error, Refusal):
            own = placement.igroups.own
            placement.error = self._array.explain_map(placement.lun, own, placement.tried, placement.error)
        error = placement.error
        if error is None:  # another verb has just mapped it
            self._find_map(placement)
            if not placement.is_mapped:
                raise VolumeError("another verb maps and unmaps its LUN at the same time; try again")
        elif placement.is_refused_for_its_id:
            self._try_other_ids(placement)
        elif error.transient or (placement.was_cut_short and not self._deadline.is_over()):
            placement.tries = placement.tries or self._array.tries()
            placement.tries.insist(error)
            self._find_map(placement)  # the request may have been carried out
            placement.made = placement.is_mapped
            if not placement.is_mapped:  # or may still be, when another node has the LUN: not where paths are then
                placement.avoid.add(placement.tried)
        elif self._is_about_the_group(error) and not placement.group_was_made_anew:
            placement.group_was_made_anew = True
            placement.igroups.doubt()  # the igroup was removed since we saw it
            placement.igroups.ensure()
        else:
            raise error

    def _find_map(self, placement: Placement) -> None:
        maps = self._array.get_lun_map(placement.lun)
        placement.lun_ids = [mapping.lun_id for mapping in maps if mapping.igroup == placement.igroups.own]
        placement.is_mapped = bool(placement.lun_ids)

    def _try_other_ids(self, placement: Placement) -> None:
        placement.refusals += 1
        placement.avoid.add(placement.tried)
        if placement.refusals > _MOST_REFUSALS and placement.error is not None:
            raise placement.error
        LOG.info("the LUN id is taken: %s", placement.error)
        if placement.refusals == GUESSES:
            maps = self._array.get_igroup_maps(placement.igroups.own)
            placement.avoid |= {mapping.lun_id for mapping in maps}

    def _is_about_the_group(self, error: OntapError) -> bool:
        """Whether the node's own igroup is missing. A fixed igroup is the storage admin's."""
        return isinstance(error, NoSuchIgroup) and self._igroups.is_per_node

    def exclude_others(self, lun: LunRef, maps: Sequence[LunMap], find: Callable[[LunRef], Lun]) -> None:
        """Take the LUN away from every other node of this cluster: fencing by LUN masking.

        ``maps`` were read after this node's own map was made. They are read again before each further unmapping
        and at the end: a verb that has lost must not go on. Foreign igroups keep their maps, which is logged.
        ``find`` returns the LUN, for the case that a node outside this cluster has it. VolumeError if another node
        opens the volume at the same time and was faster.
        """
        strange = self._igroups.strange(mapping.igroup for mapping in maps)
        if strange:
            require_own_cluster(self._igroups, find(lun), strange)
            maps = self._array.get_lun_map(lun)
        for igroup in sorted({mapping.igroup for mapping in maps}):
            if not (self._igroups.are_ours(igroup) or self._igroups.are_former(igroup)):
                LOG.warning("%s is also mapped to %s, which is not ours; keeping that map", lun.path, igroup)
        done: set[str] = set()

        def others(now: Sequence[LunMap]) -> list[str]:
            left = self._others({mapping.igroup for mapping in now})
            back = sorted(done & left) or self._igroups.strange(left - {mapping.igroup for mapping in maps})
            if back:
                raise not_alone()  # another node has mapped it again, or just now
            return sorted(left)

        take(self._array, lun, maps, others, done=done)

    def _others(self, groups: set[str]) -> set[str]:
        """The igroups to take the LUN from. VolumeError if this node no longer has the LUN itself."""
        former = {igroup for igroup in groups if self._igroups.are_former(igroup)}
        here, others = groups & self._igroups.mine, {igroup for igroup in groups if self._igroups.are_ours(igroup)}
        if here:
            others |= former
        elif self._igroups.former:  # the LUN stays in the former igroup, because its device is in use
            here = groups & self._igroups.former.mine
        if not here:
            raise not_alone()
        return others - here

    def withdraw(self, lun: LunRef) -> bool:
        """Unmap the LUN from this node's private igroups, after its device here is gone.

        Returns whether it was mapped to one of them. Raises NoSuchLun if the LUN does not exist.
        """
        problems = []
        was_mapped = False
        for igroup in sorted(self._igroups.private):
            try:
                was_mapped |= self._array.unmap_lun(lun, igroup)
            except NoSuchIgroup as error:
                LOG.debug("%s", error)  # the igroup is not created yet, or was removed
            except Refusal as error:
                problems.append(error)
        if problems:
            raise problems[0]
        return was_mapped
