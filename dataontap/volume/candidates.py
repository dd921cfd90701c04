"""Which of the LUNs that bear a volume's name is the volume: decided by their tags, serial numbers and maps.

No I/O here. At the volume's own path, /vol/POOL/NAME, whatever LUN is there is the volume: the storage admin put
it there. Elsewhere a LUN has to prove it, because storage admins copy volumes, and a copy has its original's name
and tag.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from dataontap.volume import tag

if TYPE_CHECKING:
    from dataontap.client.array import Lun

# In the place of Ganeti's text, in the comment of a LUN in another pool while it is being removed.
BEING_REMOVED = "being removed"
_SERIAL_DIGITS = 24


def serial_of(lun: Lun) -> str:
    """The LUN's serial number as tags have it: 24 hexadecimal digits, or ``-`` if it is none of ONTAP's form."""
    digits = lun.serial.encode().hex()
    return digits if len(digits) == _SERIAL_DIGITS else tag.UNKNOWN


def uuid_of(lun: Lun) -> str | None:
    """The VOL_UUID in the LUN's tag, if there is one."""
    found = tag.find(lun.comment)
    return found.uuid if found and found.uuid != tag.UNKNOWN else None


def names_itself(lun: Lun) -> bool:
    """Whether the LUN's tag was written for this very LUN."""
    found = tag.find(lun.comment)
    return found is not None and found.serial == serial_of(lun) != tag.UNKNOWN


def is_copy(lun: Lun) -> bool:
    """Whether the LUN's tag was written for another LUN, of which this one is a copy."""
    found = tag.find(lun.comment)
    return found is not None and tag.UNKNOWN not in {found.serial, serial_of(lun)} and not names_itself(lun)


def is_disk(lun: Lun, cluster: str, uuid: str | None) -> bool:
    """Whether it is provably ``cluster``'s LUN of the disk with this VOL_UUID, and no snapshot of it."""
    found = tag.find(lun.comment)
    if found is None or tag.UNKNOWN in {cluster, found.uuid} or not names_itself(lun):
        return False
    return (found.cluster, found.uuid, found.kind) == (cluster, uuid, tag.DISK)


@dataclass(frozen=True)
class Elsewhere:
    """The LUNs of a volume's name outside its own path, by what they are.

    ``volumes`` are provably the volume (one, unless something is wrong), ``copies`` provably are not; of
    ``unproven`` ones nothing tells.
    """

    volumes: tuple[Lun, ...]
    copies: tuple[Lun, ...]
    unproven: tuple[Lun, ...]

    @classmethod
    def of(cls, luns: Iterable[Lun], in_use: Collection[str]) -> Elsewhere:
        """Sort ``luns``; ``in_use`` has the paths of those that are mapped to a group of ours.

        A LUN without a serial number in its tag, from before tags had one, is the volume where one of our nodes
        has it, or where its removal was begun.
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
