"""The verbs: what each asks the filer, what it asks the node, and in which order."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Collection, Iterator
from dataclasses import replace
from functools import cached_property, partial
from typing import TYPE_CHECKING, Callable

from dataontap import findings, log
from dataontap.client.zapi import codes
from dataontap.client.zapi.base import LunSpec
from dataontap.errors import (
    ChecksFailed,
    DataOntapError,
    DeadlineError,
    DeviceError,
    NaApiError,
    OntapError,
    VolumeError,
)
from dataontap.host.lun import Wanted
from dataontap.volume import tag
from dataontap.volume.candidates import is_copy, serial_of
from dataontap.volume.luns import Luns, NoLun, NotInUse
from dataontap.volume.making import Making
from dataontap.volume.masking import Masking
from dataontap.volume.requests import Creation, Growth, Metadata, Opening, Snapshot, Verification, Volume
from dataontap.volume.tag import Tag

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from dataontap.client.zapi.base import Lun
    from dataontap.client.zapi.cmode import CmodeClient
    from dataontap.volume.masking import Placement
    from dataontap.volume.site import Site

LOG = logging.getLogger(__name__)


# What detach waits at most for the filer: the device is gone, which is what matters.
_WITHDRAWAL_SECONDS = 10.0
_MIB = 1024 * 1024


class DataOnTapProvider:
    """One method a verb. All it needs is in ``site``; it keeps nothing from one verb to the next."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._settings = site.settings
        self._deadline = site.deadline
        self.devices = site.devices
        self._igroups = site.igroups
        self._locks = site.locks
        self._records = site.records

    @cached_property
    def client(self) -> CmodeClient:
        """The filer; nothing is sent before its first call."""
        return self._site.array()

    @cached_property
    def luns(self) -> Luns:
        """The volumes' LUNs on that filer."""
        return Luns(self.client, self._settings, self._igroups, self._site.cluster.name)

    @cached_property
    def _making(self) -> Making:
        return Making(self.client, self._deadline, self.luns.destroy)

    @cached_property
    def _masking(self) -> Masking:
        return Masking(self.client, self._settings, self._igroups, self.devices, self._deadline)

    def create(self, volume: Creation) -> None:
        """Make a LUN of ``volume.size`` bytes or the least more the filer allows, tagged, mapped and visible here.

        An existing LUN of this name is an error. If anything fails once it may be there, it is removed again:
        so the device is waited for, because Ganeti forgets a volume that it could make but not attach.
        """
        with self._locks.volume(volume.name), self._igroups.doubted():
            self._create(volume, self.luns.path(volume.name))

    def _create(self, volume: Creation, path: str) -> None:
        self._igroups.require_allowed()
        masking = self._masking
        self.client.ensure_ontapi_version()
        there = self.luns.in_the_way(volume.name)
        if there is not None:
            raise VolumeError(f"there is a LUN of this name in {there.pool} already; it is left as it is")
        self._clear_stale(volume.name)
        mark = Tag(
            tag.cluster_word(self._site.cluster.name),
            volume.uuid or tag.UNKNOWN,
            tag.DISK,
            igroup=self._settings.own_igroup,
        )
        spec = LunSpec(
            ostype=self._settings.lun_ostype,
            space_reserved=self._settings.lun_space_reservation,
            comment=tag.compose("", mark),
        )
        pool = self._settings.pool

        def is_ours(lun: Lun) -> bool:
            if self.client.takes_comment_at_creation:
                return volume.uuid is not None and tag.find(lun.comment) == mark
            # Nothing tells it from another yet, but it was not there a moment ago, and nobody has touched it.
            return not lun.comment and not lun.mapped and lun.size >= volume.size

        wanted = [Wanted((), 0, self.devices.path(volume.name))]

        def finish() -> None:
            if not self.client.takes_comment_at_creation:
                self.client.set_lun_comment(path, spec.comment)
            # The filer chose its serial number, and did not tell; configured commands can do without.
            lun = self.luns.at(path) if self.devices.are_ours else None
            if lun is not None:
                wanted.append(self._wanted(volume.name, lun))
            placement = masking.place_new(volume.name, path)
            failed, _ = self._show(wanted[-1], placement)
            device = self.devices.settle(volume.name, wanted[-1], failed, is_new=True)
            if lun is not None:
                self._records.keep(volume.name, device, _noted(lun))
            self._records.begin(volume.name)

        self._making.make(
            path,
            lambda: self.client.create_lun(pool, volume.name, volume.size, spec),
            finish,
            is_ours=is_ours,
            release=lambda: self._take_down(volume.name, wanted[-1].naas),
        )

    def _creation(self, name: str) -> AbstractContextManager[None]:
        """While Ganeti makes a volume, a failure meanwhile takes the LUN away again; call with the volume's lock.

        That takes four scripts: create, attach, open, setinfo. If one fails, Ganeti runs no other for the volume,
        and forgets it (3.0.2, ganeti.backend.BlockdevCreate). A LUN that is mapped for somebody else stays: that
        is not Ganeti's creation.
        """
        if not self._records.is_new(name):
            return contextlib.nullcontext()
        path = self.luns.path(name)

        def release() -> None:
            self._records.finish(name)  # first: what is left after this may be in use one day
            others = {mapping.igroup for mapping in self.client.get_lun_map(path)} - self._igroups.mine
            if others:
                raise VolumeError(f"it is mapped to {', '.join(sorted(others))}")
            self._take_down(name)

        return self._making.whole_or_none(path, release)

    def attach(self, volume: Volume) -> str:
        """The volume's block device on this node, by its stable name; made to appear if it is not here.

        Raises VolumeError when there is no such LUN and DeviceError when no device comes.
        """
        name = volume.name
        with self._locks.volume(name), self._creation(name), self._igroups.doubted():
            return self._records.find(name) or self._attach_fully(volume)

    def attach_anew(self, volume: Volume) -> str | None:
        """As ``attach``, but whatever is on record the filer is asked for the LUN, its size and its map.

        For hooks, which are told neither the disk's pool nor its igroup: the LUN's tag has to tell, and is left as
        it is. Where it does not tell the igroup, a map to any will do. None: no LUN is provably the volume's, but
        none is in use either, so that an instance that is moved does not need it.
        """
        with self._locks.volume(volume.name), self._igroups.doubted():
            find = partial(self.luns.to_move, volume.name, volume.uuid)
            try:
                return self._attach(volume.name, find, partial(self._bring_up, of_tag=True))
            except NotInUse as error:
                LOG.warning("%s is not attached before the move: %s", volume.name, error)
                return None

    def _attach_fully(self, volume: Volume) -> str:
        name = volume.name
        device = self.devices.find(name)
        if device is not None and self._records.is_closed(name):
            return device  # only to be detached, or opened again
        return self._attach(name, partial(self._existing, name), partial(self._bring_up, uuid=volume.uuid))

    def _attach(self, name: str, find: Callable[[], Lun], bring_up: Callable[[str, str | None, Lun], str]) -> str:
        """The device of the LUN that ``find`` tells, brought up and on record."""
        try:
            with self._on_record(name):
                lun = _online(find())
                device = bring_up(name, self.devices.find(name), lun)
                self.devices.warn_if_protected(device)
                self._records.keep(name, device, _noted(lun))
                return device
        except (OntapError, DeadlineError) as error:
            # An instance must start and stop while only the filer's management is away.
            found = self.devices.find(name)  # a left-over may have been taken down meanwhile
            if found is None:
                raise
            if self._records.contradict(name, found):
                raise DeviceError(f"its device is another one than when it was proven, and: {error}") from error
            self.devices.require_life(found)
            LOG.warning("%s is here, but the filer cannot be asked about it: %s", found, error)
            self.devices.warn_if_protected(found)
            return found

    @contextlib.contextmanager
    def _on_record(self, name: str) -> Iterator[None]:
        """What shows that the record is wrong removes it."""
        try:
            yield
        except (VolumeError, DeviceError):
            self._records.forget(name)
            raise

    def _bring_up(
        self,
        name: str,
        device: str | None,
        lun: Lun,
        *,
        uuid: str | None = None,
        of_tag: bool = False,
        move: bool = False,
    ) -> str:
        """The device that is the LUN's, mapped for this node and scanned for if need be; the LUN's tag is amended.

        ``of_tag``: the LUN's tag tells the disk's igroup, and is left alone. ``move``: a LUN in a group that
        volumes are to leave is taken out of it, unless its device is held here.
        """
        wanted = self._wanted(name, lun)
        form = tag.igroup_of(lun.comment) if of_tag else None
        masking = self._masking if form is None else self._masking_of(form)
        maps = masking.maps(lun, any_igroup=of_tag and form is None)
        if move and maps and masking.is_to_move(maps) and self.devices.let_go(name, wanted.naas):
            device = None
            placement = masking.move(name, lun, maps)
        else:
            placement = masking.place(name, lun, maps, any_igroup=of_tag and form is None)
        comes = not (placement.is_mapped and device is not None and self.devices.is_proven(device, wanted))
        serves = self._come(wanted, placement) if comes or device is None else device
        if not (of_tag or placement.is_doubtful or self._records.is_new(name)):  # a new one's setinfo is to come
            self.luns.retag(lun, uuid, needed=comes)
        return serves

    def _come(self, wanted: Wanted, placement: Placement) -> str:
        try:
            failed, is_new = self._show(wanted, placement)
            return self.devices.settle(placement.name, wanted, failed, is_new=is_new)
        except DataOntapError:
            self._take_back(placement)
            raise

    def _masking_of(self, form: str) -> Masking:
        return Masking(self.client, self._settings, self._igroups.of_form(form), self.devices, self._deadline)

    def _show(self, wanted: Wanted, placement: Placement) -> tuple[list[str], bool]:
        """Map the LUN if need be, and let this node see it.

        Returns what went wrong in the scan, as sentences, and whether the volume had no device here before. Other
        volumes' scans wait while nothing of the LUN may be here: from that proof over one request to the scan.
        """
        nexuses = self.devices.reach()
        while True:
            with self._locks.scan():
                if self._masking.map_now(placement):
                    self.devices.clear_name(placement.name, wanted.naas)
                    self.devices.clear_dead(placement.name, wanted.naas)
                    is_new = not self.devices.is_here(placement.name, wanted.naas)
                    return self.devices.scan(placement.name, wanted, placement.lun_ids, nexuses), is_new
            self._masking.go_on(placement)

    def _take_back(self, placement: Placement) -> None:
        """Undo the map of a LUN that did not come up, as detach would: only one that this verb has made.

        Not while anything of the LUN is left here, nor in a group of all nodes, where others may use it by now.
        """
        self._masking.map_back(placement)
        if not (placement.made and placement.igroups.is_per_node):
            return
        self._deadline.allow(_WITHDRAWAL_SECONDS)
        try:
            self._take_down(placement.name, tuple(placement.naas))
            if self.devices.is_left(placement.name, placement.naas):
                return
            self.client.unmap_lun(placement.path, placement.igroups.own)
        except DataOntapError as error:
            LOG.warning("%s is still mapped for this node: %s", placement.path, error)

    def _existing(self, name: str) -> Lun:
        """The volume's LUN. VolumeError where there is none, which a device of it here tells from a wrong POOL."""
        try:
            return self.luns.existing(name)
        except NoLun:
            if self.devices.find(name) is None:
                raise
            why = "its device is here: was it deleted or moved on the filer?"
            raise NoLun(f"there is no LUN of this name in {self._settings.pool}; {why}") from None

    def _wanted(self, name: str, lun: Lun) -> Wanted:
        return Wanted(lun.naas, lun.size, self.devices.path(name))

    def detach(self, volume: Volume) -> None:
        """Take the volume's device off this node; none here is fine, one that is in use is an error.

        Where each node has a group of its own, the LUN is then taken out of this node's; that the filer cannot be
        told is a warning, because the device is gone.
        """
        name = volume.name
        with self._locks.volume(name):
            noted = self._records.lun(name)
            naas = {*self._records.identities(name), *self.devices.identities(name)}
            self._take_down(name)
            if self._igroups.private:
                self._withdraw(name, noted.partition(" ")[2] if noted else None, naas)

    def take_down(self, name: str) -> None:
        """As detach, for a volume that is removed: what the filer still has of it is another's affair."""
        with self._locks.volume(name):
            self._take_down(name)

    def _withdraw(self, name: str, path: str | None, naas: Collection[str]) -> None:
        """Take the LUN out of this node's groups: the one on record, or else the one that the device showed."""
        self._deadline.curtail(_WITHDRAWAL_SECONDS)
        try:
            if path is None or not self._is_withdrawn(path):
                path = self.luns.shown_by(name, naas).path
                LOG.info("%s is found to be this volume's LUN", path)
                self._masking.withdraw(path)
        except DataOntapError as error:
            LOG.warning("%s may still be mapped for this node: %s", path or "its LUN", error)

    def _is_withdrawn(self, path: str) -> bool:
        """Whether the LUN at this path is not mapped for this node any more; False if there is none."""
        try:
            self._masking.withdraw(path)
        except NaApiError as error:
            if error.code not in codes.NO_SUCH_LUN:
                raise
            return False
        return True

    def _take_down(self, name: str, naas: tuple[str, ...] = ()) -> None:
        self.devices.take_down(name, (*naas, *self._records.identities(name)))
        self._records.finish(name)
        self._records.reopen(name)  # first: a mark without a record would outlive the device that it is for
        self._records.forget(name)

    def remove(self, volume: Volume) -> None:
        """Remove the LUN, by force never; one that is gone already is fine."""
        with self._locks.volume(volume.name):
            self._take_down(volume.name)
            if not self.luns.destroy(self.luns.path(volume.name)):
                elsewhere = self.luns.search(volume.name)
                if elsewhere is None or not self.luns.destroy(elsewhere.path, elsewhere):
                    LOG.warning("there is no LUN of this name any more; nothing to remove")

    def remove_left(self, volume: Volume, *, in_use: bool) -> None:
        """Remove the LUN that Ganeti left, if it is provably this disk's; VolumeError names one that stays.

        ``in_use``: its device may be in use on a node.
        """
        with self._locks.volume(volume.name):
            lun, others = self.luns.left_of(volume.name, volume.uuid)
            if lun is not None and in_use:
                raise VolumeError(f"{lun.path} stays: its device may be in use on a node, see the log")
            if lun is not None:
                LOG.warning("%s was left by Ganeti and is removed", lun.path)
                self.luns.destroy(lun.path, lun)
            if others:
                paths = ", ".join(other.path for other in others)
                raise VolumeError(f"{paths} is still there and not provably this cluster's disk; it stays")

    def grow(self, volume: Growth) -> None:
        """Give the LUN ``volume.new_size`` bytes, and let this node see them if the device is here."""
        if volume.new_size < volume.size:
            raise VolumeError(f"will not shrink it from {volume.size // _MIB} to {volume.new_size // _MIB} MiB")
        with self._locks.volume(volume.name):
            lun = self._existing(volume.name)
            size = lun.size
            if lun.size >= volume.new_size:
                # Rounded up when it was made, or grown by a call whose answer was lost.
                LOG.info("%s has %d bytes already, %d are asked for", lun.path, lun.size, volume.new_size)
            else:
                size = self.client.do_direct_resize(lun.path, volume.new_size) or self.luns.at(lun.path).size
            device = self.devices.find(volume.name)
            if device is not None:
                self._records.forget(volume.name)
                self.devices.grow(volume.name, device, self._wanted(volume.name, replace(lun, size=size)))
                if self.devices.are_ours:  # proven by that
                    self._records.keep(volume.name, device, _noted(lun))

    def snapshot(self, volume: Snapshot) -> None:
        """Clone the LUN under the snapshot's name, at least as big as asked for, tagged and mapped."""
        self._igroups.require_allowed()
        with self._locks.volume(volume.snapshot_name):
            source, leftover = self.luns.source_and_snapshot(volume)
            if leftover is not None:
                self._clear_leftover(volume, source, leftover)
            self._clear_stale(volume.snapshot_name)
            self._snapshot(volume, source)

    def _snapshot(self, volume: Snapshot, source: Lun) -> None:
        masking = self._masking
        path = f"/vol/{source.pool}/{volume.snapshot_name}"

        def clone() -> None:
            self._records.begin_clone(volume.snapshot_name, path)
            pool, _, qtree = source.pool.partition("/")
            prefix = f"{qtree}/" if qtree else ""
            self.client.clone_lun(
                pool,
                prefix + volume.name,
                prefix + volume.snapshot_name,
                space_reserved=source.space_reserved,
            )

        def finish() -> None:
            # Outside its own path the clone has to be told by its serial number, once it is mapped to nobody.
            serial = tag.UNKNOWN if source.pool == self._settings.pool else serial_of(self.luns.at(path))
            mark = replace(self._snapshot_mark(source), serial=serial)
            self.client.set_lun_comment(path, tag.compose("", mark))
            self._records.finish_clone(volume.snapshot_name)
            if source.size < volume.snapshot_size:
                self.client.do_direct_resize(path, volume.snapshot_size)
            placement = masking.place_new(volume.snapshot_name, path)
            while not self._is_mapped(placement):
                masking.go_on(placement)

        def is_ours(lun: Lun) -> bool:
            # Whether a clone inherits its source's comment is not known [?]; its own tag it gets only after this.
            alike = (lun.size, lun.space_reserved) == (source.size, source.space_reserved)
            return alike and lun.comment in {"", source.comment}

        self._making.make(path, clone, finish, is_ours=is_ours)

    def _is_mapped(self, placement: Placement) -> bool:
        with self._locks.scan():
            return self._masking.map_now(placement)

    def _snapshot_mark(self, source: Lun) -> Tag:
        found = tag.find(source.comment)
        uuid = found.uuid if found else tag.UNKNOWN
        return Tag(tag.cluster_word(self._site.cluster.name), uuid, tag.SNAPSHOT, igroup=self._settings.own_igroup)

    def setinfo(self, volume: Metadata) -> None:
        """Keep Ganeti's text in the LUN's comment, beside our tag; a new volume is complete then."""
        with self._locks.volume(volume.name), self._creation(volume.name):
            lun = self._existing(volume.name)
            mark = self.luns.mark(lun, volume.uuid)
            self.client.set_lun_comment(lun.path, tag.compose(volume.metadata, mark))
            self._records.finish(volume.name)

    def open(self, volume: Opening) -> None:
        """Let this node use the volume: alone if ``exclusive``, which takes the LUN away from every other node.

        What a node that is cut off still writes does not reach the LUN then, nor ever after: it is mapped for
        that node again only by a verb that runs there and finds nothing of it left. With one group for all nodes,
        or without FENCING, there is nothing to do; except that a volume may have to move between groups.
        """
        fences = self._igroups.is_per_node and self._settings.fencing
        moves = volume.exclusive and self._settings.former_igroup is not None
        if not (fences or moves or self._records.is_closed(volume.name)):
            return
        name = volume.name
        with self._locks.volume(name), self._creation(name), self._igroups.doubted():
            alone = volume.exclusive and fences
            if alone:
                self._igroups.ensure()  # another machine with this one's initiator would not be excluded
            if self._open_known(name, alone=alone):
                return
            path = self._open(volume, move=moves)
            if alone:
                self._masking.exclude_others(path, self.client.get_lun_map(path), self.luns.at)

    def _open_known(self, name: str, *, alone: bool) -> bool:
        """Open a volume whose device is here, on record and alive; whether that is so.

        Then only the maps are asked for: they also tell which LUN has that path now.
        """
        noted = self._records.lun(name)
        device = self._records.find(name, ask=True)
        if noted is None or device is None:
            return False
        self.devices.require_writable(device)
        uuid, _, path = noted.partition(" ")
        maps = self.client.get_lun_map(path)
        if not any(mapping.igroup in self._igroups.mine and mapping.uuid == uuid for mapping in maps):
            return False
        if alone:
            self._masking.exclude_others(path, maps, self.luns.at)
        self._reopen(name, device)
        return True

    def _reopen(self, name: str, device: str) -> None:
        """Take back what ``close`` did."""
        if self._records.is_closed(name):
            self.devices.restore_queueing(device)
            self._records.reopen(name)

    def _open(self, volume: Opening, *, move: bool) -> str:
        """As attach does it the full way; the mark is taken away when the device is proven. The LUN's path."""
        name = volume.name
        lun = _online(self._existing(name))
        device = self._bring_up(name, self.devices.find(name), lun, uuid=volume.uuid, move=move)
        self.devices.require_writable(device)
        self._reopen(name, device)
        self._records.keep(name, device, _noted(lun))
        return lun.path

    def close(self, volume: Volume) -> None:
        """Let this node not use the volume until it opens it again: no I/O waits for paths any more.

        Neither unmaps nor takes anything down: Ganeti detaches later, or opens again.
        """
        if not (self._igroups.is_per_node and self._settings.fencing):
            return
        with self._locks.volume(volume.name):
            device = self.devices.find(volume.name)
            if device is not None:
                self._records.close(volume.name)
                self.devices.stop_queueing(device)

    def verify(self, verification: Verification) -> str:
        """What a volume will find here and on the filer, a line a finding; ChecksFailed if a verb would fail."""
        found = [*self._site.checks().run(verification.checks)]
        report = "\n".join(log.mask(log.printable(str(finding)), self._settings.secrets) for finding in found)
        failed = findings.summary(found)
        if failed:
            raise ChecksFailed(failed, report)
        return report

    def _clear_leftover(self, volume: Snapshot, source: Lun, leftover: Lun) -> None:
        """Make room for the clone if what is in its place is the clone of an export that broke off."""
        name = volume.snapshot_name
        if name != f"{volume.name}.snap" or not self._is_left_clone(name, source, leftover):
            raise VolumeError(f"there is a LUN {leftover.path} already, no snapshot of this volume; it stays")
        LOG.warning("%s is left over from an earlier snapshot and is replaced", leftover.path)
        self._take_down(name)
        self.luns.destroy(leftover.path)
        self._records.finish_clone(name)

    def _is_left_clone(self, name: str, source: Lun, leftover: Lun) -> bool:
        """Whether it is a clone of ours: by its own tag, or by our note as long as it has none of its own."""
        found = tag.find(leftover.comment)
        if found is None or leftover.comment == source.comment:
            return self._records.is_clone(name, leftover.path)
        mark = self._snapshot_mark(source)
        return not is_copy(leftover) and (found.cluster, found.uuid, found.kind) == (
            mark.cluster,
            mark.uuid,
            mark.kind,
        )

    def _clear_stale(self, name: str) -> None:
        """Make no LUN for a name that has a device here: a dead LUN's, which would be taken for the new one's.

        One that nobody holds is taken down. Scans bring each LUN of the group, also to nodes that did not ask.
        """
        if self.devices.find(name) is None:
            return
        LOG.warning("a device of %s is left here, of a LUN that is gone; taking it down", name)
        self._take_down(name)
        if self.devices.find(name) is not None:
            raise VolumeError("a device of this name is left here, of a LUN that is gone; see *_DETACH_COMMANDS")


def _online(lun: Lun) -> Lun:
    """The LUN, which VolumeError says if it cannot serve."""
    if not lun.online:
        raise VolumeError(f"its LUN in {lun.pool} is offline on the filer; set it online there")
    return lun


def _noted(lun: Lun) -> str:
    """What is kept with the record of a LUN's device: see ``_open_known``."""
    return f"{lun.uuid} {lun.path}"
