"""Finds the volume's LUN: on the filer, or in this node's record."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dataontap.errors import VolumeError
from dataontap.volume.luns import NoLun

if TYPE_CHECKING:
    from dataontap.client.array import Lun, LunRef
    from dataontap.volume.site import Site


def existing(site: Site, name: str) -> Lun:
    """The volume's LUN. VolumeError if there is none; a device here shows that POOL is not the reason."""
    expect_new(site, name)
    try:
        return site.luns.existing(name)
    except NoLun:
        if site.devices.find(name) is None:
            raise
        why = "its device is here: was the LUN deleted or moved on the filer?"
        raise NoLun(f"there is no LUN of this name in {site.settings.pool}; {why}") from None


def expect_new(site: Site, name: str) -> None:
    """If the volume's LUN has just been created or cloned, say that it exists: lists may not show it yet."""
    if site.records.is_new(name):
        site.array.expect(site.luns.own(name))
    clone = site.records.clones.finished(name)
    if clone is not None:
        site.array.expect(site.array.recall(clone, ""))


def online(lun: Lun) -> Lun:
    """The LUN; VolumeError if it is offline."""
    if not lun.online:
        raise VolumeError(f"its LUN in {lun.where} is offline on the filer; set it online there")
    return lun


def noted(lun: Lun) -> str:
    """The text about the LUN that is kept with the record of its device."""
    return f"{lun.uuid} {lun.path}"


def recalled(site: Site, note: str | None) -> LunRef | None:
    """The LUN that a ``noted`` text names; None without a text."""
    if note is None:
        return None
    uuid, _, path = note.partition(" ")
    return site.array.recall(path, uuid)
