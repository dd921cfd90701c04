"""Taking a LUN away from other nodes' groups: a decision on maps read just before, made anew before each
repetition.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Callable

from dataontap.errors import OntapError, VolumeError

if TYPE_CHECKING:
    from dataontap.client.array import Array, LunMap, LunRef

LOG = logging.getLogger(__name__)


def not_alone() -> VolumeError:
    """The reason to stop for a verb that has lost."""
    return VolumeError("another node opens it at the same time; this one does not have it alone")


def take(
    array: Array,
    lun: LunRef,
    maps: Sequence[LunMap],
    left: Callable[[Sequence[LunMap]], list[str]],
    *,
    done: set[str] | None = None,
) -> None:
    """Unmap the LUN from the groups that ``left`` names by its maps, one after the other, until it names none.

    ``maps`` are the LUN's as read just now. They are read again after each unmapping and before each repetition:
    while a request waits, another node may have taken the LUN for itself, and ``left`` raises the reason to stop.
    So no request is repeated by the transport. With ``done``, which gets the groups that the LUN was unmapped
    from, they are read once more at the end; without it, not after the last group.
    """
    tries = array.tries()
    while groups := left(maps):
        igroup = groups[0]
        LOG.info("taking %s away from %s", lun.path, igroup)
        try:
            array.unmap_lun(lun, igroup, once=True)
        except OntapError as error:
            tries.again(error)
        else:
            tries = array.tries()
            if done is not None:
                done.add(igroup)
            elif len(groups) == 1:
                return
        maps = array.get_lun_map(lun)
