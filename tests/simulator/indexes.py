"""What can be told of the LUNs without looking at all of them: a filer does not search, and neither do we."""

from __future__ import annotations

from tests.simulator.model import Key, Lun


class Indexes:
    """Look-up tables that follow every change of a LUN.

    ``maps``: (vserver, igroup) -> LUN id -> path; ``named``: (vserver, last part of the path) -> paths;
    ``in_volume`` and ``thin``: (vserver, volume) -> paths of all its LUNs, and of those without a reservation;
    ``reserved``: (vserver, volume) -> bytes of the others; ``by_uuid``: UUID -> the LUN's key.
    """

    def __init__(self) -> None:
        self.maps: dict[Key, dict[int, str]] = {}
        self.named: dict[Key, set[str]] = {}
        self.in_volume: dict[Key, set[str]] = {}
        self.thin: dict[Key, set[str]] = {}
        self.reserved: dict[Key, int] = {}
        self.by_uuid: dict[str, Key] = {}

    def add(self, lun: Lun) -> None:
        """A LUN is there now."""
        self.by_uuid[lun.uuid] = lun.key
        for igroup, lun_id in lun.maps.items():
            self.maps.setdefault((lun.vserver, igroup), {})[lun_id] = lun.path
        self.named.setdefault((lun.vserver, lun.name), set()).add(lun.path)
        volume = (lun.vserver, lun.volume)
        self.in_volume.setdefault(volume, set()).add(lun.path)
        if lun.reserved:
            self.reserved[volume] = self.reserved.get(volume, 0) + lun.size
        else:
            self.thin.setdefault(volume, set()).add(lun.path)

    def drop(self, lun: Lun) -> None:
        """A LUN is there no more, or not as it was."""
        # A LUN that was renamed may be there again under its new key.
        if self.by_uuid.get(lun.uuid) == lun.key:
            del self.by_uuid[lun.uuid]
        for igroup, lun_id in lun.maps.items():
            del self.maps[lun.vserver, igroup][lun_id]
        named = self.named[lun.vserver, lun.name]
        named.remove(lun.path)
        if not named:
            del self.named[lun.vserver, lun.name]
        volume = (lun.vserver, lun.volume)
        self.in_volume[volume].remove(lun.path)
        if lun.reserved:
            self.reserved[volume] -= lun.size
        else:
            self.thin[volume].remove(lun.path)
