"""The volumes' LUNs on the filer: found, and tagged. Which of several is the volume, ``candidates`` decides."""

from __future__ import annotations

import logging
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

from dataontap.errors import DataOntapError, OntapError, VolumeError
from dataontap.volume import tag
from dataontap.volume.candidates import Elsewhere, is_copy, is_disk, names_itself, serial_of, uuid_of
from dataontap.volume.tag import Tag

if TYPE_CHECKING:
    from dataontap.client.array import Array, Found, Lun, LunRef, VolumeProblem
    from dataontap.config import Settings
    from dataontap.volume.igroups import Igroups
    from dataontap.volume.requests import Snapshot

LOG = logging.getLogger(__name__)


class NotInUse(VolumeError):
    """No LUN is provably the volume's, and none that may be is mapped to a group of ours."""


class NoLun(VolumeError):
    """The volume has no LUN, and nothing that may be it is there."""


class Luns:
    """The LUNs that ``settings`` point to, as ``array`` sees them. ``cluster`` is this cluster as tags name it."""

    def __init__(self, array: Array, settings: Settings, igroups: Igroups, cluster: str) -> None:
        self._array = array
        self._settings = settings
        self._igroups = igroups
        self._cluster = cluster

    def own(self, name: str) -> LunRef:
        """Where the volume ``name`` belongs: its own path."""
        return self._array.place(self._settings.pool, name)

    def existing(self, name: str) -> Lun:
        """The volume's LUN: what is at its own path, or else what proves to be it elsewhere.

        VolumeError where there is none, several, or none that is provably the volume.
        """
        own = self._array.get_luns(self.own(name))
        if not own:
            self.require_complete(own)
            return self._found_elsewhere(name)
        self._require_no_original(own[0])
        return own[0]

    def _found_elsewhere(self, name: str) -> Lun:
        found = self._array.get_luns_called(name)
        sorted_out = self._sort(found)
        volume = _one(sorted_out.volumes)
        if volume is not None:
            return volume
        self.require_complete(found)
        raise self._none(sorted_out)

    def _none(self, there: Elsewhere) -> VolumeError:
        lun = next(iter((*there.unproven, *there.copies)), None)
        pool = self._settings.pool
        if lun is None:
            return NoLun(f"there is no LUN of this name in {pool}; check POOL and CLUSTER_MODE_VSERVER")
        what = "is a copy" if is_copy(lun) else "may be a copy"
        way = f"gnt-instance modify --disk N:pool={lun.pool} INSTANCE"
        return VolumeError(f"there is no LUN in {pool}, that in {lun.pool} {what}; if it is the disk's: {way}")

    def _require_no_original(self, own: Lun) -> None:
        """VolumeError if the LUN at the volume's own path is a copy, and its original is elsewhere.

        A copy alone is what the storage admin put there: a restored volume, or the destination of a mirror.
        """
        if not is_copy(own):
            return
        LOG.warning("%s is a copy: its tag was written for another LUN", own.path)
        found = self._array.get_luns_called(own.name)
        self.require_complete(found)
        originals = [lun for lun in self._allowed(found) if names_itself(lun)]
        if originals:
            raise VolumeError(
                f"its LUN in {own.where} is a copy of that in {originals[0].where}: remove or rename one"
            )

    def at(self, place: LunRef) -> Lun:
        """The LUN at this place, which was there a moment ago."""
        found = self._array.get_luns(place)
        if len(found) != 1:
            raise VolumeError(
                "its LUN was there a moment ago, and is not any more; is another program removing it?"
            )
        return found[0]

    def in_the_way(self, name: str) -> Lun | None:
        """The LUN for which no other one of this name may be made: the volume's, or what may be that.

        Copies are named in the log. Volumes that the filer cannot list now stop nothing: when a LUN is made in
        one, the filer tells whether it is there.
        """
        found = self._array.get_luns_called(name)
        for problem in self._problems(found):
            LOG.warning("whether there is a LUN of this name already is not quite certain: %s", problem)
        own = [lun for lun in found if self._is_own(lun)]
        if own:
            return own[0]
        there = self._sort(found)
        return next(iter((*there.volumes, *only_originals(self._array, there.unproven))), None)

    def search(self, name: str) -> Lun | None:
        """The volume's LUN outside its own path, or None; two are a VolumeError."""
        found = self._array.get_luns_called(name)
        volume = _one(self._sort(found).volumes)
        if volume is None:
            self.require_complete(found)
        return volume

    def to_move(self, name: str, uuid: str | None) -> Lun:
        """The LUN of the disk with this VOL_UUID, for a hook, which is not told the disk's pool.

        It is the one whose tag proves it, or else the one that is mapped to a group of ours. NotInUse where there
        is neither, but a LUN of this name; VolumeError if there is none, or if there are two.
        """
        found = self._array.get_luns_called(name)
        known = [lun for lun in self._allowed(found) if not is_copy(lun)]
        proven = [lun for lun in known if names_itself(lun) and uuid_of(lun) == uuid]
        in_use = set() if proven else self._in_use(known)
        chosen = _one(proven or [lun for lun in known if lun.path in in_use])
        if chosen is not None:
            return chosen
        self.require_complete(found)
        if not known:
            raise VolumeError("there is no LUN of this name; see POOL_NAME_SEARCH_PATTERN, CLUSTER_MODE_VSERVER")
        raise NotInUse(f"{known[0].path} is in use nowhere, and its tag does not prove that it is the disk's")

    def left_of(self, name: str, uuid: str | None) -> tuple[Lun | None, list[Lun]]:
        """What is still there of a removed disk: the LUN that is provably this cluster's, and those that are not.

        Copies, mirrors and FlexClones are not among the latter. VolumeError if two are provably the disk's.
        """
        found = self._array.get_luns_called(name)
        there = self._allowed(found)
        proven = _one([lun for lun in there if is_disk(lun, self._cluster, uuid)])
        if proven is None:
            self.require_complete(found)
        for copy in filter(is_copy, there):
            LOG.warning("%s is a copy of a LUN of the removed disk; it stays", copy.path)
        others = [lun for lun in there if lun != proven and not is_copy(lun)]
        return proven, only_originals(self._array, others)

    def shown_by(self, name: str, naas: Collection[str]) -> Lun:
        """The LUN that a device of the volume with one of these identities showed, or else the volume's LUN."""
        found = self._array.get_luns_called(name)
        shown = [lun for lun in self._allowed(found) if {*lun.naas} & {*naas}]
        own = [lun for lun in found if self._is_own(lun)]
        volume = next(iter((*shown, *own)), None) or _one(self._sort(found).volumes)
        if volume is None:
            self.require_complete(found)
            raise VolumeError("no LUN of this volume was found")
        return volume

    def source_and_snapshot(self, volume: Snapshot) -> tuple[Lun, Lun | None]:
        """The LUN to be cloned and, if there is one, a LUN that has the clone's name already."""
        source_place, clone_place = self.own(volume.name), self.own(volume.snapshot_name)
        listed = self._array.get_luns(source_place, clone_place)
        found = {lun.path: lun for lun in listed}
        source, other = found.get(source_place.path), found.get(clone_place.path)
        if source is not None:
            self._require_no_original(source)
            return source, other
        self.require_complete(listed)
        source = self._found_elsewhere(volume.name)
        beside = self._array.place(source.pool, volume.snapshot_name)
        other = other or self.search(volume.snapshot_name)
        if other is not None and other.path != beside.path:
            # The clone would be asked for by its name, and that one would be found.
            raise VolumeError(
                f"there is a LUN of its name in {other.where}, another pool than the volume's; it stays"
            )
        leftover = self._array.get_luns(beside)
        return source, leftover[0] if leftover else None

    def mark(self, lun: Lun, uuid: str | None) -> Tag:
        """The tag that the LUN ought to have, for the disk with this VOL_UUID if Ganeti told one.

        The cluster may have had another name once, and the disk no igroup of its own.
        """
        found = tag.find(lun.comment) or Tag(tag.UNKNOWN, tag.UNKNOWN, tag.DISK)
        return Tag(
            found.cluster if self._cluster == tag.UNKNOWN else self._cluster,
            found.uuid if found.kind == tag.SNAPSHOT or uuid is None else uuid,
            found.kind,
            serial_of(lun),
            self._settings.own_igroup,
        )

    def retag(self, lun: Lun, uuid: str | None, *, needed: bool) -> None:
        """See to it that the LUN's tag says that it is this volume's: one request, once a volume.

        One that cannot be written is a warning; where it is ``needed``, a VolumeError for a LUN outside its own
        path, which would not be found any more once it is mapped to no group of ours.
        """
        text, found = tag.split(lun.comment)
        mark = self.mark(lun, uuid)
        if str(mark) == str(found):
            return
        if is_copy(lun):
            LOG.warning("%s is taken for the volume from now on, since it is at its path", lun.path)
        try:
            self._array.set_lun_comment(lun, tag.compose(text, mark))
        except DataOntapError as error:
            if needed and not self._is_own(lun) and not names_itself(lun):
                raise VolumeError(f"{error}; its LUN, which is not in its disk's pool, needs a tag") from error
            LOG.warning("the tag of %s stays as it was: %s", lun.path, error)

    def require_complete(self, found: Found[Lun]) -> None:
        """OntapError where a list lacks volumes: that it has no LUN does not prove that there is none."""
        problems = self._problems(found)
        if problems:
            raise OntapError(f"{problems[0]}; so whether there is a LUN of this name cannot be told")

    def _problems(self, found: Found[Lun]) -> tuple[VolumeProblem, ...]:
        """The volumes that ``found`` lacks, of those that may have the volume's LUN."""
        own, allows = self._settings.pool.partition("/")[0], self._settings.allows_pool
        return tuple(one for one in found.problems if one.volume in {"", own} or allows(one.volume))

    def _sort(self, luns: Iterable[Lun]) -> Elsewhere:
        """The LUNs in allowed pools outside the volume's own path, by what they are; what is not it is logged."""
        others = [lun for lun in self._allowed(luns) if not self._is_own(lun)]
        there = Elsewhere.of(
            others, self._in_use(lun for lun in others if not (is_copy(lun) or names_itself(lun)))
        )
        for lun in there.copies:
            LOG.warning("%s is a copy: its tag was written for another LUN; it is left alone", lun.path)
        for lun in there.unproven:
            LOG.warning(
                "%s has this name, too, but nothing proves that it is the volume; it is left alone", lun.path
            )
        # A mirror's or a FlexClone's LUNs are copies, whatever their tags say.
        return replace(there, volumes=tuple(only_originals(self._array, there.volumes)))

    def _in_use(self, luns: Iterable[Lun]) -> set[str]:
        """The paths of those that are mapped to a group of ours."""
        maps = self._array.get_lun_map(*(lun for lun in luns if lun.mapped))
        return {mapping.path for mapping in maps if self._igroups.are_known(mapping.igroup)}

    def _allowed(self, luns: Iterable[Lun]) -> list[Lun]:
        allows = self._settings.allows_pool
        return [lun for lun in luns if self._is_own(lun) or (lun.pool is not None and allows(lun.pool))]

    def _is_own(self, lun: Lun) -> bool:
        """Whether the LUN is at its volume's own path."""
        return lun.path == self.own(lun.name).path


def only_originals(array: Array, luns: Sequence[Lun]) -> list[Lun]:
    """Those of ``luns`` that are not in a FlexClone or a mirror of their volume.

    OntapError where the filer does not tell of one's volume: it may be the original.
    """
    volumes = sorted({lun.volume for lun in luns if lun.pool is not None})
    pools = {pool.name: pool for pool in array.get_pools(volumes)} if volumes else {}
    for volume in volumes:
        if volume not in pools:
            raise OntapError(f"the filer does not list the volume {volume}, which has a LUN of this name")
    copies = {name for name, pool in pools.items() if pool.is_clone or not pool.writable}
    return [lun for lun in luns if lun.volume not in copies]


def _one(luns: Sequence[Lun]) -> Lun | None:
    """The one of ``luns``, if there is any; VolumeError if there are two."""
    if len(luns) > 1:
        pools = ", ".join(lun.where for lun in luns)
        raise VolumeError(f"there is a LUN of this name in each of the pools {pools}")
    return luns[0] if luns else None
