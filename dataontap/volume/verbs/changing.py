"""Changes a volume's LUN: its size (grow), or the text that Ganeti keeps with it (setinfo)."""

from __future__ import annotations

import logging
from dataclasses import replace
from typing import TYPE_CHECKING

from dataontap.errors import VolumeError
from dataontap.volume import tag
from dataontap.volume.verbs.creation import in_the_making
from dataontap.volume.verbs.device import wanted
from dataontap.volume.verbs.finding import existing, noted

if TYPE_CHECKING:
    from dataontap.volume.requests import Growth, Metadata
    from dataontap.volume.site import Site

LOG = logging.getLogger(__name__)

_MIB = 1024 * 1024


def grow(site: Site, volume: Growth) -> None:
    """See ``DataOnTapProvider.grow``."""
    if volume.new_size < volume.size:
        raise VolumeError(f"will not shrink it from {volume.size // _MIB} to {volume.new_size // _MIB} MiB")
    with site.locks.volume(volume.name):
        lun = existing(site, volume.name)
        size = lun.size
        if lun.size >= volume.new_size:
            # The filer rounded its size up at creation, or a grow call succeeded although its answer was lost.
            LOG.info("%s already has %d bytes; %d are asked for", lun.path, lun.size, volume.new_size)
        else:
            size = site.array.do_direct_resize(lun, volume.new_size) or site.luns.at(lun).size
        device = site.devices.find(volume.name)
        if device is not None:
            site.records.forget(volume.name)
            site.devices.grow(volume.name, device, wanted(site, replace(lun, size=size)))
            if site.devices.are_ours:  # devices.grow has proven it
                site.records.keep(volume.name, device, noted(lun))


def setinfo(site: Site, volume: Metadata) -> None:
    """See ``DataOnTapProvider.setinfo``."""
    with site.locks.volume(volume.name), in_the_making(site, volume.name):
        lun = existing(site, volume.name)
        site.array.set_lun_comment(lun, tag.compose(volume.metadata, site.luns.mark(lun, volume.uuid)))
        site.records.finish(volume.name)
