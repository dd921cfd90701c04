"""Machines that share an initiator: a LUN that is mapped for the one is mapped for the other.

A cloned machine has its original's initiator name. While one of the two is in an igroup to which a LUN is mapped,
both see the LUN, and fencing by LUN masking does not work.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING

from dataontap.findings import Finding, failure, warning
from dataontap.volume import tag

if TYPE_CHECKING:
    from dataontap.client.array import Array, Igroup

# How many LUNs one query asks for: it has to name each LUN.
_AT_A_TIME = 50


def twins(
    array: Array,
    own: str,
    initiators: Collection[str],
    others: Iterable[tuple[Igroup, Collection[str]]],
    nodes: Collection[str],
) -> Iterator[Finding]:
    """A failure for each igroup of ``others`` that belongs to another machine with an initiator of this node.

    ``own`` is this node's igroup. ``initiators`` are the node's and those in its igroup, in lower case. ``others``
    are igroups with such an initiator, each with the names of the nodes whose igroup it is by its name. It is
    another machine's if one of these is among ``nodes``, or if a LUN with our tag is mapped to it. Otherwise its
    purpose is unknown, and it is a warning. An igroup that does not have a node's name is ignored.
    """
    for group, called_after in others:
        shared = sorted({name.lower() for name in group.initiators} & {*initiators})
        if not (shared and called_after):
            continue
        if {*called_after} & {*nodes} or _has_our_luns(array, group.name):
            yield failure(
                "igroup",
                f"IGROUP: cloned initiatorname.iscsi: {own} and {group.name} share an initiator",
                "give each machine its own, then lun igroup remove the shared one",
            )
        else:
            yield warning(
                "igroup",
                f"the igroup {group.name}, which has the name of a node's igroup, has this node's initiator, too",
                f"if it is not needed: lun igroup remove -igroup {group.name} -initiator {shared[0]}",
            )


def _has_our_luns(array: Array, igroup: str) -> bool:
    """Whether a LUN that has a tag of this provider, of any cluster, is mapped to the igroup."""
    maps = {mapping.path: mapping for mapping in array.get_igroup_maps(igroup)}
    mapped = [array.recall(path, mapping.uuid) for path, mapping in sorted(maps.items())]
    for at in range(0, len(mapped), _AT_A_TIME):
        luns = array.get_luns(*mapped[at : at + _AT_A_TIME])
        if any(tag.find(lun.comment) for lun in luns):
            return True
    return False
