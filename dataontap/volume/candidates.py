"""Decides which of the LUNs with a volume's name is the volume: by their tags, serial numbers and maps.

No I/O here. The LUN at the volume's own path, /vol/POOL/NAME, is always the volume: the storage admin put it
there. Elsewhere a LUN has to prove it, because storage admins copy volumes, and a copy has its original's name and
tag.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dataontap.volume import tag

if TYPE_CHECKING:
    from dataontap.client.array import Lun

# Replaces Ganeti's text in the comment of a LUN in another pool while the LUN is being removed.
BEING_REMOVED = "being removed"
_SERIAL_DIGITS = 24


def serial_of(lun: Lun) -> str:
    """The LUN's serial number as in tags: 24 hexadecimal digits, or ``-`` if it does not have ONTAP's form."""
    digits = lun.serial.encode().hex()
    return digits if len(digits) == _SERIAL_DIGITS else tag.UNKNOWN


def uuid_of(lun: Lun) -> str | None:
    """The VOL_UUID in the LUN's tag, if there is one."""
    found = tag.find(lun.comment)
    return found.uuid if found and found.uuid != tag.UNKNOWN else None


def names_itself(lun: Lun) -> bool:
    """Whether the LUN's tag was written for this LUN."""
    found = tag.find(lun.comment)
    return found is not None and found.serial == serial_of(lun) != tag.UNKNOWN


def is_copy(lun: Lun) -> bool:
    """Whether the LUN's tag was written for another LUN, so that this LUN is a copy of it."""
    found = tag.find(lun.comment)
    return found is not None and tag.UNKNOWN not in {found.serial, serial_of(lun)} and not names_itself(lun)


def is_disk(lun: Lun, cluster: str, uuid: str | None) -> bool:
    """Whether it is provably ``cluster``'s LUN of the disk with this VOL_UUID, and not a snapshot of it."""
    found = tag.find(lun.comment)
    if found is None or tag.UNKNOWN in {cluster, found.uuid} or not names_itself(lun):
        return False
    return (found.cluster, found.uuid, found.kind) == (cluster, uuid, tag.DISK)


@dataclass(frozen=True)
class Elsewhere:
    """The LUNs with a volume's name outside its own path, by what they are.

    ``volumes`` are provably the volume (one LUN, unless something is wrong). ``copies`` are provably not the
    volume. Nothing proves or disproves that ``unproven`` LUNs are the volume.
    """

    volumes: tuple[Lun, ...]
    copies: tuple[Lun, ...]
    unproven: tuple[Lun, ...]

    @classmethod
    def of(cls, luns: Iterable[Lun], in_use: Collection[str]) -> Elsewhere:
        """Sort ``luns``. ``in_use`` has the paths of the LUNs that are mapped to an igroup of ours.

        The tags of earlier versions have no serial number. A LUN with such a tag is the volume if one of our nodes
        has it, or if its removal was begun.
        """
        volumes, copies, unproven = [], [], []
        for lun in sorted(luns, key=lambda lun: lun.path):
            if is_copy(lun):
                copies.append(lun)
            elif names_itself(lun) or lun.path in in_use or lun.comment.startswith(BEING_REMOVED):
                volumes.append(lun)
            else:
                unproven.append(lun)
        return cls(tuple(volumes), tuple(copies), tuple(unproven))
