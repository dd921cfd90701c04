"""Finds and tags the volumes' LUNs on the filer. ``candidates`` decides which of several LUNs is the volume."""

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
    from dataontap.client.array import Array, Lun, LunRef
    from dataontap.client.found import Found, VolumeProblem
    from dataontap.config import Settings
    from dataontap.volume.igroups import Igroups
    from dataontap.volume.requests import Snapshot

LOG = logging.getLogger(__name__)


class NotInUse(VolumeError):
    """No LUN is provably the volume's, and no LUN that may be the volume's is mapped to an igroup of ours."""


class NoLun(VolumeError):
    """The volume has no LUN, and no LUN exists that may be the volume's."""


class Luns:
    """The LUNs that ``settings`` point to, as ``array`` sees them. ``cluster`` is this cluster's name in tags."""

    def __init__(self, array: Array, settings: Settings, igroups: Igroups, cluster: str) -> None:
        self._array = array
        self._settings = settings
        self._igroups = igroups
        self._cluster = cluster

    def own(self, name: str) -> LunRef:
        """The own path of the volume ``name``: the place where its LUN belongs."""
        return self._array.place(self._settings.pool, name)

    def existing(self, name: str) -> Lun:
        """The volume's LUN: the LUN at its own path, or else the LUN elsewhere that proves to be the volume.

        VolumeError if there is none, if there are several, or if none is provably the volume.
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
        return VolumeError(f"there is no LUN in {pool}; the LUN in {lun.pool} {what}; if it is the disk's: {way}")

    def _require_no_original(self, own: Lun) -> None:
        """VolumeError if the LUN at the volume's own path is a copy, and its original is elsewhere.

        Without an original, the storage admin put the copy there: a restored volume, or a mirror's destination.
        """
        if not is_copy(own):
            return
        LOG.warning("%s is a copy: its tag was written for another LUN", own.path)
        found = self._array.get_luns_called(own.name)
        self.require_complete(found)
        originals = [lun for lun in self._allowed(found) if names_itself(lun)]
        if originals:
            raise VolumeError(
                f"its LUN in {own.where} is a copy of the LUN in {originals[0].where}: remove or rename one"
            )

    def at(self, place: LunRef) -> Lun:
        """The LUN at this place, where it was a moment ago."""
        found = self._array.get_luns(place)
        if len(found) != 1:
            raise VolumeError("its LUN was there a moment ago and is gone now; is another program removing it?")
        return found[0]

    def in_the_way(self, name: str) -> Lun | None:
        """The LUN that forbids a new LUN of this name: the volume's, or a LUN that may be the volume's.

        Copies are named in the log. Volumes that the filer cannot list now are no obstacle: if a LUN is created in
        such a volume, the filer tells whether the LUN exists.
        """
        found = self._array.get_luns_called(name)
        for problem in self._problems(found):
            LOG.warning("cannot tell for certain whether a LUN of this name exists: %s", problem)
        own = [lun for lun in found if self._is_own(lun)]
        if own:
            return own[0]
        there = self._sort(found)
        return next(iter((*there.volumes, *only_originals(self._array, there.unproven))), None)

    def search(self, name: str) -> Lun | None:
        """The volume's LUN outside its own path, or None. VolumeError if there are two."""
        found = self._array.get_luns_called(name)
        volume = _one(self._sort(found).volumes)
        if volume is None:
            self.require_complete(found)
        return volume

    def to_move(self, name: str, uuid: str | None) -> Lun:
        """The LUN of the disk with this VOL_UUID, for a hook, which is not told the disk's pool.

        It is the LUN whose tag proves it, or else the LUN that is mapped to an igroup of ours. NotInUse if LUNs of
        this name are neither; VolumeError if there is no LUN of this name, or if two LUNs qualify.
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
        raise NotInUse(f"{known[0].path} is not in use, and its tag does not prove that it is the disk's")

    def left_of(self, name: str, uuid: str | None) -> tuple[Lun | None, list[Lun]]:
        """What is left of a removed disk: the LUN that is provably this cluster's, and the LUNs that are not.

        Copies, mirrors and FlexClones are not among the latter. VolumeError if two LUNs are provably the disk's.
        """
        found = self._array.get_luns_called(name)
        there = self._allowed(found)
        proven = _one([lun for lun in there if is_disk(lun, self._cluster, uuid)])
        if proven is None:
            self.require_complete(found)
        for copy in filter(is_copy, there):
            LOG.warning("%s is a copy of a LUN of the removed disk; not removing it", copy.path)
        others = [lun for lun in there if lun != proven and not is_copy(lun)]
        return proven, only_originals(self._array, others)

    def shown_by(self, name: str, naas: Collection[str]) -> Lun:
        """The LUN with one of the identities ``naas``, which the volume's device had; or else the volume's LUN."""
        found = self._array.get_luns_called(name)
        shown = [lun for lun in self._allowed(found) if {*lun.naas} & {*naas}]
        own = [lun for lun in found if self._is_own(lun)]
        volume = next(iter((*shown, *own)), None) or _one(self._sort(found).volumes)
        if volume is None:
            self.require_complete(found)
            raise VolumeError("no LUN of this volume was found")
        return volume

    def source_and_snapshot(self, volume: Snapshot) -> tuple[Lun, Lun | None]:
        """The LUN to clone and, if there is one, the LUN that already has the clone's name."""
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
            # A search for the clone by its name would find this LUN.
            raise VolumeError(
                f"the snapshot's name has a LUN in {other.where}, another pool than the volume's; see its comment"
            )
        leftover = self._array.get_luns(beside)
        return source, leftover[0] if leftover else None

    def mark(self, lun: Lun, uuid: str | None) -> Tag:
        """The tag that the LUN is to have, for the disk with this VOL_UUID if Ganeti told it.

        The tag that the LUN has may name a former name of the cluster, or lack the disk's own igroup.
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
        """Make sure that the LUN's tag says that it is this volume's: one request, once per volume.

        A tag that cannot be written is a warning. If it is ``needed``, it is a VolumeError for a LUN outside its
        own path: that LUN would not be found again once it is mapped to no igroup of ours.
        """
        text, found = tag.split(lun.comment)
        mark = self.mark(lun, uuid)
        if str(mark) == str(found):
            return
        if is_copy(lun):
            LOG.warning("%s is the volume from now on, because it is at the volume's own path", lun.path)
        try:
            self._array.set_lun_comment(lun, tag.compose(text, mark))
        except DataOntapError as error:
            if needed and not self._is_own(lun) and not names_itself(lun):
                raise VolumeError(f"{error}; its LUN is not in its disk's pool, so it needs a tag") from error
            LOG.warning("cannot write the tag of %s: %s", lun.path, error)

    def require_complete(self, found: Found[Lun]) -> None:
        """OntapError if a list lacks volumes, or the SVM: a LUN may exist although the list does not have it."""
        problems = self._problems(found)
        if problems:
            raise OntapError(f"{problems[0]}; cannot tell whether a LUN of this name exists")
        if not found:
            self._array.require_svm()

    def _problems(self, found: Found[Lun]) -> tuple[VolumeProblem, ...]:
        """The volumes that ``found`` lacks and that may have the volume's LUN."""
        own, allows = self._settings.pool.partition("/")[0], self._settings.allows_pool
        return tuple(one for one in found.problems if one.volume in {"", own} or allows(one.volume))

    def _sort(self, luns: Iterable[Lun]) -> Elsewhere:
        """Sort the LUNs in allowed pools outside the volume's own path; log those that are not the volume."""
        others = [lun for lun in self._allowed(luns) if not self._is_own(lun)]
        there = Elsewhere.of(
            others, self._in_use(lun for lun in others if not (is_copy(lun) or names_itself(lun)))
        )
        for lun in there.copies:
            LOG.warning("%s is a copy: its tag was written for another LUN; ignoring it", lun.path)
        for lun in there.unproven:
            LOG.warning("%s has this name, but nothing proves that it is the volume; ignoring it", lun.path)
        # LUNs in a mirror or a FlexClone are copies, even if their tags say otherwise.
        return replace(there, volumes=tuple(only_originals(self._array, there.volumes)))

    def _in_use(self, luns: Iterable[Lun]) -> set[str]:
        """The paths of the LUNs that are mapped to an igroup of ours."""
        maps = self._array.get_lun_map(*(lun for lun in luns if lun.mapped))
        return {mapping.path for mapping in maps if self._igroups.are_known(mapping.igroup)}

    def _allowed(self, luns: Iterable[Lun]) -> list[Lun]:
        allows = self._settings.allows_pool
        return [lun for lun in luns if self._is_own(lun) or (lun.pool is not None and allows(lun.pool))]

    def _is_own(self, lun: Lun) -> bool:
        """Whether the LUN is at its volume's own path."""
        return lun.path == self.own(lun.name).path


def only_originals(array: Array, luns: Sequence[Lun]) -> list[Lun]:
    """The LUNs of ``luns`` that are not in a FlexClone or a mirror of their volume.

    OntapError if the filer does not list a LUN's volume: that LUN may be the original.
    """
    volumes = sorted({lun.volume for lun in luns if lun.pool is not None})
    pools = {pool.name: pool for pool in array.get_pools(volumes)} if volumes else {}
    for volume in volumes:
        if volume not in pools:
            raise OntapError(f"the filer does not list the volume {volume}, which has a LUN of this name")
    copies = {name for name, pool in pools.items() if pool.is_clone or not pool.writable}
    return [lun for lun in luns if lun.volume not in copies]


def _one(luns: Sequence[Lun]) -> Lun | None:
    """The only LUN in ``luns``, or None if there is none. VolumeError if there are two."""
    if len(luns) > 1:
        pools = ", ".join(lun.where for lun in luns)
        raise VolumeError(f"there is a LUN of this name in each of the pools {pools}")
    return luns[0] if luns else None
