"""Where a LUN is or is to be in this node's igroups, and under which LUN id. No I/O here."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dataontap.errors import LunIdTaken, MapConflict, OntapError

if TYPE_CHECKING:
    from dataontap.client.array import LunMap, LunRef, Tries
    from dataontap.volume.igroups import Igroups


# Each id that is taken in the igroup costs a request. After so many, one request for all taken ids is cheaper.
GUESSES = 3


@dataclass
class Placement:
    """A LUN on its way to an id in an igroup of this node: where it is, or what was tried so far.

    ``maps`` are its maps from before, ``leaves`` the maps of these that were removed. Once it ``is_mapped``, this
    node may find it under one of ``lun_ids``. ``made``: this verb mapped it.
    """

    lun: LunRef
    naas: Collection[str]
    igroups: Igroups
    maps: Sequence[LunMap] = ()
    leaves: Sequence[LunMap] = ()
    lun_ids: list[int] = field(default_factory=list)
    is_mapped: bool = False
    made: bool = False
    # It is mapped here although it should not be: then its tag is not changed.
    is_doubtful: bool = False
    # The ids that must not be chosen, the id of the last attempt, and how the attempts ended.
    avoid: set[int] = field(default_factory=set)
    tried: int = 0
    error: OntapError | None = None
    was_cut_short: bool = False
    refusals: int = 0
    tries: Tries | None = None
    group_was_made_anew: bool = False

    def choose_id(self, limit: int, taken: Collection[int]) -> int | None:
        """The LUN id to ask for, up to ``limit``; None if no id is free both here and in the igroup."""
        unfit = {*self.avoid, *taken}
        return next((one for one in spread(self.lun.name, limit) if one not in unfit), None)

    def ids_had(self, limit: int) -> set[int]:
        """The ids that a LUN must not get when it moves back from an igroup per node to the igroup for all nodes.

        That igroup shows the LUN to every node. A fenced node may still have a device of it with queued writes,
        and cannot be checked from here. At an id to which that device's paths do not lead, these writes are not
        delivered until that node is scanned. A stopped instance's LUN is mapped to no igroup by then, so the ids
        that it probably had count, too.
        """
        if self.igroups.is_per_node or not self.igroups.may_be_unmapped:
            return set()
        likely = itertools.islice(spread(self.lun.name, limit), GUESSES)
        return {*likely, *(mapping.lun_id for mapping in self.maps)}

    @property
    def is_refused_for_its_id(self) -> bool:
        """Whether another id would help. A LUN without maps can conflict only by its id."""
        is_elsewhere = len(self.maps) > len(self.leaves)
        return isinstance(self.error, LunIdTaken) or (isinstance(self.error, MapConflict) and not is_elsewhere)


def spread(name: str, limit: int) -> Iterator[int]:
    """All LUN ids from 1 to ``limit``, beginning at an id that depends on ``name``.

    The filer would choose the smallest free id. A LUN that was unmapped a moment ago may have had that id, and its
    stale paths, on any node, would lead to the new LUN. Id 0 is not used, because some targets answer there even
    when nothing is mapped.
    """
    digest = hashlib.sha256(name.encode()).digest()
    begin = int.from_bytes(digest[:8], "big") % limit
    return (1 + (begin + number) % limit for number in range(limit))
