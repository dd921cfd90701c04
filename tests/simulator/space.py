"""How full volumes and aggregates are.

A reserved LUN takes its whole size; a thin one what its content file really has, so what hosts wrote counts.
Snapshots and clones cost nothing here: the blocks that they share with LUNs are not told apart.  A volume's
snapshot reserve is kept from LUNs.  Volumes without a guarantee share what the aggregate has left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulator.errnos import NO_SPACE, Refusal
from tests.simulator.model import Aggregate, Lun, Volume

if TYPE_CHECKING:
    from tests.simulator.filer import Filer


def lun_used(filer: Filer, lun: Lun) -> int:
    """The bytes that a LUN takes from its volume."""
    return lun.size if lun.reserved else min(filer.state.contents.allocated(lun.uuid), lun.size)


def used(filer: Filer, volume: Volume) -> int:
    """The bytes that a volume's LUNs take."""
    indexes = filer.state.indexes
    thin = sum(lun_used(filer, filer.luns[volume.vserver, path]) for path in indexes.thin.get(volume.key, ()))
    return indexes.reserved.get(volume.key, 0) + thin


def usable(volume: Volume) -> int:
    """What LUNs may take of a volume."""
    return volume.size - volume.size * volume.reserve // 100


def available(filer: Filer, volume: Volume) -> int:
    """What is left for LUNs; never less than nothing."""
    left = usable(volume) - used(filer, volume)
    if volume.guarantee != "volume":
        left = min(left, aggregate_available(filer, filer.state.aggregates[volume.aggregate,]))
    return max(left, 0)


def aggregate_used(filer: Filer, aggregate: Aggregate) -> int:
    """What volumes take of an aggregate."""
    return sum(
        volume.size if volume.guarantee == "volume" else used(filer, volume)
        for volume in filer.volumes.values()
        if volume.aggregate == aggregate.name
    )


def aggregate_available(filer: Filer, aggregate: Aggregate) -> int:
    """What is left for volumes."""
    return max(aggregate.size - aggregate_used(filer, aggregate), 0)


def require(filer: Filer, volume: Volume, more: int) -> None:
    """Refuse a space reservation that the volume cannot keep."""
    if more > available(filer, volume):
        raise Refusal(NO_SPACE, f"No space left on volume {volume.name}")
