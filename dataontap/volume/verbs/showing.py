"""A LUN is mapped for this node, and its device comes."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from dataontap.errors import DataOntapError
from dataontap.host.lun import Wanted
from dataontap.volume import tag
from dataontap.volume.moving import is_to_move
from dataontap.volume.placement import Placement

if TYPE_CHECKING:
    from dataontap.client.array import Lun
    from dataontap.volume.site import Site

LOG = logging.getLogger(__name__)

# What a verb waits at most for the filer when the device is gone, which is what matters.
WITHDRAWAL_SECONDS = 10.0


def wanted(site: Site, lun: Lun) -> Wanted:
    """What the device has to be."""
    return Wanted(lun.naas, lun.size, site.devices.path(lun.name))


def bring_up(
    site: Site, lun: Lun, device: str | None, *, uuid: str | None = None, of_tag: bool = False, move: bool = False
) -> str:
    """The device that is the LUN's, mapped for this node and scanned for if need be; the LUN's tag is amended.

    ``device`` is what has the volume's name here. ``of_tag``: the LUN's tag tells the disk's igroup, and is left
    alone. ``move``: a LUN in a group that volumes are to leave is taken out of it, unless its device is held here.
    """
    expected = wanted(site, lun)
    placement, is_moved = _placement(site, lun, is_here=device is not None, of_tag=of_tag, move=move)
    if is_moved:
        device = None
    comes = not (placement.is_mapped and device is not None and site.devices.is_proven(device, expected))
    serves = _come(site, expected, placement) if comes or device is None else device
    if not (of_tag or placement.is_doubtful or site.records.is_new(lun.name)):  # a new one's setinfo is to come
        site.luns.retag(lun, uuid, needed=comes)
    return serves


def _placement(site: Site, lun: Lun, *, is_here: bool, of_tag: bool, move: bool) -> tuple[Placement, bool]:
    """Where this node sees the LUN, or is to see it; and whether it was taken out of another group for that."""
    form = tag.igroup_of(lun.comment) if of_tag else None
    any_igroup = of_tag and form is None
    if any_igroup and lun.mapped and not (site.devices.are_ours or site.igroups.may_be_unmapped):
        return Placement(lun, lun.naas, site.igroups, is_mapped=True), False  # configured commands find it
    # The filer is not asked where it has just said that the LUN is mapped to no group.
    maps = site.array.get_lun_map(lun) if lun.mapped else []
    if move and maps and is_to_move(site.igroups, maps) and site.devices.let_go(lun.name, lun.naas):
        return site.moving.move(lun, maps), True
    masking = site.masking if form is None else site.masking_of(form)
    return masking.place(lun, maps, is_here=is_here, any_igroup=any_igroup), False


def _come(site: Site, expected: Wanted, placement: Placement) -> str:
    try:
        failed, is_new = show(site, expected, placement)
        return site.devices.settle(placement.lun.name, expected, failed, is_new=is_new)
    except DataOntapError:
        _take_back(site, placement)
        raise


def show(site: Site, expected: Wanted, placement: Placement) -> tuple[list[str], bool]:
    """Map the LUN if need be, and let this node see it.

    Returns what went wrong in the scan, as sentences, and whether the volume had no device here before. Other
    volumes' scans wait while nothing of the LUN may be here: from that proof over one request to the scan.
    """
    name, devices = placement.lun.name, site.devices
    nexuses = devices.reach()
    while True:
        with site.locks.scan():
            taken = set() if placement.is_mapped else devices.make_room(name, placement.naas)
            if site.masking.map_now(placement, taken):
                return devices.scan(name, expected, placement.lun_ids, nexuses)
        site.masking.go_on(placement)


def _take_back(site: Site, placement: Placement) -> None:
    """Undo the map of a LUN that did not come up, as detach would: only one that this verb has made.

    Not while anything of the LUN is left here, nor in a group of all nodes, where others may use it by now.
    """
    site.moving.map_back(placement)
    if not (placement.made and placement.igroups.is_per_node):
        return
    site.deadline.allow(WITHDRAWAL_SECONDS)
    try:
        take_down(site, placement.lun.name, tuple(placement.naas))
        if site.devices.is_left(placement.lun.name, placement.naas):
            return
        site.array.unmap_lun(placement.lun, placement.igroups.own)
    except DataOntapError as error:
        LOG.warning("%s is still mapped for this node: %s", placement.lun.path, error)


def take_down(site: Site, name: str, naas: tuple[str, ...] = ()) -> None:
    """Let the volume's device be gone from this node, and what is on record of it."""
    site.devices.take_down(name, (*naas, *site.records.identities(name)))
    site.records.finish(name)
    site.records.reopen(name)  # first: a mark without a record would outlive the device that it is for
    site.records.forget(name)
