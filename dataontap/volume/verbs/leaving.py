"""Takes a volume's device off this node (detach), or removes its LUN from the filer (remove)."""

from __future__ import annotations

import logging
from collections.abc import Collection
from typing import TYPE_CHECKING

from dataontap.errors import DataOntapError, NoSuchLun, VolumeError
from dataontap.volume.verbs.device import WITHDRAWAL_SECONDS, without_device
from dataontap.volume.verbs.device import take_down as take_down_device
from dataontap.volume.verbs.finding import expect_new, recalled

if TYPE_CHECKING:
    from dataontap.client.array import LunRef
    from dataontap.volume.requests import Volume
    from dataontap.volume.site import Site

LOG = logging.getLogger(__name__)


def detach(site: Site, volume: Volume) -> None:
    """See ``DataOnTapProvider.detach``."""
    name = volume.name
    with site.locks.volume(name):
        note = site.records.lun(name)
        if not site.igroups.private:
            take_down_device(site, name)
            return
        with without_device(site, name) as naas:
            _withdraw(site, name, note, naas)


def _withdraw(site: Site, name: str, note: str | None, naas: Collection[str]) -> None:
    """Unmap the LUN from this node's igroups: the LUN on record, or else the LUN that the device showed."""
    site.deadline.curtail(WITHDRAWAL_SECONDS)
    lun: LunRef | None = None
    try:
        lun = recalled(site, note)
        if lun is None or not _is_withdrawn(site, lun):
            lun = site.luns.shown_by(name, naas)
            LOG.info("found this volume's LUN by a search: %s", lun.path)
            site.masking.withdraw(lun)
    except DataOntapError as error:
        which = lun.path if lun is not None else "its LUN"
        LOG.warning("%s may still be mapped for this node: %s", which, error)


def _is_withdrawn(site: Site, lun: LunRef) -> bool:
    """Unmap the LUN for this node. False if the LUN does not exist."""
    try:
        site.masking.withdraw(lun)
    except NoSuchLun:
        return False
    return True


def take_down(site: Site, name: str) -> None:
    """See ``DataOnTapProvider.take_down``."""
    with site.locks.volume(name):
        take_down_device(site, name)


def remove(site: Site, volume: Volume) -> None:
    """See ``DataOnTapProvider.remove``."""
    with site.locks.volume(volume.name):
        expect_new(site, volume.name)
        with without_device(site, volume.name):
            if not site.removal.destroy(site.luns.own(volume.name)):
                elsewhere = site.luns.search(volume.name)
                if elsewhere is None or not site.removal.destroy_elsewhere(elsewhere):
                    LOG.warning("there is no LUN of this name any more; nothing to remove")
        site.records.clones.drop(volume.name)


def remove_left(site: Site, volume: Volume, *, in_use: bool) -> None:
    """See ``DataOnTapProvider.remove_left``."""
    with site.locks.volume(volume.name):
        lun, others = site.luns.left_of(volume.name, volume.uuid)
        if lun is not None and in_use:
            raise VolumeError(
                f"its LUN in {lun.where} was not removed: its device may be in use on a node; see the log"
            )
        if lun is not None:
            LOG.warning("Ganeti left %s behind; removing it", lun.path)
            site.removal.destroy_elsewhere(lun)
        if others:
            pools = ", ".join(other.where for other in others)
            raise VolumeError(
                f"a LUN of this name in {pools} is not provably this cluster's disk; it was not removed"
            )
