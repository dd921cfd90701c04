"""Who sees a LUN: this node's initiator group, which id a LUN gets in it, and when it may be mapped at all.

A LUN is mapped for a node only by a verb that runs on that node, and has just seen to it that nothing of it is
left there: what a process had queued for a device whose LUN was taken away is written as soon as it is back,
however long that took and at whatever id (seen on Linux 6.1 with multipath-tools 0.9.4).
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Collection, Iterator
from typing import TYPE_CHECKING

from dataontap.client import codes
from dataontap.errors import NaApiError, VolumeError

if TYPE_CHECKING:
    from dataontap.client.client_base import Lun
    from dataontap.client.client_cmode import CmodeClient
    from dataontap.config import Settings
    from dataontap.devices import Devices

LOG = logging.getLogger(__name__)

# Ids that are taken in the group cost a request each; after some it is cheaper to ask for all that are.
_GUESSES = 3


class Masking:
    """The maps of volumes' LUNs, as far as they concern this node. Call it with the node's lock of scans."""

    def __init__(self, client: CmodeClient, settings: Settings, igroup: str, devices: Devices) -> None:
        self._client = client
        self._settings = settings
        self._igroup = igroup
        self._devices = devices

    def map_here(self, name: str, lun: Lun, *, any_igroup: bool = False) -> list[int]:
        """See to it that this node's group sees the LUN; returns the ids under which this node may find it.

        ``any_igroup``: a map to another group will do, where it is not known which is the volume's.
        """
        if any_igroup and lun.mapped and not self._devices.are_ours:
            return []  # configured commands find it by themselves
        maps = self._client.get_lun_map(lun.path) if lun.mapped else []
        own = [mapping.lun_id for mapping in maps if mapping.igroup == self._igroup]
        if own or (any_igroup and maps):
            return own or sorted({mapping.lun_id for mapping in maps})
        groups = ", ".join(sorted(mapping.igroup for mapping in maps)) or "nobody"
        LOG.warning("%s is mapped to %s; mapping it to %s", lun.path, groups, self._igroup)
        return [self._map(name, lun.path, lun.naas, elsewhere=bool(maps))]

    def map_new(self, name: str, path: str) -> int:
        """Map a LUN that was made a moment ago, so that nothing of it can be anywhere; returns its id."""
        return self._map(name, path, (), elsewhere=False)

    def _map(self, name: str, path: str, naas: Collection[str], *, elsewhere: bool) -> int:
        taken = self._devices.make_room(naas)
        for number, lun_id in enumerate(spread(name, self._settings.lun_id_limit)):
            if number == _GUESSES:
                taken |= {mapping.lun_id for mapping in self._client.get_igroup_maps(self._igroup)}
            if lun_id in taken:
                continue
            try:
                if self._client.map_lun(path, self._igroup, lun_id):
                    return lun_id
            except NaApiError as error:
                if not _is_about_the_id(error, elsewhere):
                    raise
                LOG.info("LUN id %d is taken: %s", lun_id, error)
                continue
            return self._mapped_meanwhile(path)
        raise VolumeError(f"no LUN id up to LUN_ID_LIMIT is free for {path} in {self._igroup}")

    def _mapped_meanwhile(self, path: str) -> int:
        """The id under which somebody else has just mapped the LUN to our group."""
        maps = self._client.get_lun_map(path)
        found = [mapping.lun_id for mapping in maps if mapping.igroup == self._igroup]
        if not found:
            raise VolumeError(f"{path} is being mapped and unmapped by somebody else; try again")
        return found[0]


def _is_about_the_id(error: NaApiError, elsewhere: bool) -> bool:
    """Whether another id would do. A LUN that is mapped to nobody can conflict with nothing but by its id."""
    return error.code == codes.INITGROUP_HAS_LUN or (error.code == codes.LUN_MAPPING_CONFLICT and not elsewhere)


def spread(name: str, limit: int) -> Iterator[int]:
    """All LUN ids from 1 to ``limit``, beginning somewhere that depends on ``name``.

    The smallest free one, which the filer would take, is the one that a LUN had which went a moment ago: and its
    stale paths, wherever they are left, would lead to the new LUN. 0 is not taken, because some targets answer
    there even when nothing is mapped.
    """
    digest = hashlib.sha256(name.encode()).digest()
    begin = int.from_bytes(digest[:8], "big") % limit
    return (1 + (begin + number) % limit for number in range(limit))
