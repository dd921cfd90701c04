"""Taking a LUN away from other nodes' groups: a decision on maps read just before, made anew before each
repetition.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING, Callable

from dataontap.errors import OntapError

if TYPE_CHECKING:
    from dataontap.client.zapi.base import LunMap
    from dataontap.client.zapi.cmode import CmodeClient

LOG = logging.getLogger(__name__)


def take(
    client: CmodeClient,
    path: str,
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
    tries = 0
    while groups := left(maps):
        igroup = groups[0]
        LOG.info("taking %s away from %s", path, igroup)
        try:
            client.unmap_lun(path, igroup, once=True)
        except OntapError as error:
            if not error.transient:
                raise
            client.server.again(error, tries)
            tries += 1
        else:
            tries = 0
            if done is not None:
                done.add(igroup)
            elif len(groups) == 1:
                return
        maps = client.get_lun_map(path)
