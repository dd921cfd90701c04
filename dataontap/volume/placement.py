"""Where a LUN is, or is to be, in the groups of this node, and under which id. No I/O here."""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from dataontap.errors import LunIdTaken, MapConflict, OntapError

if TYPE_CHECKING:
    from dataontap.client.array import LunMap, LunRef
    from dataontap.volume.igroups import Igroups


# Ids that are taken in the group cost a request each; after some it is cheaper to ask for all that are.
GUESSES = 3


@dataclass
class Placement:
    """A LUN on its way to an id in a group of this node's: where it is, or what was tried so far.

    ``maps`` is where it was mapped before, ``leaves`` those of them that it was taken out of. Under one of
    ``lun_ids`` this node may find it once it ``is_mapped``; ``made``: because this verb mapped it.
    """

    lun: LunRef
    naas: Collection[str]
    igroups: Igroups
    maps: Sequence[LunMap] = ()
    leaves: Sequence[LunMap] = ()
    lun_ids: list[int] = field(default_factory=list)
    is_mapped: bool = False
    made: bool = False
    # It is mapped here and may not be: then nothing is written to it.
    is_doubtful: bool = False
    # Ids that are not to be chosen, and how the attempts went.
    avoid: set[int] = field(default_factory=set)
    error: OntapError | None = None
    was_cut_short: bool = False
    refusals: int = 0
    group_was_made_anew: bool = False

    def choose_id(self, limit: int, taken: Collection[int]) -> int | None:
        """The LUN id to ask for, up to ``limit``; None if none is free, here and in the group."""
        unfit = {*self.avoid, *taken}
        return next((one for one in spread(self.lun.name, limit) if one not in unfit), None)

    def ids_had(self, limit: int) -> set[int]:
        """The ids at which a LUN that goes back from groups per node to one for all nodes must not come.

        That group shows it to every node, also to one that was fenced and has a device of it still, which cannot
        be looked at from here. Where that device's paths do not lead, what is queued there stays undelivered until
        that node is scanned. A stopped instance's LUN is mapped to no group by then: so the ids that it is likely
        to have had count, too.
        """
        if self.igroups.is_per_node or not self.igroups.may_be_unmapped:
            return set()
        likely = itertools.islice(spread(self.lun.name, limit), GUESSES)
        return {*likely, *(mapping.lun_id for mapping in self.maps)}

    @property
    def is_refused_for_its_id(self) -> bool:
        """Whether another id would do. A LUN that is mapped to nobody can conflict with nothing but by its id."""
        is_elsewhere = len(self.maps) > len(self.leaves)
        return isinstance(self.error, LunIdTaken) or (isinstance(self.error, MapConflict) and not is_elsewhere)


def spread(name: str, limit: int) -> Iterator[int]:
    """All LUN ids from 1 to ``limit``, beginning somewhere that depends on ``name``.

    The smallest free one, which the filer would take, is the one that a LUN had which went a moment ago: and its
    stale paths, wherever they are left, would lead to the new LUN. 0 is not taken, because some targets answer
    there even when nothing is mapped.
    """
    digest = hashlib.sha256(name.encode()).digest()
    begin = int.from_bytes(digest[:8], "big") % limit
    return (1 + (begin + number) % limit for number in range(limit))
