"""Takes a LUN away from other nodes' igroups. Before each request and each retry it decides on fresh maps."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Callable

from dataontap.errors import OntapError, VolumeError

if TYPE_CHECKING:
    from dataontap.client.array import Array, LunMap, LunRef

LOG = logging.getLogger(__name__)


def not_alone() -> VolumeError:
    """The error of a verb that has lost the LUN to another node."""
    return VolumeError(
        "another node opens it at the same time: this node does not have it alone; see gnt-instance info"
    )


def take(
    array: Array,
    lun: LunRef,
    maps: Sequence[LunMap],
    left: Callable[[Sequence[LunMap]], list[str]],
    *,
    done: set[str] | None = None,
) -> None:
    """Unmap the LUN from the igroups that ``left`` names for its maps, one after the other, until it names none.

    ``maps`` are the LUN's maps as read just now. They are read again after each unmapping and before each retry:
    while a request waits, another node may take the LUN for itself, and then ``left`` raises the reason to stop.
    So the transport retries no request. ``done`` collects the igroups that the LUN was unmapped from. With it, the
    maps are read once more at the end; without it, they are not read after the last igroup.
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
