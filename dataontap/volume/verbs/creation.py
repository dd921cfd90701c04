"""Creates a volume: the verb create, and the roll-back while Ganeti's further scripts complete the volume."""

from __future__ import annotations

import contextlib
import logging
from functools import partial
from typing import TYPE_CHECKING

from dataontap.client.array import LunSpec
from dataontap.errors import VolumeError
from dataontap.host.lun import Wanted
from dataontap.volume import tag
from dataontap.volume.tag import Tag
from dataontap.volume.verbs.device import map_and_find, take_down, wanted, without_device
from dataontap.volume.verbs.finding import noted

if TYPE_CHECKING:
    from collections.abc import Iterator
    from contextlib import AbstractContextManager

    from dataontap.client.array import Lun, LunRef
    from dataontap.volume.requests import Creation
    from dataontap.volume.site import Site

LOG = logging.getLogger(__name__)


def create(site: Site, volume: Creation) -> None:
    """See ``DataOnTapProvider.create``."""
    with site.locks.volume(volume.name), site.igroups.doubted():
        site.igroups.require_allowed()
        site.array.prepare()
        there = site.luns.in_the_way(volume.name)
        if there is not None:
            raise VolumeError(f"there is a LUN of this name in {there.where} already; it is left as it is")
        clear_stale(site, volume.name)
        place = site.luns.own(volume.name)
        comment = tag.compose("", _mark(site, volume))
        made = _make(site, volume, place, comment)
        expected = wanted(site, made) if made else Wanted((), 0, site.devices.path(volume.name))
        with site.making.rolled_back(place, partial(without_device, site, volume.name, expected.naas)):
            device = map_and_find(site, expected, site.masking.place_new(made or place))
            if made is not None:
                site.records.keep(volume.name, device, noted(made))
            site.records.begin(volume.name)


def _make(site: Site, volume: Creation, place: LunRef, comment: str) -> Lun | None:
    """Create the LUN for certain, tagged. None where configured commands find its device by themselves."""

    def is_ours(lun: Lun) -> bool:
        if site.array.comments_at_creation:
            return volume.uuid is not None and lun.comment == comment
        # Nothing marks it as ours yet, but it did not exist a moment ago, and nothing was done with it.
        return not lun.comment and not lun.mapped and lun.size >= volume.size

    spec = LunSpec(site.settings.lun_ostype, site.settings.lun_space_reservation, comment)
    made = site.making.make(place, lambda: site.array.create_lun(place, volume.size, spec), is_ours)
    with site.making.rolled_back(place, partial(without_device, site, volume.name)):
        if not site.array.comments_at_creation:
            site.array.set_lun_comment(place, comment)
        if not site.devices.are_ours:
            return None
        return made or site.luns.at(place)  # the filer chose its serial number, and may not have returned it


def _mark(site: Site, volume: Creation) -> Tag:
    cluster, uuid = tag.cluster_word(site.cluster.name), volume.uuid or tag.UNKNOWN
    return Tag(cluster, uuid, tag.DISK, igroup=site.settings.own_igroup)


def clear_stale(site: Site, name: str) -> None:
    """Take down a stale device of this name before a LUN is created: it would be taken for the new LUN's.

    Raises an error if the device is in use. A node may have a device that it never asked for, because a scan
    brings up every LUN of the igroup.
    """
    if site.devices.find(name) is None:
        return
    LOG.warning("a stale device of %s is here, whose LUN is gone; taking it down", name)
    take_down(site, name)
    if site.devices.find(name) is not None:
        raise VolumeError("a stale device of this name is here, whose LUN is gone; see *_DETACH_COMMANDS")


def in_the_making(site: Site, name: str) -> AbstractContextManager[None]:
    """Remove the LUN again if this block fails while Ganeti creates the volume. Call with the volume's lock held.

    A creation runs four scripts: create, attach, open, setinfo. If one fails, Ganeti runs no other script for the
    volume and forgets it (3.0.2, ganeti.backend.BlockdevCreate). A LUN that is mapped for another program's use
    stays, because it is not part of Ganeti's creation.
    """
    if not site.records.is_new(name):
        return contextlib.nullcontext()
    place = site.luns.own(name)

    @contextlib.contextmanager
    def released() -> Iterator[None]:
        site.records.finish(name)  # first: a LUN that stays because of an error below may be in use later
        others = {mapping.igroup for mapping in site.array.get_lun_map(place)} - site.igroups.mine
        if others:
            raise VolumeError(f"its LUN is also mapped to {', '.join(sorted(others))}")
        with without_device(site, name):
            yield

    return site.making.rolled_back(place, released)
