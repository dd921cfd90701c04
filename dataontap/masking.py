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
from typing import TYPE_CHECKING

from dataontap.client import codes
from dataontap.errors import DataOntapError, NaApiError, VolumeError

if TYPE_CHECKING:
    from dataontap.client.client_base import Lun, LunMap
    from dataontap.client.client_cmode import CmodeClient
    from dataontap.config import Settings
    from dataontap.deadline import Deadline
    from dataontap.devices import Devices
    from dataontap.igroups import Igroups

LOG = logging.getLogger(__name__)

# Ids that are taken in the group cost a request each; after some it is cheaper to ask for all that are.
_GUESSES = 3
# When so many are refused although nothing is there, it is not the id: initiators that two machines have, say.
_MOST_GUESSES = 32
_NOT_ALONE = "another node opens {} at the same time; this one does not have it alone"
# What mapping a LUN back to where it was may take, when the verb's own time is used up.
_UNDO_SECONDS = 20.0


class Masking:
    """The maps of volumes' LUNs, as far as they concern this node.

    Call it with the node's lock of scans; ``withdraw`` alone, which gives nobody anything, needs none.
    """

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

    def map_here(self, name: str, lun: Lun, maps: Sequence[LunMap], *, any_igroup: bool = False) -> list[int]:
        """See to it that this node's group sees the LUN; returns the ids under which this node may find it.

        A volume that is still in a group that it is to move from stays there for now. ``any_igroup``: so does one
        in a group that is not ours at all, where it is not known which is the volume's.
        """
        mine = [mapping.lun_id for mapping in maps if mapping.igroup in self._mine]
        if mine:
            self._igroups.ensure()
            return mine
        igroups = self._igroups
        former = igroups.former
        elsewhere: list[int] = []
        if former and any(igroups.are_former(mapping.igroup) for mapping in maps):
            elsewhere = [mapping.lun_id for mapping in maps if mapping.igroup in former.mine]
            if not igroups.is_per_node:
                # Another node's group has it, if this one's has not: that for all nodes would be in conflict.
                igroups = former
        elif any_igroup and not any(igroups.are_ours(mapping.igroup) for mapping in maps):
            elsewhere = self._seen_by_others(maps)
        if elsewhere:
            return sorted({*elsewhere})
        groups = ", ".join(sorted(mapping.igroup for mapping in maps)) or "nobody"
        LOG.info("%s is mapped to %s; mapping it to %s", lun.path, groups, igroups.own)
        return [self._map(name, lun.path, lun.naas, elsewhere=bool(maps), igroups=igroups, former=maps)]

    def _seen_by_others(self, maps: Sequence[LunMap]) -> list[int]:
        """The ids at which groups that are not ours show a LUN to this node, as far as that can be told."""
        if self._igroups.is_per_node and maps:
            names = self._igroups.with_this_node([mapping.igroup for mapping in maps])
            maps = [mapping for mapping in maps if mapping.igroup in names]
        return [mapping.lun_id for mapping in maps]

    def map_new(self, name: str, path: str) -> int:
        """Map a LUN that was made a moment ago, so that nothing of it can be anywhere; returns its id."""
        return self._map(name, path, (), elsewhere=False, igroups=self._igroups)

    def _map(
        self,
        name: str,
        path: str,
        naas: Collection[str],
        *,
        elsewhere: bool,
        igroups: Igroups,
        former: Sequence[LunMap] = (),
    ) -> int:
        """Map the LUN to this node's group of ``igroups``; its id. ``former``: where it is, or was just now."""
        igroups.ensure()  # before logging in: some targets let nobody in who is in no group
        taken = self._devices.make_room(name, naas) | self._ids_had(name, igroups, former)
        if igroups is not self._igroups:  # by the other one this node sees LUNs, too, and an id is one LUN's
            taken |= {mapping.lun_id for mapping in self._client.get_igroup_maps(self._own)}
        try:
            return self._map_at_a_free_id(name, path, igroups.own, taken, elsewhere)
        except NaApiError as error:
            if error.code != codes.NO_SUCH_INITGROUP or not igroups.is_per_node:
                raise
        igroups.doubt()  # somebody has removed it since we saw it
        igroups.ensure()
        return self._map_at_a_free_id(name, path, igroups.own, taken, elsewhere)

    def _map_at_a_free_id(self, name: str, path: str, igroup: str, taken: set[int], elsewhere: bool) -> int:
        for number, lun_id in enumerate(spread(name, self._settings.lun_id_limit)):
            if number == _GUESSES:
                taken |= {mapping.lun_id for mapping in self._client.get_igroup_maps(igroup)}
            if lun_id in taken:
                continue
            try:
                if self._client.map_lun(path, igroup, lun_id):
                    return lun_id
            except NaApiError as error:
                if number >= _MOST_GUESSES or not _is_about_the_id(error, elsewhere):
                    raise
                LOG.info("LUN id %d is taken: %s", lun_id, error)
                continue
            return self._mapped_meanwhile(path, igroup)
        raise VolumeError(f"no LUN id up to LUN_ID_LIMIT is free for {path} in {igroup}")

    def _mapped_meanwhile(self, path: str, igroup: str) -> int:
        """The id under which somebody else has just mapped the LUN to this group."""
        maps = self._client.get_lun_map(path)
        found = [mapping.lun_id for mapping in maps if mapping.igroup == igroup]
        if not found:
            raise VolumeError(f"{path} is being mapped and unmapped by somebody else; try again")
        return found[0]

    def is_to_move(self, maps: Sequence[LunMap]) -> bool:
        """Whether the LUN is in a group that volumes are moving away from, and not in this node's own."""
        former = any(self._igroups.are_former(mapping.igroup) for mapping in maps)
        return former and not any(mapping.igroup in self._mine for mapping in maps)

    def move(self, name: str, lun: Lun, maps: Sequence[LunMap]) -> list[int]:
        """Take the LUN from the former groups into this node's own; returns its id there.

        Nobody may hold its device here, which goes first. A LUN that cannot be mapped to the new group is mapped
        back to the old ones.
        """
        former = [mapping for mapping in maps if self._igroups.are_former(mapping.igroup)]
        groups = ", ".join(mapping.igroup for mapping in former)
        LOG.info("%s moves from %s to %s", lun.path, groups, self._own)
        try:
            for mapping in former:
                self._client.unmap_lun(lun.path, mapping.igroup)
            elsewhere = len(maps) > len(former)
            return [self._map(name, lun.path, lun.naas, elsewhere=elsewhere, igroups=self._igroups, former=former)]
        except DataOntapError:
            self._deadline.allow(_UNDO_SECONDS)
            for mapping in former:
                self._map_back(lun.path, mapping)
            raise

    def _ids_had(self, name: str, igroups: Igroups, former: Sequence[LunMap]) -> set[int]:
        """The ids at which a LUN that goes back from groups per node to one for all nodes must not come.

        That one shows it to every node, also to one that was fenced and has a device of it still, which nobody can
        look at from here. Where that device's paths do not lead, what is queued there stays undelivered until
        somebody scans that node. A stopped instance's LUN is mapped to nobody by then: those that it is likely to
        have had, too.
        """
        if igroups.is_per_node or not igroups.may_be_unmapped:
            return set()
        likely = itertools.islice(spread(name, self._settings.lun_id_limit), _GUESSES)
        return {*likely, *(mapping.lun_id for mapping in former)}

    def _map_back(self, path: str, mapping: LunMap) -> None:
        LOG.warning("%s cannot be mapped to %s; back to %s", path, self._own, mapping.igroup)
        try:
            self._client.map_lun(path, mapping.igroup, mapping.lun_id)
        except DataOntapError as error:
            LOG.error("map %s to %s by hand: %s", path, mapping.igroup, error)

    def exclude_others(self, path: str, maps: Sequence[LunMap]) -> None:
        """Take the LUN away from every other node of this cluster: fencing, by masking.

        ``maps`` were read since this node's own is there, and since the lock of scans is held: what was mapped
        before that may have changed hands. A group that is not ours is none of our business; that it sees the LUN
        is said. VolumeError if another node opens it at the same time and was faster.
        """
        groups = {mapping.igroup for mapping in maps}
        former = {igroup for igroup in groups if self._igroups.are_former(igroup)}
        here, taken = groups & self._mine, {igroup for igroup in groups if self._igroups.are_ours(igroup)}
        if here:
            taken |= former
        elif self._igroups.former:  # it stays there, because its device is in use
            here = groups & self._igroups.former.mine
        if not here:
            raise VolumeError(_NOT_ALONE.format(path))
        taken -= here
        for igroup in sorted(groups - taken - here - former):
            LOG.warning("%s is mapped to %s too, which is not ours; it stays so", path, igroup)
        for igroup in sorted(taken):
            LOG.info("taking %s away from %s", path, igroup)
            self._client.unmap_lun(path, igroup)
        if taken:
            self._require_exclusive(path, here, taken)

    def _require_exclusive(self, path: str, here: Collection[str], taken: Collection[str]) -> None:
        """VolumeError if another node has been faster, or has mapped it again."""
        now = {mapping.igroup for mapping in self._client.get_lun_map(path)}
        if not now & {*here} or now & {*taken}:
            raise VolumeError(_NOT_ALONE.format(path))

    def withdraw(self, path: str) -> None:
        """Take the LUN away from this node, whose device of it is gone, where it has groups of its own."""
        problems = []
        for igroup in sorted(self._igroups.private):
            try:
                self._client.unmap_lun(path, igroup)
            except NaApiError as error:
                if error.code != codes.NO_SUCH_INITGROUP:  # not made yet, or not any more
                    problems.append(error)
        if problems:
            raise problems[0]


def _is_about_the_id(error: NaApiError, elsewhere: bool) -> bool:
    """Whether another id would do. A LUN that is mapped to nobody can conflict with nothing but by its id."""
    return error.code == codes.INITGROUP_HAS_LUN or (error.code == codes.LUN_MAPPING_CONFLICT and not elsewhere)


def spread(name: str, limit: int) -> Iterator[int]:
    """All LUN ids from 1 to ``limit``, beginning somewhere that depends on ``name``.

    The smallest free one, which the filer would take, is the one that a LUN had which went a moment ago: and its
    stale paths, wherever they are left, would lead to the new LUN. 0 is not taken, because some targets answer
    there even when nothing is mapped.
    """
    digest = hashlib.sha256(name.encode()).digest()
    begin = int.from_bytes(digest[:8], "big") % limit
    return (1 + (begin + number) % limit for number in range(limit))
