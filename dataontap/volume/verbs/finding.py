"""The volume's LUN as the filer has it now, and what is noted of it on this node."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dataontap.errors import VolumeError
from dataontap.volume.luns import NoLun

if TYPE_CHECKING:
    from dataontap.client.array import Lun, LunRef
    from dataontap.volume.site import Site


def existing(site: Site, name: str) -> Lun:
    """The volume's LUN. VolumeError where there is none, which a device of it here tells from a wrong POOL."""
    try:
        return site.luns.existing(name)
    except NoLun:
        if site.devices.find(name) is None:
            raise
        why = "its device is here: was it deleted or moved on the filer?"
        raise NoLun(f"there is no LUN of this name in {site.settings.pool}; {why}") from None


def online(lun: Lun) -> Lun:
    """The LUN, which VolumeError says if it cannot serve."""
    if not lun.online:
        raise VolumeError(f"its LUN in {lun.where} is offline on the filer; set it online there")
    return lun


def noted(lun: Lun) -> str:
    """What is kept with the record of a LUN's device."""
    return f"{lun.uuid} {lun.path}"


def recalled(site: Site, note: str | None) -> LunRef | None:
    """The LUN that was ``noted`` so; None if none was."""
    if note is None:
        return None
    uuid, _, path = note.partition(" ")
    return site.array.recall(path, uuid)
