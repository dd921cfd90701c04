"""Maps a LUN for this node and brings up its device, or takes the device down."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Collection, Iterator, Sequence
from typing import TYPE_CHECKING

from dataontap.errors import DataOntapError, DeviceError, NoPath
from dataontap.host.lun import Wanted
from dataontap.volume import tag
from dataontap.volume.moving import is_to_move
from dataontap.volume.placement import Placement

if TYPE_CHECKING:
    from dataontap.client.array import Lun
    from dataontap.host.sysfs import Nexus
    from dataontap.volume.site import Site

LOG = logging.getLogger(__name__)

# How long a verb waits for the filer after the device is gone: the device is what matters.
WITHDRAWAL_SECONDS = 10.0


def wanted(site: Site, lun: Lun) -> Wanted:
    """What the LUN's device has to be."""
    return Wanted(lun.naas, lun.size, site.devices.path(lun.name))


def bring_up(
    site: Site, lun: Lun, device: str | None, *, uuid: str | None = None, of_tag: bool = False, move: bool = False
) -> str:
    """The LUN's device. Maps the LUN and scans for it if necessary, and updates the LUN's tag.

    ``device`` is the device that has the volume's name here. ``of_tag``: the LUN's tag tells the disk's igroup,
    and is not changed. ``move``: take the LUN out of an igroup that volumes are to leave, unless its device is in
    use here.
    """
    expected = wanted(site, lun)
    placement, is_moved = _placement(site, lun, is_here=device is not None, of_tag=of_tag, move=move)
    if is_moved:
        device = None
    comes = not (placement.is_mapped and device is not None and site.devices.is_proven(device, expected))
    serves = _come(site, expected, placement) if comes or device is None else device
    if not (of_tag or placement.is_doubtful or site.records.is_new(lun.name)):  # setinfo will tag a new one
        site.luns.retag(lun, uuid, needed=comes)
    return serves


def _placement(site: Site, lun: Lun, *, is_here: bool, of_tag: bool, move: bool) -> tuple[Placement, bool]:
    """Where this node sees the LUN or is to see it, and whether the LUN left another igroup for that."""
    form = tag.igroup_of(lun.comment) if of_tag else None
    any_igroup = of_tag and form is None
    if any_igroup and lun.mapped and not (site.devices.are_ours or site.igroups.may_be_unmapped):
        return Placement(lun, lun.naas, site.igroups, is_mapped=True), False  # configured commands find it
    # Do not ask for maps if the filer has just said that the LUN has none.
    maps = site.array.get_lun_map(lun) if lun.mapped else []
    if move and maps and is_to_move(site.igroups, maps) and site.devices.let_go(lun.name, lun.naas):
        return site.moving.move(lun, maps), True
    masking = site.masking if form is None else site.masking_of(form)
    return masking.place(lun, maps, is_here=is_here, any_igroup=any_igroup), False


def _come(site: Site, expected: Wanted, placement: Placement) -> str:
    try:
        return map_and_find(site, expected, placement)
    except DataOntapError:
        _take_back(site, placement)
        raise


def map_and_find(site: Site, expected: Wanted, placement: Placement) -> str:
    """Map the LUN if necessary, let this node see it, and return its device, proven.

    This node only looks at the filer's nodes that show the LUN. If no path shows the LUN there, it may have moved
    to other nodes. So the filer is asked once more for its interfaces, and all its nodes are tried.
    """
    if not site.devices.are_ours:
        return _map_and_find(site, expected, placement)
    lun, reporting = placement.lun, site.reporting
    cached = reporting.of(lun)
    nodes = reporting.owner(lun) if cached is None else cached
    try:
        device = _map_and_find(site, expected, placement, nodes)
        if cached is None:  # a new LUN has reporting nodes only now that it is mapped
            device = _map_and_find(site, expected, placement, reporting.ask(lun, placement.igroups.own))
    except NoPath as error:
        reporting.forget(lun)
        if not (_has_other_interfaces(site) or nodes):
            raise
        LOG.warning("%s; trying all of the filer's interfaces", error)
        return _map_and_find(site, expected, placement)
    return device


def _map_and_find(site: Site, expected: Wanted, placement: Placement, nodes: Collection[str] = ()) -> str:
    failed, is_new = _map_and_scan(site, expected, placement, nodes)
    return site.devices.settle(placement.lun.name, expected, failed, is_new=is_new)


def _has_other_interfaces(site: Site) -> bool:
    """Whether the filer has other interfaces than were cached; they are cached now."""
    try:
        return site.devices.target.learn(site.array)
    except DataOntapError as error:
        LOG.warning("cannot ask the filer for its interfaces: %s", error)
        return False


def reach(site: Site, nodes: Collection[str] = ()) -> Sequence[Nexus]:
    """Where this node sees the SVM, after logging in if necessary. Empty if configured commands look for it.

    At ``nodes`` of the filer, if any are given and reached; else at all. May be slow: call it before the scan lock
    is taken.
    """
    if not site.devices.are_ours:
        return ()
    target = site.devices.target
    was_cached = target.is_cached
    if not was_cached:
        target.learn(site.array)
    try:
        return target.connect(nodes)
    except DeviceError as error:
        if not (was_cached or nodes):
            raise
        LOG.warning("%s; trying all of the filer's current interfaces", error)
    if was_cached:
        target.learn(site.array)
    return target.connect()


def _map_and_scan(
    site: Site, expected: Wanted, placement: Placement, nodes: Collection[str]
) -> tuple[list[str], bool]:
    """Map the LUN if necessary, and let this node see it at ``nodes`` of the filer.

    Returns what went wrong in the scan, as sentences, and whether the volume had no device here before.
    """
    nexuses = reach(site, nodes)
    with mapped(site, placement):
        return site.devices.scan(placement.lun.name, expected, placement.lun_ids, nexuses)


@contextlib.contextmanager
def mapped(site: Site, placement: Placement) -> Iterator[None]:
    """Map the LUN if necessary; then run the block.

    The scan lock is held from the proof that nothing of the LUN is here, over one map request, to the block's end.
    """
    while True:
        with site.locks.scan():
            naas = placement.naas
            taken = set() if placement.is_mapped else site.devices.make_room(placement.lun.name, naas)
            if site.masking.map_now(placement, taken):
                yield
                return
        site.masking.go_on(placement)


def _take_back(site: Site, placement: Placement) -> None:
    """Unmap a LUN that did not come up, as detach would. Only a map that this verb made is removed.

    The map stays while anything of the LUN is left here. It also stays in an igroup of all nodes, where other
    nodes may use the LUN by now.
    """
    site.moving.map_back(placement)
    if not (placement.made and placement.igroups.is_per_node):
        return
    site.deadline.allow(WITHDRAWAL_SECONDS)
    try:
        with without_device(site, placement.lun.name, placement.naas):
            if not site.devices.is_left(placement.lun.name, placement.naas):
                site.array.unmap_lun(placement.lun, placement.igroups.own)
    except DataOntapError as error:
        LOG.warning("%s is still mapped for this node: %s", placement.lun.path, error)


@contextlib.contextmanager
def without_device(site: Site, name: str, naas: Collection[str] = ()) -> Iterator[Collection[str]]:
    """Take the volume's device off this node; then run the block, in which the filer unmaps or destroys the LUN.

    The block is given the identities that the device had, with ``naas``. Between the two, a scan for other LUNs
    may bring the device up again, so it is looked for once more.
    """
    naas = {*naas, *site.records.identities(name), *site.devices.identities(name)}
    take_down(site, name, naas)
    yield naas
    with site.deadline.within(WITHDRAWAL_SECONDS):
        site.devices.take_down_again(name, naas)


def take_down(site: Site, name: str, naas: Collection[str] = ()) -> None:
    """Take the volume's device off this node, and remove its records."""
    site.devices.take_down(name, (*naas, *site.records.identities(name)))
    site.records.finish(name)
    site.records.reopen(name)  # before forget: without a record, the mark of close would outlive its device
    site.records.forget(name)
