"""Opens a volume on this node, exclusively if asked (fencing by LUN masking), and closes it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dataontap.volume.verbs.creation import in_the_making
from dataontap.volume.verbs.device import bring_up
from dataontap.volume.verbs.finding import existing, noted, online, recalled

if TYPE_CHECKING:
    from dataontap.client.array import Lun
    from dataontap.volume.requests import Opening, Volume
    from dataontap.volume.site import Site


def open_volume(site: Site, volume: Opening) -> None:
    """See ``DataOnTapProvider.open``."""
    fences = site.igroups.is_per_node and site.settings.fencing
    moves = volume.exclusive and site.settings.former_igroup is not None
    if not (fences or moves or site.records.is_closed(volume.name)):
        return
    name = volume.name
    with site.locks.volume(name), in_the_making(site, name), site.igroups.doubted():
        alone = volume.exclusive and fences
        if alone:
            site.igroups.ensure()  # fencing cannot exclude another machine that has this node's initiator
        if _open_known(site, name, alone=alone):
            return
        lun = _open_fully(site, volume, move=moves)
        if alone:
            site.masking.exclude_others(lun, site.array.get_lun_map(lun), site.luns.at)


def _open_known(site: Site, name: str, *, alone: bool) -> bool:
    """Open a volume whose device is here, on record and alive. Returns whether it did.

    Asks the filer only for the maps: they also tell which LUN has that path now.
    """
    lun = recalled(site, site.records.lun(name))
    device = site.records.find(name, ask=True)
    if lun is None or device is None:
        return False
    site.devices.proof.require_writable(device)
    maps = site.array.get_lun_map(lun)
    if not any(mapping.igroup in site.igroups.mine and mapping.uuid == lun.uuid for mapping in maps):
        return False
    if alone:
        site.masking.exclude_others(lun, maps, site.luns.at)
    _reopen(site, name, device)
    return True


def _open_fully(site: Site, volume: Opening, *, move: bool) -> Lun:
    """Open the volume in attach's full way. The mark of ``close`` is removed when the device is proven."""
    name = volume.name
    lun = online(existing(site, name))
    device = bring_up(site, lun, site.devices.find(name), uuid=volume.uuid, move=move)
    site.devices.proof.require_writable(device)
    _reopen(site, name, device)
    site.records.keep(name, device, noted(lun))
    return lun


def _reopen(site: Site, name: str, device: str) -> None:
    """Undo what ``close`` did."""
    if site.records.is_closed(name):
        site.devices.teardown.queue(device, True)
        site.records.reopen(name)


def close(site: Site, volume: Volume) -> None:
    """See ``DataOnTapProvider.close``."""
    if not (site.igroups.is_per_node and site.settings.fencing):
        return
    with site.locks.volume(volume.name):
        device = site.devices.find(volume.name)
        if device is not None:
            site.records.close(volume.name)
            site.devices.teardown.queue(device, False)
