"""Clones a volume's LUN, for an export."""

from __future__ import annotations

import logging
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from dataontap.errors import VolumeError
from dataontap.volume import tag
from dataontap.volume.candidates import is_copy, serial_of
from dataontap.volume.tag import Tag
from dataontap.volume.verbs.creation import clear_stale
from dataontap.volume.verbs.device import mapped, without_device

if TYPE_CHECKING:
    from dataontap.client.array import Lun, LunRef
    from dataontap.volume.requests import Snapshot
    from dataontap.volume.site import Site

LOG = logging.getLogger(__name__)


def snapshot(site: Site, volume: Snapshot) -> None:
    """See ``DataOnTapProvider.snapshot``."""
    site.igroups.require_allowed()
    name = volume.snapshot_name
    with site.locks.volume(name):
        source, leftover = site.luns.source_and_snapshot(volume)
        if leftover is not None:
            _clear_leftover(site, volume, source, leftover)
        clear_stale(site, name)
        place = site.array.place(source.pool, name)
        clone = _clone(site, source, place)
        with site.making.rolled_back(place, partial(without_device, site, name)):
            site.array.set_lun_comment(place, tag.compose("", _full_mark(site, source, place, clone)))
            site.records.clones.finish(name, place.path)
            if source.size < volume.snapshot_size:
                site.array.do_direct_resize(place, volume.snapshot_size)
            with mapped(site, site.masking.place_new(place)):
                LOG.info("%s is mapped, so that an export can attach it", place.path)


def _clone(site: Site, source: Lun, place: LunRef) -> Lun | None:
    """Create the clone for certain. Returns what the filer told about it."""

    def is_ours(lun: Lun) -> bool:
        # Whether a clone inherits its source's comment is not known [?]. It gets its own tag only after this.
        alike = (lun.size, lun.space_reserved) == (source.size, source.space_reserved)
        return alike and lun.comment in {"", source.comment}

    def request() -> Lun | None:
        site.records.clones.begin(place.name, place.path)
        return site.array.clone_lun(source, place)

    return site.making.make(place, request, is_ours)


def _full_mark(site: Site, source: Lun, place: LunRef, clone: Lun | None) -> Tag:
    """The clone's tag. Outside its own path the tag has the serial number, which proves an unmapped clone."""
    mark = _mark(site, source)
    if place.path == site.luns.own(place.name).path:
        return mark
    return replace(mark, serial=serial_of(clone or site.luns.at(place)))


def _mark(site: Site, source: Lun) -> Tag:
    found = tag.find(source.comment)
    uuid = found.uuid if found else tag.UNKNOWN
    return Tag(tag.cluster_word(site.cluster.name), uuid, tag.SNAPSHOT, igroup=site.settings.own_igroup)


def _clear_leftover(site: Site, volume: Snapshot, source: Lun, leftover: Lun) -> None:
    """Remove the LUN in the clone's place, if it is the clone of an interrupted export."""
    name = volume.snapshot_name
    if name != f"{volume.name}.snap" or not _is_left_clone(site, source, leftover):
        raise VolumeError(
            f"the LUN of the snapshot's name in {leftover.where} is no snapshot of this volume; see its comment"
        )
    LOG.warning("%s is left over from an earlier snapshot; replacing it", leftover.path)
    with without_device(site, name):
        site.removal.destroy(leftover)
    site.records.clones.drop(name)


def _is_left_clone(site: Site, source: Lun, leftover: Lun) -> bool:
    """Whether it is a clone of ours: by its own tag, or by our note while it has no tag of its own."""
    found = tag.find(leftover.comment)
    if found is None or leftover.comment == source.comment:
        return site.records.clones.has(leftover.name, leftover.path)
    mark = _mark(site, source)
    is_alike = (found.cluster, found.uuid, found.kind) == (mark.cluster, mark.uuid, mark.kind)
    return is_alike and not is_copy(leftover)
