"""Machines that have an initiator in common: what is masked for the one is masked for the other.

A cloned machine has its original's initiator name. As long as one of the two is in a group to which a LUN is
mapped, both see the LUN, and fencing by masking is worth nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import TYPE_CHECKING

from dataontap.findings import Finding, failure, warning
from dataontap.volume import tag

if TYPE_CHECKING:
    from dataontap.client.array import Array, Igroup

# How many LUNs are asked for at a time: a query has to name each.
_AT_A_TIME = 50


def twins(
    array: Array,
    own: str,
    initiators: Collection[str],
    others: Iterable[tuple[Igroup, Collection[str]]],
    nodes: Collection[str],
) -> Iterator[Finding]:
    """A failure for each of ``others`` that is the group of a machine that shares an initiator with this one.

    ``own`` is this node's group, ``initiators`` are its own and those in the group, in lower case. ``others`` are
    groups with such an initiator, each with the names of the nodes whose group it is by its name. It is another
    machine's if one of these is among ``nodes``, or if a LUN with our tag is mapped to it; otherwise it may be
    anything, and is a warning. A group without such a name is none of our business.
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
                f"the initiator group {group.name}, which is called like a node's, has this node's initiator, too",
                f"if it is not needed: lun igroup remove -igroup {group.name} -initiator {shared[0]}",
            )


def _has_our_luns(array: Array, igroup: str) -> bool:
    """Whether a LUN that has a tag of this provider's, of whatever cluster, is mapped to the group."""
    maps = {mapping.path: mapping for mapping in array.get_igroup_maps(igroup)}
    mapped = [array.recall(path, mapping.uuid) for path, mapping in sorted(maps.items())]
    for at in range(0, len(mapped), _AT_A_TIME):
        luns = array.get_luns(*mapped[at : at + _AT_A_TIME])
        if any(tag.find(lun.comment) for lun in luns):
            return True
    return False
