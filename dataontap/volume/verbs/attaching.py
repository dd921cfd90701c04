"""Attaches a volume: finds its device on this node, or brings it up."""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator
from typing import TYPE_CHECKING

from dataontap.errors import DataOntapError, DeadlineError, DeviceError, OntapError, VolumeError
from dataontap.volume.luns import NotInUse
from dataontap.volume.verbs.creation import in_the_making
from dataontap.volume.verbs.device import bring_up
from dataontap.volume.verbs.finding import existing, noted, online

if TYPE_CHECKING:
    from dataontap.client.array import Lun
    from dataontap.volume.requests import Volume
    from dataontap.volume.site import Site

LOG = logging.getLogger(__name__)


def attach(site: Site, volume: Volume) -> str:
    """See ``DataOnTapProvider.attach``."""
    name = volume.name
    with site.locks.volume(name), in_the_making(site, name), site.igroups.doubted():
        proven = site.records.find(name)
        if proven is not None:
            return proven
        device = site.devices.find(name)
        if device is not None and site.records.is_closed(name):
            return device  # a closed volume will only be detached, or opened again
        try:
            with _on_record(site, name):
                lun = online(existing(site, name))
                return _kept(site, lun, bring_up(site, lun, site.devices.find(name), uuid=volume.uuid))
        except (OntapError, DeadlineError) as error:
            return _without_the_filer(site, name, error)


def attach_anew(site: Site, volume: Volume) -> str | None:
    """See ``DataOnTapProvider.attach_anew``."""
    name = volume.name
    with site.locks.volume(name), site.igroups.doubted():
        try:
            with _on_record(site, name):
                lun = online(site.luns.to_move(name, volume.uuid))
                return _kept(site, lun, bring_up(site, lun, site.devices.find(name), of_tag=True))
        except NotInUse as error:
            LOG.warning("%s is not attached before the move: %s", name, error)
            return None
        except (OntapError, DeadlineError) as error:
            return _without_the_filer(site, name, error)


def _kept(site: Site, lun: Lun, device: str) -> str:
    """Record the device as the volume's, and return it."""
    site.devices.proof.warn_if_protected(device)
    site.records.keep(lun.name, device, noted(lun))
    return device


def _without_the_filer(site: Site, name: str, error: DataOntapError) -> str:
    """The device that is here although the filer cannot be asked. Raises ``error`` if there is none.

    An instance must be able to start and stop while only the filer's management is down.
    """
    found = site.devices.find(name)  # again: a stale device may have been taken down meanwhile
    if found is None:
        raise error
    if site.records.contradicts(name, found):
        raise DeviceError(
            f"its device is not the one proven before; the filer cannot be asked: {error}"
        ) from error
    site.devices.proof.prove_alive(found)
    LOG.warning("%s is here, but the filer cannot be asked about it: %s", found, error)
    site.devices.proof.warn_if_protected(found)
    return found


@contextlib.contextmanager
def _on_record(site: Site, name: str) -> Iterator[None]:
    """Remove the volume's record if an error shows that it is wrong."""
    try:
        yield
    except (VolumeError, DeviceError):
        site.records.forget(name)
        raise
