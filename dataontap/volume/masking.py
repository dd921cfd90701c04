"""Who sees a LUN: this node's initiator group, which id a LUN gets in it, and when it may be mapped at all.

A LUN is mapped for a node only by a verb that runs on that node, and has just seen to it that nothing of it is
left there: what a process had queued for a device whose LUN was taken away is written as soon as it is back,
however long that took and at whatever id (seen on Linux 6.1 with multipath-tools 0.9.4).
"""

from __future__ import annotations

import hashlib
import itertools
import logging
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Callable

from dataontap.client.zapi import codes
from dataontap.errors import DataOntapError, NaApiError, OntapError, VolumeError
from dataontap.volume.strangers import require_own_cluster
from dataontap.volume.taking import take

if TYPE_CHECKING:
    from dataontap.client.zapi.base import Lun, LunMap
    from dataontap.client.zapi.cmode import CmodeClient
    from dataontap.config import Settings
    from dataontap.deadline import Deadline
    from dataontap.volume.devices import Devices
    from dataontap.volume.igroups import Igroups

LOG = logging.getLogger(__name__)

# Ids that are taken in the group cost a request each; after some it is cheaper to ask for all that are.
_GUESSES = 3
# When so many are refused although nothing is there, it is not the id: initiators that two machines have, say.
_MOST_REFUSALS = 32
_NOT_ALONE = "another node opens it at the same time; this one does not have it alone"
# What mapping a LUN back to where it was may take, when the verb's own time is used up.
_UNDO_SECONDS = 20.0
# How long a request may hold up the other scans of this node.
_LOCKED_SECONDS = 10.0


@dataclass
class Placement:
    """A LUN on its way to an id in a group of this node's: where it is, or what was tried so far.

    ``maps`` is where it was mapped before, ``leaves`` those of them that it was taken out of. Under one of
    ``lun_ids`` this node may find it once it ``is_mapped``; ``made``: because this verb mapped it.
    """

    name: str
    path: str
    naas: Collection[str]
    igroups: Igroups
    maps: Sequence[LunMap] = ()
    leaves: Sequence[LunMap] = ()
    lun_ids: list[int] = field(default_factory=list)
    is_mapped: bool = False
    made: bool = False
    # It is mapped here and may not be: then nothing is written to it.
    is_doubtful: bool = False
    # Ids that are not to be chosen, and how the attempts went.
    avoid: set[int] = field(default_factory=set)
    error: OntapError | None = None
    was_cut_short: bool = False
    refusals: int = 0
    losses: int = 0
    group_was_made_anew: bool = False


class Masking:
    """The maps of volumes' LUNs, as far as they concern this node. Only ``map_now`` needs the lock of scans."""

    def __init__(
        self, client: CmodeClient, settings: Settings, igroups: Igroups, devices: Devices, deadline: Deadline
    ) -> None:
        self._client = client
        self._settings = settings
        self._igroups = igroups
        self._own = igroups.own
        self._mine = igroups.mine
        self._devices = devices
        self._deadline = deadline

    def maps(self, lun: Lun, *, any_igroup: bool = False) -> list[LunMap] | None:
        """Where the LUN is mapped; the filer is not asked where it has just said that it is not.

        None: that does not matter, because ``any_igroup`` will do and configured commands find it by themselves.
        """
        if any_igroup and lun.mapped and not (self._devices.are_ours or self._igroups.may_be_unmapped):
            return None
        return self._client.get_lun_map(lun.path) if lun.mapped else []

    def place(self, name: str, lun: Lun, maps: Sequence[LunMap] | None, *, any_igroup: bool = False) -> Placement:
        """Where this node sees the LUN, or is to see it: then it has to be mapped by ``map_now``.

        A volume that is still in a group that it is to move from stays there for now. ``any_igroup``: so does one
        in a group that is not ours at all, where it is not known which is the volume's.
        """
        placement = Placement(name, lun.path, lun.naas, self._igroups, maps or ())
        if maps is None:
            placement.is_mapped = True
            return placement
        placement.lun_ids = [mapping.lun_id for mapping in maps if mapping.igroup in self._mine]
        if placement.lun_ids:
            placement.is_doubtful = not self._may_serve(name, lun, maps)
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
            self._prepare(placement)
        return placement

    def _may_serve(self, name: str, lun: Lun, maps: Sequence[LunMap]) -> bool:
        """Whether the LUN, which is mapped here, might be mapped anew.

        What forbids that is only logged where the device is here: a running instance has to be able to stop and to
        move away. An exclusive open refuses.
        """
        try:
            require_own_cluster(self._igroups, lun, self._igroups.strange(mapping.igroup for mapping in maps))
            self._igroups.ensure()
        except VolumeError as error:
            if self._devices.find(name) is None:
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

    def place_new(self, name: str, path: str) -> Placement:
        """The placement of a LUN that was made a moment ago, so that nothing of it can be anywhere."""
        placement = Placement(name, path, (), self._igroups)
        self._prepare(placement)
        return placement

    def _prepare(self, placement: Placement) -> None:
        """All that a new map needs and that takes requests: the group, and the ids that are not free."""
        igroups = placement.igroups
        igroups.require_allowed()
        igroups.ensure()  # before logging in: some targets let nobody in who is in no group
        placement.avoid |= self._ids_had(placement)
        if igroups is not self._igroups:  # by the other one this node sees LUNs, too, and an id is one LUN's
            placement.avoid |= {mapping.lun_id for mapping in self._client.get_igroup_maps(self._own)}

    def map_now(self, placement: Placement) -> bool:
        """Map the LUN if it is not mapped; whether it is now, so that it may be scanned for.

        Call with the node's lock of scans: nothing of the LUN is here when it is mapped. One request at most is
        made, and waited for ten seconds at most; what came of it, if it failed, is for ``go_on``.
        """
        if placement.is_mapped:
            return True
        there = self._devices.make_room(placement.name, placement.naas)
        ids = spread(placement.name, self._settings.lun_id_limit)
        lun_id = next((one for one in ids if one not in placement.avoid | there), None)
        if lun_id is None:
            raise VolumeError(f"no LUN id up to LUN_ID_LIMIT is free in {placement.igroups.own}")
        placement.error = None
        with self._deadline.within(_LOCKED_SECONDS):
            try:
                placement.made = self._client.map_lun(placement.path, placement.igroups.own, lun_id, once=True)
            except OntapError as error:
                placement.error = error
                placement.was_cut_short = self._deadline.is_over()
                placement.avoid |= {lun_id} if self._is_about_the_id(placement) else set()
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
        elif self._is_about_the_id(placement):
            self._try_other_ids(placement)
        elif error.transient or (placement.was_cut_short and not self._deadline.is_over()):
            self._client.server.again(error, placement.losses)
            placement.losses += 1
            self._find_map(placement)  # the request may have been carried out
            placement.made = placement.is_mapped
        elif self._is_about_the_group(error) and not placement.group_was_made_anew:
            placement.group_was_made_anew = True
            placement.igroups.doubt()  # somebody has removed it since we saw it
            placement.igroups.ensure()
        else:
            raise error

    def _find_map(self, placement: Placement) -> None:
        maps = self._client.get_lun_map(placement.path)
        placement.lun_ids = [mapping.lun_id for mapping in maps if mapping.igroup == placement.igroups.own]
        placement.is_mapped = bool(placement.lun_ids)

    def _try_other_ids(self, placement: Placement) -> None:
        placement.refusals += 1
        if placement.refusals > _MOST_REFUSALS and placement.error is not None:
            raise placement.error
        LOG.info("the LUN id is taken: %s", placement.error)
        if placement.refusals == _GUESSES:
            maps = self._client.get_igroup_maps(placement.igroups.own)
            placement.avoid |= {mapping.lun_id for mapping in maps}

    @staticmethod
    def _is_about_the_id(placement: Placement) -> bool:
        """Whether another id would do. A LUN that is mapped to nobody can conflict with nothing but by its id."""
        if not isinstance(placement.error, NaApiError):
            return False
        is_elsewhere = len(placement.maps) > len(placement.leaves)
        code = placement.error.code
        return code == codes.INITGROUP_HAS_LUN or (code == codes.LUN_MAPPING_CONFLICT and not is_elsewhere)

    def _is_about_the_group(self, error: OntapError) -> bool:
        """Whether the node's own group is not there; a fixed one is the storage admin's."""
        return (
            isinstance(error, NaApiError) and error.code == codes.NO_SUCH_INITGROUP and self._igroups.is_per_node
        )

    def is_to_move(self, maps: Sequence[LunMap]) -> bool:
        """Whether the LUN is in a group that volumes are moving away from, and not in this node's own."""
        former = any(self._igroups.are_former(mapping.igroup) for mapping in maps)
        return former and not any(mapping.igroup in self._mine for mapping in maps)

    def move(self, name: str, lun: Lun, maps: Sequence[LunMap]) -> Placement:
        """Take the LUN out of the former groups; it is to be mapped to this node's own one by ``map_now`` then.

        Nobody may hold its device here. A LUN that cannot be mapped to the new group has to be mapped back to the
        old ones: see ``take_back``.
        """
        former = [mapping for mapping in maps if self._igroups.are_former(mapping.igroup)]
        require_own_cluster(self._igroups, lun, self._igroups.strange(mapping.igroup for mapping in former))
        groups = ", ".join(mapping.igroup for mapping in former)
        LOG.info("%s moves from %s to %s", lun.path, groups, self._own)
        placement = Placement(name, lun.path, lun.naas, self._igroups, maps, former)

        def left(now: Sequence[LunMap]) -> list[str]:
            others = {mapping.igroup for mapping in now if self._igroups.are_ours(mapping.igroup)}
            if others - {mapping.igroup for mapping in maps}:
                raise VolumeError(_NOT_ALONE)  # another node moves it, and was faster
            return sorted({mapping.igroup for mapping in now if self._igroups.are_former(mapping.igroup)})

        try:
            take(self._client, lun.path, maps, left)
            self._prepare(placement)
        except DataOntapError:
            self.map_back(placement)
            raise
        return placement

    def _ids_had(self, placement: Placement) -> set[int]:
        """The ids at which a LUN that goes back from groups per node to one for all nodes must not come.

        That one shows it to every node, also to one that was fenced and has a device of it still, which nobody can
        look at from here. Where that device's paths do not lead, what is queued there stays undelivered until
        somebody scans that node. A stopped instance's LUN is mapped to nobody by then: those that it is likely to
        have had, too.
        """
        if placement.igroups.is_per_node or not placement.igroups.may_be_unmapped:
            return set()
        likely = itertools.islice(spread(placement.name, self._settings.lun_id_limit), _GUESSES)
        return {*likely, *(mapping.lun_id for mapping in placement.maps)}

    def map_back(self, placement: Placement) -> None:
        """Map a LUN that could not be moved to where it was."""
        if placement.is_mapped:
            return
        self._deadline.allow(_UNDO_SECONDS)
        for mapping in placement.leaves:
            LOG.warning("%s cannot be mapped to %s; back to %s", mapping.path, self._own, mapping.igroup)
            try:
                self._client.map_lun(mapping.path, mapping.igroup, mapping.lun_id)
            except DataOntapError as error:
                LOG.error("map %s to %s by hand: %s", mapping.path, mapping.igroup, error)

    def exclude_others(self, path: str, maps: Sequence[LunMap], find: Callable[[str], Lun]) -> None:
        """Take the LUN away from every other node of this cluster: fencing, by masking.

        ``maps`` were read since this node's own is there. They are read again before each further group is taken,
        and at the end: a verb that has lost must not go on taking. A group that is not ours is none of our
        business; that it sees the LUN is logged. ``find`` tells of the LUN where a node outside this cluster has
        it. VolumeError if another node opens it at the same time and was faster.
        """
        strange = self._igroups.strange(mapping.igroup for mapping in maps)
        if strange:
            require_own_cluster(self._igroups, find(path), strange)
            maps = self._client.get_lun_map(path)
        for igroup in sorted({mapping.igroup for mapping in maps}):
            if not (self._igroups.are_ours(igroup) or self._igroups.are_former(igroup)):
                LOG.warning("%s is mapped to %s too, which is not ours; it stays so", path, igroup)
        done: set[str] = set()

        def others(now: Sequence[LunMap]) -> list[str]:
            left = self._others(path, {mapping.igroup for mapping in now})
            back = sorted(done & left) or self._igroups.strange(left - {mapping.igroup for mapping in maps})
            if back:
                raise VolumeError(_NOT_ALONE)  # mapped there again, or just now
            return sorted(left)

        take(self._client, path, maps, others, done=done)

    def _others(self, path: str, groups: set[str]) -> set[str]:
        """The groups that the LUN is to be taken from; VolumeError if this node has it no more itself."""
        former = {igroup for igroup in groups if self._igroups.are_former(igroup)}
        here, others = groups & self._mine, {igroup for igroup in groups if self._igroups.are_ours(igroup)}
        if here:
            others |= former
        elif self._igroups.former:  # it stays there, because its device is in use
            here = groups & self._igroups.former.mine
        if not here:
            raise VolumeError(_NOT_ALONE)
        return others - here

    def withdraw(self, path: str) -> bool:
        """Take the LUN away from this node, whose device of it is gone, where it has groups of its own.

        Whether it was mapped to one of them. Raises NaApiError with NO_SUCH_LUN where there is no LUN at ``path``.
        """
        problems = []
        was_mapped = False
        for igroup in sorted(self._igroups.private):
            try:
                was_mapped |= self._client.unmap_lun(path, igroup)
            except NaApiError as error:
                if error.code != codes.NO_SUCH_INITGROUP:  # not made yet, or not any more
                    problems.append(error)
        if problems:
            raise problems[0]
        return was_mapped


def spread(name: str, limit: int) -> Iterator[int]:
    """All LUN ids from 1 to ``limit``, beginning somewhere that depends on ``name``.

    The smallest free one, which the filer would take, is the one that a LUN had which went a moment ago: and its
    stale paths, wherever they are left, would lead to the new LUN. 0 is not taken, because some targets answer
    there even when nothing is mapped.
    """
    digest = hashlib.sha256(name.encode()).digest()
    begin = int.from_bytes(digest[:8], "big") % limit
    return (1 + (begin + number) % limit for number in range(limit))
